"""A source of clients that remembers another source's answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.cache.accounts import Accounts
from gateway.cache.answers import Answers
from gateway.cache.byid import Answer, ById
from gateway.cache.estimate import Estimates
from gateway.cache.filters import Meaning
from gateway.cache.freshness import Ages, Policy, ages, oldest_after
from gateway.cache.instants import rising
from gateway.cache.keys import EntityKey, ListKey, Partition
from gateway.cache.lists import Lists
from gateway.cache.memory import Memory
from gateway.cache.order import Order
from gateway.cache.pace import Pace
from gateway.cache.question import Question
from gateway.cache.refresh import Refresh
from gateway.cache.writes import Writes
from schema.failures import Failure, RateLimited, TooExpensive, Unavailable
from schema.operation import BudgetState, Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.cache.listed import Remembered
    from gateway.cache.store import Store
    from schema.needs import Need, Price
    from schema.operation import Operation
    from schema.source import (
        ClientFilter,
        ClientId,
        ClientPatch,
        ClientRecord,
        ClientSource,
        Confirmation,
        Fields,
        NewClient,
        Page,
        Window,
        Written,
    )


def _untouched() -> BudgetState:
    return BudgetState(limit=500, remaining=500, reset_seconds=900)


class CachedClients:
    """A `ClientSource` that asks `source` only for what it does not remember well enough.

    Whatever is remembered or shared is kept apart by caller. `clock` is monotonic, in seconds,
    and the one that operations' deadlines are on. `budget` tells the window; `surplus` says
    whether a call that nobody waits for would be let out now.
    """

    def __init__(  # noqa: PLR0913 - the parts it is made of, by name
        self,
        source: ClientSource,
        store: Store,
        *,
        clock: Callable[[], float],
        policy: Policy | None = None,
        budget: Callable[[], BudgetState] = _untouched,
        surplus: Callable[[], bool] = lambda: True,
    ) -> None:
        self._source = source
        self._clock = clock = rising(clock)
        self._policy = policy = policy or Policy()
        self._budget = budget
        self._pace = Pace(policy, budget, clock)
        self._accounts = accounts = Accounts()
        memory = Memory(store, clock, bound=policy.stale, lag=policy.fresh)
        meaning, order = Meaning(policy.type_filter), Order()
        self._memory = memory
        self._lists = Lists(source, memory, meaning, order, accounts, policy, clock)
        self._by_id = ById(source, memory, self._lists, accounts, policy, clock)
        self._estimates = Estimates(source, self._lists, self._by_id, self._bounds)
        self._writes = Writes(source, memory, meaning, order, clock)
        self.answers = Answers(
            memory, meaning, accounts=accounts, pace=self._pace, budget=budget, clock=clock
        )
        self._refresh = Refresh(surplus, clock, policy.flight_seconds)

    def disown(self, credential: str) -> None:
        """Forget what was read by a credential that the API refuses now, known by its hash.

        It had a memory of its own before it joined its user's, and falls back on that.
        """
        self._memory.purge(Partition.alone(credential))

    def price(self, window: Window) -> int:
        """How many calls reading `window` would cost with nothing remembered."""
        return self._source.price(window)

    def prices(self, operation: Operation, needs: Sequence[Need]) -> Sequence[Price]:
        """What each of `needs` would cost, given what is remembered now."""
        return self._estimates.prices(operation, needs)

    def rows_lack(self, fields: Fields) -> bool:
        """Whether list rows were seen to lack any of `fields`."""
        return self._estimates.rows_lack(fields)

    async def window(
        self,
        operation: Operation,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        lane: Lane = Lane.INTERACTIVE,
    ) -> Page:
        """The rows of `window`; only those not remembered are read, and more where that is free."""
        now, bounds = self._bounds(operation)
        key = ListKey(Partition(operation.caller), where)
        asked = Question(operation, key, window, fields, now - bounds.served, bounds.fresh, lane)
        known = self._told(asked, asked.oldest)
        if known is None:
            return await self._asked(asked, bounds)
        operation.receipt.saved += self._source.price(window)
        operation.receipt.drift |= known.lost
        self._used(operation, known.at, bounds.fresh, asked.oldest)
        if known.checked_at < self._clock() - bounds.fresh:
            self._refresh.start(
                operation,
                (key, known.window),
                lambda own: self._lists.read(
                    replace(
                        asked,
                        operation=own,
                        window=known.window,
                        oldest=self._clock() - bounds.fresh,
                        lane=Lane.REFRESH,
                    )
                ),
            )
        return known.page

    async def _asked(self, asked: Question, bounds: Ages) -> Page:
        """Read what is missing; an older answer, flagged as such, where that cannot be had."""
        operation = asked.operation
        try:
            self._may_ask(operation)
            page = await self._lists.read(asked)
        except (RateLimited, TooExpensive, Unavailable) as failure:
            oldest = oldest_after(failure, self._clock(), bounds)
            older = None if oldest is None else self._told(asked, oldest)
            if older is None:
                raise
            self._used(operation, older.at, bounds.fresh, asked.oldest)
            return older.page
        return page

    def _told(self, asked: Question, oldest: float) -> Remembered | None:
        return self._lists.listed.remembered(asked.key, asked.window, asked.fields, oldest)

    async def fetch(
        self, operation: Operation, ids: Sequence[ClientId], fields: Fields, lane: Lane
    ) -> Sequence[ClientRecord | Failure]:
        """The clients with these ids, in order; the rest is read as details or in a sweep."""
        bounds = self._bounds(operation)[1]
        found = self._remembered(operation, ids, fields, bounds, refresh=True)
        operation.receipt.saved += len(found)
        rest = [id for id in ids if id not in found]
        if rest:
            found |= await self._read(operation, rest, fields, lane, bounds)
            overtaken = [id for id in ids if self._by_id.overtaken(operation, id, found[id])]
            found |= self._remembered(operation, overtaken, fields, bounds)
        return [self._by_id.last_word(operation, id, found[id]) for id in ids]

    def _remembered(
        self,
        operation: Operation,
        ids: Sequence[ClientId],
        fields: Fields,
        bounds: Ages,
        *,
        refresh: bool = False,
    ) -> dict[ClientId, ClientRecord | Failure]:
        """Those of `ids` that may be told from memory; what is not fresh of them is refreshed."""
        now, partition = self._clock(), Partition(operation.caller)
        found: dict[ClientId, ClientRecord | Failure] = {}
        aged: list[ClientId] = []
        for id in ids:
            known = self._by_id.remembered(
                EntityKey(partition, id), fields, now - bounds.served, now - bounds.missing
            )
            if known is not None:
                found[id] = known.told
                operation.receipt.passing |= isinstance(known.told, Failure)
                self._used(operation, known.at, bounds.fresh, now - bounds.served)
                if known.checked_at < now - bounds.fresh:
                    aged.append(id)
        if aged and refresh:
            self._refresh.start(
                operation,
                (partition, tuple(aged)),
                lambda own: self._by_id.read(
                    own, aged, fields, Lane.REFRESH, self._clock() - bounds.fresh
                ),
            )
        return found

    async def _read(
        self,
        operation: Operation,
        ids: Sequence[ClientId],
        fields: Fields,
        lane: Lane,
        bounds: Ages,
    ) -> Mapping[ClientId, ClientRecord | Failure]:
        oldest = self._clock() - bounds.served
        try:
            self._may_ask(operation)
            found = await self._by_id.read(operation, ids, fields, lane, oldest)
        except (RateLimited, TooExpensive, Unavailable) as failure:
            found = dict.fromkeys(ids, Answer(failure, oldest, oldest))
        for answer in found.values():
            if answer.at < oldest:  # held against what the API answered
                self._used(operation, answer.at, bounds.fresh, oldest)
        return {
            id: self._or_older(operation, id, fields, answer.told, bounds)
            for id, answer in found.items()
        }

    def _or_older(
        self,
        operation: Operation,
        id: ClientId,
        fields: Fields,
        answer: ClientRecord | Failure,
        bounds: Ages,
    ) -> ClientRecord | Failure:
        """The answer; if it failed, an older one in its place, flagged as such."""
        if not isinstance(answer, Failure):
            return answer
        now = self._clock()
        oldest = oldest_after(answer, now, bounds)
        if oldest is None:
            return answer
        key = EntityKey(Partition(operation.caller), id)
        known = self._by_id.remembered(key, fields, oldest, now - bounds.missing)
        if known is None:
            return answer
        self._used(operation, known.at, bounds.fresh, now - bounds.served)
        return known.told

    def _bounds(self, operation: Operation) -> tuple[float, Ages]:
        """The time, and how old an answer this operation may get now; its receipt is begun."""
        self._begin(operation)
        fresh = self._pace.fresh(Partition(operation.caller))
        return self._clock(), ages(fresh, operation.freshness, self._policy)

    def _begin(self, operation: Operation) -> None:
        """Begin the operation's receipt: what its caller owes, and the window as it stands."""
        self._accounts.settle(operation)
        operation.receipt.budget = self._budget()

    def _used(self, operation: Operation, at: float, fresh: float, oldest: float) -> None:
        """Note on the receipt, to the millisecond, how old a part of the answer is.

        What was read before `oldest` is stale, whatever its age: the API contradicts it.
        """
        age = self._clock() - at
        operation.receipt.used(round(age, 3), stale=age > fresh or at < oldest)
        operation.receipt.oldest_at = min(operation.receipt.oldest_at, at)

    def _may_ask(self, operation: Operation) -> None:
        if operation.freshness.only_if_cached:
            raise Unavailable(
                "Only a remembered answer was accepted, and none is fresh enough."
                " Ask without `only-if-cached`."
            )
        if operation.deadline <= self._clock():
            raise Unavailable("There was no time left to ask.", code="UPSTREAM_TIMEOUT")

    async def create(self, operation: Operation, new: NewClient) -> Written:
        """Create a client, at most once."""
        self._begin(operation)
        return await self._writes.create(operation, new)

    async def update(self, operation: Operation, id: ClientId, patch: ClientPatch) -> Written:
        """Change a client."""
        self._begin(operation)
        return await self._writes.update(operation, id, patch)

    async def delete(self, operation: Operation, id: ClientId) -> Confirmation:
        """Delete a client, irreversibly."""
        self._begin(operation)
        return await self._writes.delete(operation, id)
