"""What can go wrong with the API, on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """Applies to the next `times` calls whose method and path begin as said, or a share of them.

    `latency` is in seconds. `status` and `body` replace the answer; `lost` drops the answer
    after the call was carried out, `dropped` before it was. `record` and `without` change
    every record told. `drip` sends that many bytes every 100 ms; `cut` stops after so many
    bytes of the body, connection closed.
    """

    method: str = ""
    path: str = ""
    times: int = 1
    share: float = 1.0
    latency: float = 0.0
    status: int | None = None
    body: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False
    dropped: bool = False
    cut: int | None = None
    drip: int | None = None
    record: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    _due: float = field(default=0.0, init=False, repr=False)

    def meets(self, method: str, path: str) -> bool:
        """Whether it applies to this call."""
        return self.times > 0 and method.startswith(self.method) and path.startswith(self.path)

    def strikes(self) -> bool:
        """Whether this call is one of those spoilt; they are spread evenly."""
        self.times -= 1
        self._due += self.share
        if self._due < 1 - 1e-9:  # ten times 0.1 is a little less than 1
            return False
        self._due -= 1
        return True

    def changed(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record as this fault lets the API tell it."""
        told = {key: value for key, value in record.items() if key not in self.without}
        return told | self.record


class Dropped(Exception):
    """The connection is closed without a word more."""
