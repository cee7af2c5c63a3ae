"""What can go wrong with the API, on request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """Applies to the next `times` calls whose method and path begin as said.

    `latency` is in seconds. `status` and `body` replace the answer; `lost` drops the answer
    after the call was carried out, `dropped` before it was. `record` and `without` change
    every record told. `drip` sends that many bytes every 100 ms; `cut` stops after so many
    bytes of the body, connection closed.
    """

    method: str = ""
    path: str = ""
    times: int = 1
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

    def meets(self, method: str, path: str) -> bool:
        """Whether it applies to this call."""
        return self.times > 0 and method.startswith(self.method) and path.startswith(self.path)

    def changed(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record as this fault lets the API tell it."""
        told = {key: value for key, value in record.items() if key not in self.without}
        return told | self.record


class Dropped(Exception):
    """The connection is closed without a word more."""
