"""The context of one GraphQL operation: caller, deadline, cache directives and cost."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple


class Priority(IntEnum):
    """The order in which waiting calls are served, most urgent first."""

    WRITE = 0
    """Mutations, and the reads that confirm them."""
    INTERACTIVE = 1
    """Rows for a person or an app that waits for them."""
    ENTITIES = 2
    """Entities that a router joins with another subgraph's."""
    REFRESH = 3
    """Background revalidation of cached entries."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The credential sent to the API: one header and its value. Its repr omits the value."""

    header: Literal["X-API-Key", "Authorization"]
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of an operation. Cached entries and shared fetches are kept apart by `partition`.

    `partition` is a keyed hash of the credential, or of the user that several credentials belong
    to: safe in keys and logs, useless elsewhere.
    """

    partition: str
    credential: Credential = field(repr=False, compare=False)
    token: str | None = field(default=None, compare=False)
    """A keyed hash of the credential alone, if the partition is its user's."""
    claimed: str | None = field(default=None, compare=False)
    """The partition of the user that a token names, before the API has accepted the token."""
    expires_at: float | None = field(default=None, compare=False)
    """When the token expires, in Unix seconds."""

    @property
    def identity(self) -> str:
        """Return the partition of the user, proven or not: records of writes are kept by it.

        Readings are kept by `partition` alone, because any token can name a user.
        """
        return self.claimed or self.partition

    @property
    def hash(self) -> str:
        """Return a keyed hash of the credential that the API is sent."""
        return self.token or self.partition


@dataclass(frozen=True, slots=True)
class CacheDirectives:
    """The age of response that this operation accepts: request directives of RFC 9111, 5.2.1."""

    no_cache: bool = False
    only_if_cached: bool = False
    max_age: int | None = None
    """Seconds."""
    max_stale: int | None = None
    """Seconds past the freshness lifetime."""


class RateLimitState(NamedTuple):
    """The latest state of the window: calls allowed, calls left, seconds to its end."""

    limit: int
    remaining: int
    reset_seconds: int

    @property
    def is_scarce(self) -> bool:
        """Return True if less than a fifth of the window is left."""
        return self.remaining * 5 < self.limit


@dataclass(slots=True)
class Receipt:
    """The cost of one operation and the age of its response: `extensions.upstream`."""

    calls: int = 0
    """Requests sent to the API for this operation, or for this caller in the background since its
    previous operation: over all receipts they add up to what the API counted."""
    saved: int = 0
    """Reads served from the cache, each of which would have been a call."""
    joined: int = 0
    """Reads that shared a call of another operation."""
    oldest_seconds: float | None = None
    """Age of the oldest part of the response; None if no part is from the cache."""
    oldest_at: float = math.inf
    """When that part was read, on the gateway's monotonic clock."""
    longer: float = math.inf
    """Seconds for which every part stays fresh beyond the lifetime of other entries."""
    short_lived: bool = False
    """Whether a part has a shorter freshness lifetime than other entries."""
    stale: bool = False
    """Whether a part was older than its freshness lifetime."""
    coherent: bool | None = None
    """Whether changes by others would have been reported; None if that is never known."""
    drift: bool = False
    """Whether rows were seen to move between the pages of this response."""
    budget: RateLimitState | None = None
    finalized: bool = False
    """Whether the response was sent; later calls go to the caller's next receipt."""
    retry_after: int | None = None
    """Seconds after which a mutation rejected for lack of budget may be sent again."""

    def refused(self, retry_after: int) -> None:
        """Note that a mutation was rejected for `retry_after` seconds."""
        self.retry_after = max(self.retry_after or 0, retry_after)

    def note_age(self, age: float, *, stale: bool = False) -> None:
        """Note that the response contains an entry read `age` seconds ago."""
        self.oldest_seconds = age if self.oldest_seconds is None else max(self.oldest_seconds, age)
        self.stale = self.stale or stale


