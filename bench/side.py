"""One system that is measured: how it is started, and what it takes part in."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.rig import HERE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.traffic import Workload
    from bench.work import Dialect

BIN = Path(sys.executable).parent
KEY = "0" * 64
OWN = {"ours", "variant", "before"}


@dataclass(frozen=True, slots=True)
class Side:
    """One system. `{port}` in a command is the port it is to answer on."""

    name: str
    kind: str
    """`ours`, `variant` (ours in another way), `before` (another checkout), `bare` or `rival`."""
    command: Sequence[str]
    dialect: Dialect = "page"
    cached: bool = False
    folder: Path = HERE
    environment: Mapping[str, str] = field(default_factory=dict)
    target: str = "/graphql"
    headers: Mapping[str, str] = field(default_factory=dict)
    """What each request has beside the credential."""
    beyond: frozenset[str] = frozenset()
    """Workloads that are too much for it."""
    complete: bool = False
    """Whether it has all fields of a client, and the mutation of workload R."""
    only: frozenset[str] = frozenset()
    """Workloads that it takes part in; empty for all."""

    def takes_part(self, work: Workload) -> bool:
        """Return whether it can be measured in a workload, and adds something there."""
        return (
            self.cached == (work.cached or (work.held and self.kind in OWN))
            and work.name not in self.beyond
            and (not self.only or work.name in self.only)
            and (not work.alone or self.kind in OWN)
            and (not work.complete or self.complete)
            and (self.kind != "bare" or self.target == f"/{work.name}")
        )
