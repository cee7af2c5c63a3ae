"""The pure code of the single process, composed as the server's functions compose theirs."""

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.api.retry import RetryBudget
from gateway.ratelimit.fair_share import FairShare
from gateway.ratelimit.slow_start import TRIAL_WAIT, SlowStart
from gateway.ratelimit.unknown_credentials import UnknownCredentialLimiter
from gateway.ratelimit.window import RateLimitWindow
from gateway.transport.rate_limit_status import RateLimitStatus
from schema.source.request_context import Priority, RateLimitState


class Ask(NamedTuple):
    """A call that wants to be sent."""

    priority: Priority
    caller: str
    proven: bool
    patience: float


class Granted(NamedTuple):
    number: int
    trial: int


class Held(NamedTuple):
    verdict: str
    seconds: float
    whose: str


@dataclass
class Specification:
    """One budget, in the words of the pure code."""

    limit: int
    seconds: float
    flights: dict[int, tuple[Ask, Granted]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.window = RateLimitWindow(limit=self.limit, window_seconds=self.seconds)
        self.share = FairShare(self.window)
        self.slow_start = SlowStart()
        self.unknown = UnknownCredentialLimiter()
        self.retries = {True: RetryBudget(), False: RetryBudget()}

    def reserve(self, ask: Ask, now: float) -> Granted | Held:
        self.window.window_number(now)
        common = max(self.slow_start.wait(now), self.window.wait(ask.priority, now))
        own, room, barred = self._own(ask, now)
        if common == own == 0 and room and not barred:
            return self._grant(ask, now)
        seconds, whose = max(common, own), "budget"
        if ask.proven:
            whose = "share" if own > common else whose
        elif own or not room:
            whose = "unknown"
        if seconds <= ask.patience and not barred:
            return Held("wait", seconds or TRIAL_WAIT, whose)
        if not ask.proven:
            self.unknown.record_rejection(ask.caller, now)
        return Held("refused", seconds, whose)

    def _own(self, ask: Ask, now: float) -> tuple[float, bool, bool]:
        if not ask.proven:
            return (
                self.unknown.wait(ask.caller, now),
                self.unknown.room(ask.caller, now),
                self.unknown.is_unknown(ask.caller, now),
            )
        if ask.priority is Priority.WRITE:
            return self.share.wait_to_write(ask.caller, now), True, False
        return self.share.wait(ask.caller, now), True, False

    def _grant(self, ask: Ask, now: float) -> Granted:
        number = self.window.reserve(now, ask.priority)
        if ask.proven:
            self.share.spend(ask.caller, now, writes=ask.priority is Priority.WRITE)
        else:
            self.unknown.record_attempt(ask.caller, now)
        granted = Granted(number, self.slow_start.enter())
        self.flights[number] = ask, granted
        return granted

    def answered(
        self, number: int, status: RateLimitStatus, code: int, delay: float | None, now: float
    ) -> None:
        ask, granted = self.flights.pop(number)
        self.window.record_response(number, status, now)
        self.retries[True].called(now)
        if code == 429:
            self.slow_start.refused(now, delay)
        else:
            self.slow_start.passed(granted.trial)
        if ask.priority is Priority.WRITE and ask.proven and code in {401, 403, 404, 410}:
            self.share.pointless(ask.caller)
        if code == 200:
            self.unknown.succeeded(ask.caller)
            if not ask.proven:
                self.share.spend(ask.caller, now, writes=ask.priority is Priority.WRITE)
        elif not ask.proven:
            if code == 429:
                self.unknown.unknown(ask.caller)
            else:
                self.unknown.failed(ask.caller, now)

    def unanswered(self, number: int, now: float, *, sent: bool) -> None:
        ask, granted = self.flights.pop(number)
        self.window.window_number(now)
        if sent:
            self.window.record_no_response(number, now)
        else:
            self.window.release(number)
            if ask.proven:
                self.share.refund(ask.caller, writes=ask.priority is Priority.WRITE)
        self.slow_start.unknown(granted.trial)
        if not ask.proven:
            self.unknown.unknown(ask.caller)

    def retry(self, now: float, *, known: bool) -> bool:
        state, shut = self.window.state(now), self.slow_start.wait(now)
        remaining = 0 if shut else state.remaining
        allowed = self.retries[known].allows(now, RateLimitState(state.limit, remaining, 0))
        if allowed:
            self.retries[known].retried(now)
        return allowed
