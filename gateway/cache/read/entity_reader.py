"""Read clients by id: from the cache, from list pages or as details, whichever costs least."""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from functools import partial

from gateway.cache.coherence.contract import Coherence
from gateway.cache.fetch.entity_fetcher import (
    EntityFetcher,
    EntityResult,
    FetchedEntity,
    usable,
)
from gateway.cache.fetch.queries import ReadQuery
from gateway.cache.fetch.single_flight import Fetch, SingleFlight
from gateway.cache.policy.cost_attribution import CostAttribution
from gateway.cache.read.list_lookup import ALL_CLIENTS
from gateway.cache.read.list_reader import ListReader
from gateway.cache.store.entity import Held
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import ListKey
from schema.source.errors import ClientError, NotFound, Unavailable
from schema.source.protocols import ClientReader
from schema.source.records import ClientId, ClientRecord

READINGS = 2
"""Detail reads of one client: one that a write or another response overtakes, and one more."""
_TOO_FAST = "The client is changed faster than it can be read: ask again."


class EntityReader:
    """Reads the clients of all callers by id."""

    def __init__(  # noqa: PLR0913, PLR0917 - its parts
        self,
        reader: ClientReader,
        accounts: CostAttribution,
        memory: FencedCache,
        lists: ListReader,
        clock: Callable[[], float],
        coherence: Coherence,
    ) -> None:
        self._reader = reader
        self.fetcher = EntityFetcher(reader, accounts, memory, clock, coherence)
        self._accounts = accounts
        self._memory = memory
        self._lists = lists
        self._clock = clock
        self.flights: SingleFlight[Hashable, Mapping[ClientId, FetchedEntity]] = SingleFlight()

    def lookup(
        self, query: ReadQuery, ids: Collection[ClientId]
    ) -> tuple[dict[ClientId, EntityResult], dict[ClientId, Held]]:
        """Return the clients that the cache answers, and what it holds of the others."""
        found: dict[ClientId, EntityResult] = {}
        missing: dict[ClientId, Held] = {}
        for id, held in zip(ids, self._memory.clients(query.partition, ids), strict=True):
            result = usable(held, query)
            if result is None:
                missing[id] = held
            else:
                found[id] = self.hinted(id, result)
        return found, missing

    def hinted(self, id: ClientId, result: EntityResult) -> EntityResult:
        """Return the result with the time of the last event about the client."""
        return result._replace(hinted_at=self._memory.hints.of_client(id, result.checked_at))

    async def read(
        self, query: ReadQuery, missing: Mapping[ClientId, Held]
    ) -> dict[ClientId, EntityResult]:
        """Read the clients that `lookup` did not find, for at most as many calls.

        A reading older than `query.oldest` is among the results only if the API contradicts it.
        """
        query = replace(query, missing_oldest=query.oldest)
        found = await self._read_from_list(query, missing)
        return found | await self.read_details(query, [id for id in missing if id not in found])

    async def refresh(
        self, query: ReadQuery, ids: Collection[ClientId]
    ) -> Mapping[ClientId, EntityResult]:
        """Read those of these clients that were not read since `query.oldest`."""
        return await self.read(query, self.lookup(query, ids)[1])

    def newest(
        self, query: ReadQuery, id: ClientId, result: EntityResult
    ) -> ClientRecord | ClientError:
        """Return the client, or a later version that this caller was served in the meantime.

        If that one is not held, the client is unavailable.
        """
        key, value = query.key(id), result.value
        if not isinstance(value, ClientError) and self._memory.served.is_outdated(key, value):
            later = self.lookup(query, [id])[0].get(id)
            value = Unavailable(_TOO_FAST) if later is None else later.value
        if not isinstance(value, ClientError):
            self._memory.note_served(key, value)
        return value

    async def _read_from_list(
        self, query: ReadQuery, missing: Mapping[ClientId, Held]
    ) -> dict[ClientId, EntityResult]:
        """Return those found on list pages, which are read for as long as that is cheaper."""
        every, room = ListKey(query.partition, ALL_CLIENTS), query.operation.call_budget
        found: dict[ClientId, EntityResult] = {}
        if not query.fields <= self._lists.row_fields.known:
            return found
        left = dict(missing)
        for _ in missing:
            page = self._lists.plan.page_with(every, left, query.oldest)
            if page is None:
                break
            if room.room < self._reader.page_cost(page) + len(left) - 1:
                break  # the page shows one of them at least, as a rule
            rows = query.of_list(ALL_CLIENTS, page)
            [landed] = await self._lists.load(rows, [(every, page)])
            for id in list(left):
                result = usable(landed.newest.get(id), query)
                if result is not None:
                    found[id] = result
                    del left[id]
            if not landed.kept:
                break
        return found

    async def read_details(
        self, query: ReadQuery, ids: Collection[ClientId]
    ) -> dict[ClientId, EntityResult]:
        """Read each client's detail once, and once more if it was written meanwhile."""
        found: dict[ClientId, EntityResult] = {}
        for readings_left in reversed(range(READINGS)):
            if not ids:
                break
            landed = await self._load(query, ids)
            for id, one in landed.items():
                result = self._settled(query, id, one)
                if result is not None:
                    found[id] = result
                elif not readings_left:
                    found[id] = _unsettled(one)
            ids = [id for id in ids if id not in found]
            if ids:
                query.operation.receipt.drift = True
                query.operation.call_budget.may_exceed_estimate = True
        return found

    def _settled(
        self, query: ReadQuery, id: ClientId, landed: FetchedEntity
    ) -> EntityResult | None:
        """Return the result of a detail read; None if another reading may return a better one."""
        if isinstance(landed.result, ClientError) and not isinstance(landed.result, NotFound):
            return EntityResult(landed.result, landed.at, landed.at)
        held = landed.newest
        if held is None:  # a write of this caller has stored its result, or removed the client's
            held = self._memory.client(query.key(id))
        return usable(held, query)

    async def _load(
        self, query: ReadQuery, ids: Collection[ClientId]
    ) -> dict[ClientId, FetchedEntity]:
        """Join the fetches of these clients, start one for the others, and wait for all."""
        operation = query.operation
        # By credential: the API may respond differently to another credential of the user.
        who, by = operation.waiters, operation.caller.hash
        tokens = {id: self._memory.generations.of_client(query.key(id)) for id in ids}
        flights = {
            id: self.flights.join((query.key(id), token, by), query.oldest, who)
            for id, token in tokens.items()
        }
        alone = {id: tokens[id] for id, flight in flights.items() if flight is None}
        operation.receipt.joined += len(ids) - len(alone)
        if alone:
            at = self._clock()
            keys = [(query.key(id), token, by) for id, token in alone.items()]
            load = partial(self.fetcher.send, query, alone, at)
            flights |= dict.fromkeys(alone, self.flights.start(keys, load, at, who))
        return {
            id: await self._complete(query, flight, id)
            for id, flight in flights.items()
            if flight is not None
        }

    async def _complete(
        self, query: ReadQuery, flight: Fetch[Mapping[ClientId, FetchedEntity]], id: ClientId
    ) -> FetchedEntity:
        try:
            return (await flight.wait(query.operation.deadline - self._clock()))[id]
        except ClientError as failure:
            return FetchedEntity(failure, flight.at, None)


def _unsettled(landed: FetchedEntity) -> EntityResult:
    """Return the result for a client that a second reading did not settle."""
    result = landed.result
    if isinstance(result, NotFound) and landed.newest is not None:
        result = Unavailable("The API does not show yet what was just written: ask again.")
    return EntityResult(result, landed.at, landed.at)