class CallLimit(NamedTuple):
    """The number of calls that one operation may send."""

    estimate: int
    """The limit as long as no call fails and no row moves."""
    cap: int
    """The limit in every case."""
    details: int
    """The part of the calls that may complete rows: details of clients that are not named."""
    named: frozenset[str] = frozenset()
    """Ids of the clients that the operation names."""


class CallBudget:
    """The calls that one operation has sent, checked against its limit before each call.

    `limit` is evaluated before the first call; without `limit` every call is allowed.
    """

    __slots__ = ("__weakref__", "_details", "_evaluated", "_limit", "may_exceed_estimate", "sent")

    def __init__(self, limit: Callable[[], CallLimit] | None = None) -> None:
        self._limit = limit
        self._evaluated: CallLimit | None = None
        self._details = 0
        self.sent = 0
        """Calls sent or about to be sent."""
        self.may_exceed_estimate = False
        """Whether a call failed or a row moved: `cap` applies instead of `estimate`."""

    @property
    def limit(self) -> CallLimit | None:
        """Return the limit of calls; None without a limit."""
        if self._evaluated is None and self._limit is not None:
            self._evaluated = self._limit()
        return self._evaluated

    @property
    def room(self) -> float:
        """Return how many more calls may be sent."""
        limit = self.limit
        if limit is None:
            return math.inf
        return (
            limit.cap if self.may_exceed_estimate else min(limit.estimate, limit.cap)
        ) - self.sent

    def take(self) -> bool:
        """Count a call that is about to be sent; return False if it must not be."""
        if self.room < 1:
            return False
        self.sent += 1
        return True

    def give_back(self) -> None:
        """Uncount a call that was not sent."""
        self.sent -= 1

    def take_details(self, ids: Iterable[str]) -> bool:
        """Return True if all these clients may be read in detail; those not named complete rows."""
        limit = self.limit
        if limit is None:
            return True
        completing = sum(id not in limit.named for id in ids)
        if completing and completing > min(limit.details - self._details, self.room):
            return False
        self._details += completing
        return True

    def apart(self) -> "CallBudget":
        """Return a budget with the same cap for reads in the background."""
        limit = self.limit
        if limit is None:
            return CallBudget()
        return CallBudget(lambda: CallLimit(limit.cap, limit.cap, limit.cap))


class Waiters:
    """The requests that wait for a result. A read without waiters need not be sent."""

    __slots__ = ("_abandoned", "_left", "_of")

    def __init__(self, *of: "Waiters") -> None:
        """Create one waiter, or the group of the waiters given."""
        self._of = list(of)
        self._left = self._abandoned = False

    def leave(self) -> None:
        """Stop waiting."""
        self._left = True

    def all_left(self) -> bool:
        """Return True if every waiter has left."""
        return self._left or (bool(self._of) and all(each.all_left() for each in self._of))

    def join(self, other: "Waiters") -> bool:
        """Add a waiter; return False if the read was abandoned already."""
        if not self._abandoned:
            self._of.append(other)
        return not self._abandoned

    def abandon(self) -> bool:
        """Abandon the read if every waiter has left; return True if it was abandoned."""
        self._abandoned = self._abandoned or self.all_left()
        return self._abandoned


@dataclass(slots=True)  # never changed; frozen=True would cost a microsecond a request
class RequestContext:
    """The context that every request to a source carries."""

    caller: Caller
    deadline: float
    """Latest time of the response, on the gateway's monotonic clock, in seconds."""
    freshness: CacheDirectives = field(default_factory=CacheDirectives)
    receipt: Receipt = field(default_factory=Receipt)
    waiters: Waiters = field(default_factory=Waiters, compare=False)
    call_budget: CallBudget = field(default_factory=CallBudget, compare=False)


def without_budget(operation: RequestContext) -> RequestContext:
    """Copy an operation without its call budget, to estimate its cost.

    A limit that referred to the operation that holds it would be a cycle that only a collection
    frees.
    """
    return RequestContext(
        operation.caller, operation.deadline, operation.freshness, operation.receipt
    )
