"""Whether a request may go out now: everything that has a say in it, asked in one place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import httpx

from gateway.upstream.api_error import succeeded
from gateway.upstream.breaker import SPAN, Breaker, Failed
from gateway.upstream.failures import refused
from gateway.upstream.gate import Gate
from gateway.upstream.outcome import Unsendable, never_sent
from gateway.upstream.proofs import Proofs
from gateway.upstream.retry_after import limited, reading, retry_after, stated_wait
from gateway.upstream.shares import Shares
from gateway.upstream.standing import Standing
from schema.failures import RateLimited, Unauthenticated, Unavailable
from schema.operation import BudgetState, Lane

if TYPE_CHECKING:
    from gateway.upstream.ledger import Ledger
    from gateway.upstream.terms import Terms
    from schema.failures import Failure

UNAUTHORIZED, REFUSED, RESTING = 401, 429, 503
POINTLESS = frozenset({401, 403, 404, 410})
"""Statuses of writes that cannot have been of use to their caller."""
_WRITE = Lane.WRITE  # looked up once: it takes longer than what is asked of it


class Turn(NamedTuple):
    """Leave to send one request."""

    terms: Terms
    number: int
    """Its number in the ledger."""
    trial: int
    """The trial of the gate it is part of; 0: none."""
    probing: bool
    """Whether it tries for all whether the API is back."""
    proving: bool
    """Whether it tries a credential that nobody knows yet."""


class Admission:
    """The window, the API's 429s and outages, callers' shares, and credentials' standing.

    Pure arithmetic: every method is told the time, in monotonic seconds.
    """

    def __init__(self, ledger: Ledger, standing: Standing | None = None) -> None:
        self.standing = standing or Standing()
        self._ledger = ledger
        self._gate = Gate()
        self._breaker = Breaker()
        self._strangers = Breaker()
        """The same for credentials that nobody knows: how these fare tells others nothing."""
        self._well_at = -math.inf
        """When somebody the API accepts was last answered, and not with a 5xx."""
        self._shares = Shares(ledger)
        self._proofs = Proofs()

    def state(self, now: float) -> BudgetState:
        """The window as we know it; nothing is left of it while a 429 keeps everybody away."""
        state = self._ledger.state(now)
        shut = self._gate.wait(now)
        if not shut:
            return state
        return BudgetState(state.limit, 0, max(state.reset_seconds, math.ceil(shut)))

    def refreshable(self, now: float) -> bool:
        """Whether something that nobody waits for may be read now."""
        return not (
            self._breaker.wait(now) or self._gate.wait(now) or self._ledger.wait(Lane.REFRESH, now)
        )

    def shut(self, now: float) -> float:
        """Seconds for which the API is not asked because it only fails; 0 while it is."""
        return self._breaker.wait(now)

    def clear(self, terms: Terms, now: float) -> bool:
        """Whether nothing at all stands against a request, as mostly nothing does.

        Where something does, what it is and for how long is for everything below to say.
        """
        return (
            self._gate.open
            and self._breaker.closed
            and self.standing.proven(terms.credential, now)  # so it was not refused since
            and not self._ledger.wait(terms.lane, now)
            and not self._share_wait(terms, now)
        )

    def barred(self, terms: Terms, now: float) -> Failure | None:
        """What keeps a request from being sent, however long it would wait."""
        if self.standing.refused(terms.credential, now):
            return Unauthenticated("The API does not accept this credential.")
        unproven = self.unproven(terms, now)
        shut = self._breaker.wait(now, terms.partition)
        if unproven:
            # It never tries for all whether the API is back, but may ask when it is time to.
            shut = 0.0 if self._breaker.due(now) else shut
            shut = max(shut, self._strangers.wait(now, terms.partition))
        if shut:
            return Unavailable(
                "The API does not answer at present; it is tried again shortly.",
                retry_after=math.ceil(shut),
            )
        if not unproven:
            return None
        stranger = self._proofs.stranger(terms.credential, now)
        return self.turned_away(terms, now) if stranger else None

    def unproven(self, terms: Terms, now: float) -> bool:
        """Whether nobody knows yet that the API accepts the credential."""
        return not self.standing.proven(terms.credential, now)

    def wait(self, terms: Terms, now: float) -> float:
        """Seconds until a request may be sent; 0 when it may be now, room provided."""
        if self.clear(terms, now):
            return 0.0
        return max(self._common_wait(terms, now), self._own_wait(terms, now))

    def room(self, terms: Terms, now: float) -> bool:
        """Whether there is a place for it: credentials nobody knows are tried a few at a time."""
        return not self.unproven(terms, now) or self._proofs.room(terms.credential, now)

    def rank(self, terms: Terms, now: float) -> int | None:
        """None when a request may not be sent now, else how far it stands behind all others."""
        if not self.clear(terms, now) and (
            self.wait(terms, now) or not self.room(terms, now) or self.barred(terms, now)
        ):
            return None
        return int(terms.lane is not _WRITE and self._shares.most(terms.partition))

    def turned_away(self, terms: Terms, now: float) -> RateLimited:
        """What a request is told that would wait too long: when it may come back."""
        common, own = self._common_wait(terms, now), self._own_wait(terms, now)
        seconds = math.ceil(max(common, own, 1.0))
        whose = "The API's request budget is spent"
        if self.unproven(terms, now):
            self._proofs.sent_away(terms.credential, now)
            if own or not self._proofs.room(terms.credential, now):
                whose = "Many credentials that nobody knows yet are being tried"
        elif own > common:
            whose = "Your share of the API's request budget is spent"
        return RateLimited(f"{whose}; ask again in {seconds} s.", retry_after=seconds)

    def enter(self, terms: Terms, now: float) -> Turn:
        """Debit a request that is about to be sent."""
        proving = self.unproven(terms, now)
        number = self._ledger.reserve(now, terms.lane)
        if proving:
            self._proofs.tried(terms.credential, now)
        else:
            self._shares.spend(terms.partition, now, writes=terms.lane is _WRITE)
        probing = (self._strangers if proving else self._breaker).enter()
        return Turn(terms, number, self._gate.enter(), probing, proving)

    def answered(self, turn: Turn, response: httpx.Response, now: float, what: str) -> None:
        """The request, which asked for `what`, was answered."""
        status, terms = response.status_code, turn.terms
        self._ledger.answered(turn.number, reading(response.headers), now)
        if limited(response):
            self._gate.refused(now, stated_wait(response.headers))
            self._breaker_of(turn).unknown(trying=turn.probing)
        else:
            self._gate.passed(turn.trial)
            self._see(turn, response, now, what)
        if terms.lane is _WRITE and not turn.proving and status in POINTLESS:
            self._shares.pointless(terms.partition)
        self._judge(turn, response, now)

    def _see(self, turn: Turn, response: httpx.Response, now: float, what: str) -> None:
        """What an answer says of the API.

        A server may fail on what a stranger sends and on nothing else: while those who are known
        are answered, that counts against strangers, and otherwise for strangers alone.
        """
        partition, breaker = turn.terms.partition, self._breaker_of(turn)
        if not response.is_server_error:
            breaker.answered(now, partition, trying=turn.probing)
            if response.is_success or not turn.proving:
                self._well_at = now
            back = response.is_success and not self._breaker.closed and self._breaker.due(now)
            if turn.proving and back:
                self._breaker.close()
        elif turn.proving and self._well(now):
            breaker.unknown(trying=turn.probing)
        else:
            breaker.failed(now, Failed(partition, what), trying=turn.probing)
            seconds = retry_after(response.headers)
            if response.status_code == RESTING and seconds is not None:
                breaker.rest(now, seconds)

    def _breaker_of(self, turn: Turn) -> Breaker:
        return self._strangers if turn.proving else self._breaker

    def _well(self, now: float) -> bool:
        """Whether the API answers those who are known."""
        return now < self._well_at + SPAN

    def unanswered(self, turn: Turn, error: BaseException | None, now: float, what: str) -> None:
        """The request for `what` got no answer, or, without an `error`, was not sent after all."""
        unsent = error is None or never_sent(error)
        if unsent:
            self._ledger.unsent(turn.number)
            if not turn.proving:
                self._shares.refund(turn.terms.partition, writes=turn.terms.lane is _WRITE)
        else:
            self._ledger.unanswered(turn.number)
        self._gate.unknown(turn.trial)
        absent = _absence(error)
        theirs = turn.proving and absent and not unsent and self._well(now)
        if turn.proving:
            credential = turn.terms.credential
            if theirs:
                self._proofs.failed(credential, now)
            else:
                self._proofs.unknown(credential)
        breaker = self._breaker_of(turn)
        if absent and not theirs:
            failed = Failed(turn.terms.partition, None if unsent else what)
            breaker.failed(now, failed, trying=turn.probing)
        else:
            breaker.unknown(trying=turn.probing)

    def _judge(self, turn: Turn, response: httpx.Response, now: float) -> None:
        """What the answer says of the credential.

        Only the API's own word accepts or refuses it; a try that anything else answered counts
        among those that failed, so that strangers cannot make them without end.
        """
        credential, status = turn.terms.credential, response.status_code
        success = response.is_success and (
            self.standing.noted(credential, now) or succeeded(response)
        )
        if success:
            self.standing.accepted(credential, now)
            self._proofs.succeeded(credential)
            if turn.proving:
                self._shares.spend(turn.terms.partition, now, writes=turn.terms.lane is _WRITE)
        elif status == UNAUTHORIZED and refused(response):
            self.standing.rejected(credential, now)
        if success or not turn.proving:
            return
        if limited(response) or (response.is_server_error and not self._well(now)):
            self._proofs.unknown(credential)
        else:
            self._proofs.failed(credential, now)

    def _common_wait(self, terms: Terms, now: float) -> float:
        return max(self._gate.wait(now), self._ledger.wait(terms.lane, now))

    def _own_wait(self, terms: Terms, now: float) -> float:
        if self.unproven(terms, now):
            return self._proofs.wait(terms.credential, now)
        return self._share_wait(terms, now)

    def _share_wait(self, terms: Terms, now: float) -> float:
        if terms.lane is _WRITE:
            return self._shares.wait_to_write(terms.partition, now)
        return self._shares.wait(terms.partition, now)


def _absence(error: BaseException | None) -> bool:
    """Whether a request ended as it would if the API were not there."""
    ours = Unsendable | httpx.PoolTimeout
    return isinstance(error, httpx.TransportError) and not isinstance(error, ours)
