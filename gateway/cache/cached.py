"""A source of clients that remembers another source's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cache.byid import ById
from gateway.cache.estimate import Estimates
from gateway.cache.freshness import Policy, oldest_accepted, oldest_after
from gateway.cache.instants import rising
from gateway.cache.keys import EntityKey, ListKey, Partition
from gateway.cache.lists import TRIES, Lists
from gateway.cache.memory import Memory
from gateway.cache.writes import Writes
from schema.failures import Failure, RateLimited, Unavailable
from schema.operation import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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


class CachedClients:
    """A `ClientSource` that asks `source` only for what it does not remember well enough.

    Whatever is remembered or shared is kept apart by caller. `clock` is monotonic, in seconds,
    and the one that operations' deadlines are on.
    """

    def __init__(
        self,
        source: ClientSource,
        store: Store,
        *,
        clock: Callable[[], float],
        policy: Policy | None = None,
    ) -> None:
        self._source = source
        self._clock = clock = rising(clock)
        self._policy = policy or Policy()
        memory = Memory(store)
        self._lists = Lists(source, memory, self._policy, clock)
        self._by_id = ById(source, memory, self._lists, self._policy, clock)
        self._estimates = Estimates(source, self._lists, self._by_id, self._policy, clock)
        self._writes = Writes(source, memory, clock)

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
        now, fresh = self._clock(), self._policy.fresh_list
        key = ListKey(Partition(operation.caller), where)
        oldest = oldest_accepted(now, fresh, operation.freshness, self._policy)
        known = self._lists.listed.remembered(key, window, fields, oldest)
        if known is not None:
            operation.receipt.saved += self._source.price(window)
            _used(operation, now - known.at, fresh)
            return known.page
        try:
            self._may_ask(operation)
            return await self._lists.read(operation, where, window, fields, oldest, lane)
        except (RateLimited, Unavailable) as failure:
            page = self._instead(operation, key, window, fields, failure)
            if page is None:
                raise
            return page

    def _instead(
        self,
        operation: Operation,
        key: ListKey,
        window: Window,
        fields: Fields,
        failure: Failure,
    ) -> Page | None:
        """An older answer in place of none, flagged as such."""
        now = self._clock()
        oldest = oldest_after(failure, now, operation.freshness, self._policy)
        known = (
            None if oldest is None else self._lists.listed.remembered(key, window, fields, oldest)
        )
        if known is None:
            return None
        _used(operation, now - known.at, self._policy.fresh_list)
        return known.page

    async def fetch(
        self, operation: Operation, ids: Sequence[ClientId], fields: Fields, lane: Lane
    ) -> Sequence[ClientRecord | Failure]:
        """The clients with these ids, in order; the rest is read as details or in a sweep."""
        found = self._remembered(operation, ids, fields)
        operation.receipt.saved += len(found)
        rest = [id for id in ids if id not in found]
        for _ in range(TRIES):
            if not rest:
                break
            found |= await self._read(operation, rest, fields, lane)
            overtaken = [id for id in ids if self._by_id.overtaken(operation, id, found[id])]
            found |= self._remembered(operation, overtaken, fields)
            rest = [id for id in overtaken if self._by_id.overtaken(operation, id, found[id])]
        return [self._by_id.last_word(operation, id, found[id]) for id in ids]

    def _remembered(
        self, operation: Operation, ids: Sequence[ClientId], fields: Fields
    ) -> dict[ClientId, ClientRecord | Failure]:
        now, policy, asked = self._clock(), self._policy, operation.freshness
        oldest = oldest_accepted(now, policy.fresh_entity, asked, policy)
        missing_oldest = oldest_accepted(now, policy.fresh_missing, asked, policy)
        found: dict[ClientId, ClientRecord | Failure] = {}
        for id in ids:
            key = EntityKey(Partition(operation.caller), id)
            known = self._by_id.remembered(key, fields, oldest, missing_oldest)
            if known is not None:
                found[id], at = known
                _used(operation, now - at, policy.fresh_entity)
        return found

    async def _read(
        self, operation: Operation, ids: Sequence[ClientId], fields: Fields, lane: Lane
    ) -> Mapping[ClientId, ClientRecord | Failure]:
        now, policy = self._clock(), self._policy
        oldest = oldest_accepted(now, policy.fresh_entity, operation.freshness, policy)
        try:
            self._may_ask(operation)
            found = await self._by_id.read(operation, ids, fields, lane, oldest)
        except (RateLimited, Unavailable) as failure:
            found = dict.fromkeys(ids, failure)
        return {id: self._or_older(operation, id, fields, answer) for id, answer in found.items()}

    def _or_older(
        self, operation: Operation, id: ClientId, fields: Fields, answer: ClientRecord | Failure
    ) -> ClientRecord | Failure:
        """The answer; if it failed, an older one in its place, flagged as such."""
        if not isinstance(answer, Failure):
            return answer
        now = self._clock()
        oldest = oldest_after(answer, now, operation.freshness, self._policy)
        if oldest is None:
            return answer
        key = EntityKey(Partition(operation.caller), id)
        known = self._by_id.remembered(key, fields, oldest, now - self._policy.fresh_missing)
        if known is None:
            return answer
        _used(operation, now - known[1], self._policy.fresh_entity)
        return known[0]

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
        return await self._writes.create(operation, new)

    async def update(self, operation: Operation, id: ClientId, patch: ClientPatch) -> Written:
        """Change a client."""
        return await self._writes.update(operation, id, patch)

    async def delete(self, operation: Operation, id: ClientId) -> Confirmation:
        """Delete a client, irreversibly."""
        return await self._writes.delete(operation, id)


def _used(operation: Operation, age: float, fresh: float) -> None:
    """Note on the receipt, to the millisecond, how old a part of the answer is."""
    operation.receipt.used(round(age, 3), stale=age > fresh)
