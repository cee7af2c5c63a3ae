"""Fault injection for the sandbox: what changes a call and its response."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

WRITES = "POST PUT DELETE"
"""The unsafe methods, in the form of `Fault.method`."""
ALWAYS = math.inf
"""`Fault.times` of a permanent fault, which applies to every matching call."""
LIST = "/clients"


class ConnectionDropped(Exception):
    """The connection is closed without a complete response."""


class InjectedFaults(logging.Filter):
    """Keeps dropped connections out of a server's log, which has each with its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is of anything else."""
        return not (record.exc_info and isinstance(record.exc_info[1], ConnectionDropped))


class SandboxError(Exception):
    """An error response in the standard envelope."""

    def __init__(self, status: int, code: str, message: str, details: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"code": code, "message": message}
        if details is not None:
            self.error["details"] = details


@dataclass
class SandboxRequest:
    """A request to the sandbox, at `now` seconds on its clock. Faults may change it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    """The JSON value, None for an invalid body."""
    now: float = 0.0
    timestamp: str = ""
    """The time that the API's own clock shows."""
    lag: float = 0.0
    """Seconds by which the records that it sees are old."""

    @property
    def limit(self) -> int:
        """The number of rows that a read of the list requests."""
        text = self.query.get("limit", "") if self.path == LIST else "0"
        return int(text) if text.isdigit() else 25

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a write. Raises `SandboxError` if its body is no JSON object."""
        if not isinstance(self.body, dict):
            raise SandboxError(400, "VALIDATION_ERROR", "The body must be a JSON object.")
        return self.body


@dataclass
class SandboxResponse:
    """A response of the sandbox. Faults may change it, and replace its body with `content`."""

    status: int
    envelope: Any
    headers: dict[str, str]
    content: bytes | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The `data` of the body: `clients` and `meta` of a list, one client, or nothing."""
        data: dict[str, Any] = self.envelope.get("data", {})
        return data

    @property
    def records(self) -> list[dict[str, Any]]:
        """The clients in the body: those of a list, one client, or none."""
        if "clients" in self.data:
            return [row for row in self.data["clients"] if isinstance(row, dict)]
        return [self.data] if "id" in self.data else []


@dataclass
class Fault:
    """A fault of the next `times` calls, or of a `share`, that match `method` and `path`.

    `method` is one or more methods, separated by blanks; `path` is a prefix. `latency` is in
    seconds, `row_latency` in seconds for each row of a list that is requested. `status` and `body`
    replace the response after the call was executed. With `instead` the call is neither executed
    nor counted, as if a proxy had answered. `dropped` closes the connection before the call is
    executed, `lost` after that. `record` and `without` change every record in the response. `drip`
    sends that many bytes every 100 ms. `cut` closes the connection after that many bytes of the
    body. `most` caps the rows of a page. `lag` makes reads see the clients of that many seconds
    ago; `hidden` makes a new client 404 by id for that many seconds. `skew` shifts the clock that
    stamps records, in seconds. `ahead` raises the version of a client in its first response.
    `receive` changes a request or raises `SandboxError`, `change` changes the response, and
    `encode` the bytes of the body as the last step.
    """

    method: str = ""
    path: str = ""
    times: float = 1
    share: float = 1.0
    latency: float = 0.0
    row_latency: float = 0.0
    status: int | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    instead: bool = False
    lost: bool = False
    dropped: bool = False
    cut: int | None = None
    drip: int = 0
    record: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    most: int = 100
    lag: float = 0.0
    hidden: float = 0.0
    skew: float = 0.0
    ahead: int = 0
    receive: Callable[[SandboxRequest], None] = lambda _: None
    change: Callable[[SandboxRequest, SandboxResponse], object] = lambda _, __: None
    encode: Callable[[bytes], bytes] = lambda content: content
    _due: float = field(default=0.0, init=False, repr=False)
    _seen: set[object] = field(default_factory=set, init=False, repr=False)

    def matches(self, method: str, path: str) -> bool:
        """Return True if the fault applies to the call."""
        return (
            self.times > 0
            and method.startswith(tuple(self.method.split()) or "")
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

    def response(self) -> SandboxResponse:
        """Return the response in place of the API's."""
        headers = {"content-type": "application/json"} | self.headers
        return SandboxResponse(self.status or 502, None, headers, (self.body or "").encode())

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Change the response to a call that was executed."""
        for record in answer.records:
            if record.get("id") not in self._seen and isinstance(record.get("version"), int):
                record["version"] += self.ahead
            self._seen.add(record.get("id"))
            for name in self.without:
                record.pop(name, None)
            record.update(self.record)
        answer.status = answer.status if self.status is None else self.status
        if self.body is not None:
            answer.content = self.body.encode()
        answer.headers |= self.headers
        self.change(call, answer)


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
