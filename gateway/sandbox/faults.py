"""Fault injection for the sandbox: hooks that change a call and its response."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WRITES = "POST PUT DELETE"
"""The unsafe methods, in the form of `Fault.method`."""
ALWAYS = math.inf
"""`Fault.times` of a permanent fault, which applies to every matching call."""


class ConnectionDropped(Exception):
    """The connection is closed without a complete response."""


@dataclass
class SandboxRequest:
    """A request to the sandbox, at `now` seconds on its clock. Faults may change it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    """The JSON value, None for an invalid body."""
    now: float = 0.0


@dataclass
class SandboxResponse:
    """A response of the sandbox. Faults may change it, and replace its body with `content`."""

    status: int
    envelope: Any
    headers: dict[str, str]
    content: bytes | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        """The clients in the body: those of a list, one client, or none."""
        data = self.envelope.get("data", {}) if isinstance(self.envelope, dict) else {}
        if "clients" in data:
            return [row for row in data["clients"] if isinstance(row, dict)]
        return [data] if "id" in data else []

    @property
    def meta(self) -> dict[str, Any] | None:
        """The `meta` of a list, None for other responses."""
        data = self.envelope.get("data", {}) if isinstance(self.envelope, dict) else {}
        meta: dict[str, Any] | None = data.get("meta")
        return meta


@dataclass
class Fault:
    """A fault of the next `times` calls, or of a `share`, that match `method` and `path`.

    `method` is one or more methods, separated by blanks; `path` is a prefix. `latency` is in
    seconds. `status` and `body` replace the response after the call was executed. With `instead`
    the call is neither executed nor counted, as if a proxy had answered. `dropped` closes the
    connection before the call is executed, `lost` after that. `record` and `without` change every
    record in the response. `drip` sends that many bytes every 100 ms. `cut` closes the connection
    after that many bytes of the body. `lag` makes reads see the clients of that many seconds ago.
    `skew` shifts the clock that stamps records, in seconds.
    """

    method: str = ""
    path: str = ""
    times: float = 1
    share: float = 1.0
    latency: float = 0.0
    status: int | None = None
    body: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    instead: bool = False
    lost: bool = False
    dropped: bool = False
    cut: int | None = None
    drip: int | None = None
    record: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    lag: float = 0.0
    skew: float = 0.0
    _due: float = field(default=0.0, init=False, repr=False)

    def matches(self, method: str, path: str) -> bool:
        """Return True if the fault applies to the call."""
        methods = self.method.split() or [""]
        return (
            self.times > 0
            and any(method.startswith(each) for each in methods)
            and path.startswith(self.path)
        )

    def triggers(self) -> bool:
        """Count a matching call; return True if it is in the `share`, which is spread evenly."""
        self.times -= 1
        self._due += self.share
        if self._due < 1 - 1e-9:  # ten times 0.1 is less than 1
            return False
        self._due -= 1
        return True

    def delay(self, call: SandboxRequest) -> float:  # noqa: ARG002 - a hook
        """Return the seconds before the call is executed."""
        return self.latency

    def behind(self, call: SandboxRequest) -> float:  # noqa: ARG002 - a hook
        """Return the seconds by which a read lags."""
        return self.lag

    def receive(self, call: SandboxRequest) -> None:
        """Change the call before it is executed. May raise `SandboxError`."""

    def replace(self, call: SandboxRequest) -> SandboxResponse | None:  # noqa: ARG002 - a hook
        """Return a response in place of the API's; None executes the call."""
        if not self.instead:
            return None
        content = (self.body or "").encode()
        headers = {"content-type": self.content_type, **self.headers}
        return SandboxResponse(self.status or 502, None, headers, content)

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:  # noqa: ARG002 - a hook
        """Change the response to a call that was executed."""
        for record in answer.records:
            for name in self.without:
                record.pop(name, None)
            record.update(self.record)
        answer.status = answer.status if self.status is None else self.status
        if self.body is not None:
            answer.content = self.body.encode()
            answer.headers["content-type"] = self.content_type
        answer.headers |= self.headers

    def encode(self, answer: SandboxResponse, content: bytes) -> bytes:  # noqa: ARG002 - a hook
        """Change the bytes of the body as the last step."""
        return content


@dataclass
class ResponseChange(Fault):
    """A fault that changes the response by one function."""

    change: Callable[[SandboxResponse], None] = lambda _: None

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Apply the fields, then the function."""
        super().answer(call, answer)
        self.change(answer)


def select_faults(faults: Sequence[Fault], method: str, path: str) -> list[Fault]:
    """Return the faults that apply to the call.

    All matching permanent faults apply. Of the faults with limited `times` only the first match
    applies, so that a list of such faults is a script.
    """
    matching = [each for each in faults if each.matches(method, path)]
    limited = next((each for each in matching if each.times < ALWAYS), None)
    return [
        each for each in matching if (each.times == ALWAYS or each is limited) and each.triggers()
    ]
