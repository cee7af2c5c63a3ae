"""One GraphQL operation being answered: who asks, by when, how fresh, and what it has cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Priority(IntEnum):
    """The order in which waiting calls are served, most urgent first."""

    WRITE = 0
    """Mutations, and the reads that confirm them."""
    INTERACTIVE = 1
    """A person or an app is waiting for these rows."""
    ENTITIES = 2
    """A router is joining our rows to somebody else's."""
    REFRESH = 3
    """Nobody waits: keeping what is remembered young."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What the API is shown: one header and its value. The value never appears in a repr."""

    header: Literal["X-API-Key", "Authorization"]
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose question it is. Everything remembered or shared is kept apart by `partition`.

    `partition` is a keyed hash of the credential, or of the user that several credentials stand
    for: safe in keys and logs, useless elsewhere.
    """

    partition: str
    credential: Credential = field(repr=False, compare=False)
    token: str | None = field(default=None, compare=False)
    """A keyed hash of the credential alone, where the partition is its user's."""
    claimed: str | None = field(default=None, compare=False)
    """The partition of the user that a token names, while the API has not vouched for that."""

    @property
    def identity(self) -> str:
        """The same for all tokens of a user, proven or not: records of writes are kept by it.

        What is read is kept by `partition` alone, for any token can name a user.
        """
        return self.claimed or self.partition

    @property
    def hash(self) -> str:
        """A keyed hash of the credential: what the API is shown, and judges by."""
        return self.token or self.partition


@dataclass(frozen=True, slots=True)
class CacheDirectives:
    """How old an answer this operation accepts: request directives of RFC 9111, 5.2.1."""

    no_cache: bool = False
    only_if_cached: bool = False
    max_age: int | None = None
    """Seconds."""
    max_stale: int | None = None
    """Seconds past the age we would ourselves call fresh."""


class RateLimitState(NamedTuple):
    """The window as the ledger saw it last: calls allowed, calls left, seconds to its end."""

    limit: int
    remaining: int
    reset_seconds: int


@dataclass(slots=True)
class Receipt:
    """What one operation cost and how old its answer is; becomes `extensions.upstream`."""

    calls: int = 0
    """Requests sent to the API for this operation, or for this caller in the background since
    the last one: over all answers they add up to what the API counted."""
    saved: int = 0
    """Reads answered from what was remembered, that would each have been a call."""
    joined: int = 0
    """Reads that shared a call another operation had already sent."""
    oldest_seconds: float | None = None
    """Age of the oldest thing in the answer; None when nothing remembered was used."""
    oldest_at: float = math.inf
    """When that was read, on the gateway's monotonic clock."""
    short_lived: bool = False
    """Whether any of it is believed for less long than we call other things fresh."""
    stale: bool = False
    """Whether any of it was older than we would call fresh."""
    drift: bool = False
    """Whether rows were seen to move between the pages of this answer."""
    budget: RateLimitState | None = None
    finalized: bool = False
    """Whether the answer was told; what is spent after that stands on the caller's next one."""
    retry_after: int | None = None
    """Seconds after which a mutation that was refused for want of budget may be sent again."""

    def refused(self, retry_after: int) -> None:
        """Note that a mutation was refused for so many seconds."""
        self.retry_after = max(self.retry_after or 0, retry_after)

    def note_age(self, age: float, *, stale: bool = False) -> None:
        """Note that something remembered `age` seconds ago is part of the answer."""
        self.oldest_seconds = age if self.oldest_seconds is None else max(self.oldest_seconds, age)
        self.stale = self.stale or stale


class CallLimit(NamedTuple):
    """How many calls one operation may send."""

    estimate: int
    """The most by its own price: holds as long as nothing fails and no row moves."""
    cap: int
    """Holds whatever happens."""
    details: int
    """How many of them may complete rows: read clients that the operation does not name."""
    named: frozenset[str] = frozenset()
    """Ids of the clients that it names."""


class CallBudget:
    """What one operation has sent, held to its limit where calls are sent.

    `limit` is looked at when the first call is about to be sent; without one nothing is held.
    """

    __slots__ = ("__weakref__", "_details", "_found", "_limit", "may_exceed_estimate", "sent")

    def __init__(self, limit: Callable[[], CallLimit] | None = None) -> None:
        self._limit = limit
        self._found: CallLimit | None = None
        self._details = 0
        self.sent = 0
        """Calls sent, or about to be."""
        self.may_exceed_estimate = False
        """Whether a call failed or a row moved: more than the price may then be sent."""

    @property
    def limit(self) -> CallLimit | None:
        """How many calls may be sent; None without a limit."""
        if self._found is None and self._limit is not None:
            self._found = self._limit()
        return self._found

    @property
    def room(self) -> float:
        """How many more calls may be sent."""
        limit = self.limit
        if limit is None:
            return math.inf
        return (
            limit.cap if self.may_exceed_estimate else min(limit.estimate, limit.cap)
        ) - self.sent

    def take(self) -> bool:
        """Count a call that is about to be sent; False where none may be."""
        if self.room < 1:
            return False
        self.sent += 1
        return True

    def give_back(self) -> None:
        """A call that was counted was never sent."""
        self.sent -= 1

    def take_details(self, ids: Iterable[str]) -> bool:
        """Whether all these clients may be read in detail; those not named complete rows."""
        limit = self.limit
        if limit is None:
            return True
        completing = sum(id not in limit.named for id in ids)
        if self._details + completing > limit.details:
            return False
        self._details += completing
        return True

    def apart(self) -> CallBudget:
        """For what is read in the background: held to the same cap on its own."""
        limit = self.limit
        if limit is None:
            return CallBudget()
        return CallBudget(lambda: CallLimit(limit.cap, limit.cap, limit.cap))


class Waiters:
    """Who waits for an answer. A read that nobody waits for any more need not be sent."""

    __slots__ = ("_dismissed", "_gone", "_of")

    def __init__(self, *of: Waiters) -> None:
        """One who waits, or all of those who do."""
        self._of = list(of)
        self._gone = self._dismissed = False

    def leave(self) -> None:
        """Wait no more."""
        self._gone = True

    def all_left(self) -> bool:
        """Whether everybody has left."""
        return self._gone or (bool(self._of) and all(each.all_left() for each in self._of))

    def join(self, other: Waiters) -> bool:
        """Let another wait too; not for a read that was given up already."""
        if not self._dismissed:
            self._of.append(other)
        return not self._dismissed

    def abandon(self) -> bool:
        """Give the read up if everybody has left; whether it was."""
        self._dismissed = self._dismissed or self.all_left()
        return self._dismissed


@dataclass(slots=True)  # nobody changes it; saying so costs a microsecond a request
class RequestContext:
    """What travels with every question to a source."""

    caller: Caller
    deadline: float
    """On the gateway's monotonic clock, in seconds: answer or fail before it."""
    freshness: CacheDirectives = field(default_factory=CacheDirectives)
    receipt: Receipt = field(default_factory=Receipt)
    audience: Waiters = field(default_factory=Waiters, compare=False)
    spending: CallBudget = field(default_factory=CallBudget, compare=False)


def without_budget(operation: RequestContext) -> RequestContext:
    """Copy an operation without its spending, to price it by.

    A limit that refers to the operation that holds it would be garbage only a collection finds.
    """
    return RequestContext(
        operation.caller, operation.deadline, operation.freshness, operation.receipt
    )
