"""The contract between the rate limiter and a budget that several gateways share."""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from gateway.transport.rate_limit_status import RateLimitStatus
from schema.source.request_context import RateLimitState

Verdict = Literal["accepted", "failed", "unknown", ""]
"""What the end of a call proves about its credential; empty: nothing about a proven one."""


class SharedWindow(NamedTuple):
    """The rate limit window as all gateways count it."""

    number: int
    """Numbers are consecutive."""
    limit: int
    left: int
    rest: float
    """Seconds until it ends."""
    probe: float | None = None
    """Seconds until a call may probe the calls left; None if they are known."""
    kept: float = 0.0
    """Seconds for which the last call is kept: its headers may return more than one."""


class Reservation(NamedTuple):
    """A call that is to be sent."""

    priority: int
    partition: str
    """The caller whose share pays."""
    credential: str
    """Keyed hash of the credential."""
    proven: bool
    """Whether the API has accepted the credential."""
    patience: float
    """Seconds that the call may wait."""


class Grant(NamedTuple):
    """Permission to send one call."""

    reservation: Reservation
    id: str
    number: int
    """Its number in the rate limit window; 0 if a lease granted it."""


class Refusal(NamedTuple):
    """Why a call may not be sent now."""

    seconds: float
    """Seconds after which it may be reserved again."""
    reason: Literal["budget", "share", "unknown", "learning", "unreachable"]
    final: bool
    """Whether the wait exceeds the call's patience."""


class CallOutcome(NamedTuple):
    """How a granted call ended."""

    kind: Literal["response", "lost", "unsent"]
    status: RateLimitStatus = RateLimitStatus()
    limited: bool = False
    """Whether the response is a 429."""
    delay: float | None = None
    """Seconds to wait that a 429 states."""
    verdict: Verdict = ""
    pointless: bool = False
    """Whether it is a write that the API rejected for its caller."""


class SharedBudget(Protocol):
    """The calls of one address, counted for all gateways behind it."""

    @property
    def is_reachable(self) -> bool:
        """Whether the server replied to the last command."""

    @property
    def gateways(self) -> int:
        """The number of gateways that are known to share the budget."""

    async def reserve(self, reservation: Reservation) -> Grant | Refusal:
        """Debit a call that is about to be sent, or return why it may not be sent."""

    def report(self, grant: Grant, outcome: CallOutcome) -> None:
        """Record how a granted call ended; return at once."""

    async def allow_retry(self, *, known: bool) -> bool:
        """Take one retry from the retry budget; `known`: for a proven credential."""

    def state(self) -> RateLimitState:
        """Return the latest known state of the window."""

    def when_changed(self, act: Callable[[SharedWindow], None]) -> None:
        """Call `act` with each newer state of the window."""

    def start(self) -> None:
        """Begin to renew the lease."""

    async def aclose(self) -> None:
        """Report what is left to report, and give the lease back."""
