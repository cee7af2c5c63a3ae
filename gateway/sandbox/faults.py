"""What can go wrong with the API, on request: one mechanism, hooks on the way of a call."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WRITES = "POST PUT DELETE"
"""The methods that change something, as `Fault.method` takes them."""
ALWAYS = math.inf
"""`Fault.times` of a standing fault: it applies to every call that it meets."""


class Dropped(Exception):
    """The connection is closed without a word more."""


@dataclass
class SandboxRequest:
    """A call on its way in, its time on the sandbox's clock in seconds; faults may change it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    """The JSON value, None for a body that is none."""
    now: float = 0.0


@dataclass
class SandboxResponse:
    """An answer on its way out; faults may change it, and replace its body by `content`."""

    status: int
    envelope: Any
    headers: dict[str, str]
    content: bytes | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        """The clients it holds: of a list, of one client, or none."""
        data = self.envelope.get("data", {}) if isinstance(self.envelope, dict) else {}
        if "clients" in data:
            return [row for row in data["clients"] if isinstance(row, dict)]
        return [data] if "id" in data else []

    @property
    def meta(self) -> dict[str, Any] | None:
        """The counts of a list, None where it is no list."""
        data = self.envelope.get("data", {}) if isinstance(self.envelope, dict) else {}
        meta: dict[str, Any] | None = data.get("meta")
        return meta


@dataclass
class Fault:
    """Applies to the next `times` calls whose method and path begin as given, or a share of them.

    `method` names one or more, separated by blanks. `latency` is in seconds. `status` and `body`
    replace the answer once the call was carried out, or where `instead` is set, without carrying
    it out and without counting it, as a proxy does. `lost` drops the answer after the call was
    carried out, `dropped` before it was. `record` and `without` change every record in the
    answer. `drip` sends that many bytes every 100 ms; `cut` stops after so many bytes of the
    body, connection closed. `lag` has reads see the clients of so many seconds ago, `skew` shifts
    the clock that stamps records, in seconds.
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
        """Whether it applies to this call."""
        among = self.method.split() or [""]
        return (
            self.times > 0
            and any(method.startswith(each) for each in among)
            and path.startswith(self.path)
        )

    def triggers(self) -> bool:
        """Whether this call is one of those spoilt; they are spread evenly."""
        self.times -= 1
        self._due += self.share
        if self._due < 1 - 1e-9:  # ten times 0.1 is a little less than 1
            return False
        self._due -= 1
        return True

    def delay(self, call: SandboxRequest) -> float:  # noqa: ARG002 - a hook
        """Seconds before the call is carried out."""
        return self.latency

    def behind(self, call: SandboxRequest) -> float:  # noqa: ARG002 - a hook
        """Seconds by which a read lags."""
        return self.lag

    def receive(self, call: SandboxRequest) -> None:
        """Change the call before it is carried out; may raise a refusal of the API."""

    def replace(self, call: SandboxRequest) -> SandboxResponse | None:  # noqa: ARG002 - a hook
        """Answer in the API's place, the call not carried out; None lets it through."""
        if not self.instead:
            return None
        content = (self.body or "").encode()
        headers = {"content-type": self.content_type, **self.headers}
        return SandboxResponse(self.status or 502, None, headers, content)

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:  # noqa: ARG002 - a hook
        """Change the answer to a call that was carried out."""
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
        """Change the bytes of the body, the last thing that happens to them."""
        return content


@dataclass
class Changed(Fault):
    """Changes what the API answers by one function."""

    change: Callable[[SandboxResponse], None] = lambda _: None

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Apply the change after what the fields say."""
        super().answer(call, answer)
        self.change(answer)


def first_matching(faults: Sequence[Fault], method: str, path: str) -> list[Fault]:
    """The faults that apply to this call.

    Standing faults apply together. Of those limited in number the first that meets the call
    takes its turn, so that a list of them is a script.
    """
    met = [each for each in faults if each.matches(method, path)]
    turn = next((each for each in met if each.times < ALWAYS), None)
    return [each for each in met if (each.times == ALWAYS or each is turn) and each.triggers()]
