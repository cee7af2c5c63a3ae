"""Read clients by id: from the cache, from list pages or as details, whichever costs least."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gateway.cache.read.list_lookup import ALL_CLIENTS
from gateway.cache.read.list_query import ListQuery
from gateway.cache.read.single_flight import SingleFlight
from gateway.cache.store.entity import CachedRecord, Tombstone
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from schema.source.errors import ClientError, Forbidden, NotFound, Unauthenticated, Unavailable
from schema.source.records import MAX_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.cache.read.list_reader import ListReader
    from gateway.cache.read.single_flight import Fetch
    from gateway.cache.read.upstream import Upstream
    from gateway.cache.store.fenced import FencedCache
    from gateway.cache.store.generations import FencingToken
    from schema.source.records import ClientId, ClientRecord, Fields, Window
    from schema.source.request_context import Priority, RequestContext, Waiters

READINGS = 2
"""Detail reads of one client: one that a write or another response overtakes, and one more."""


class EntityResult(NamedTuple):
    """A client or its failure, and its age."""

    value: ClientRecord | ClientError
    at: float
    """When it was read."""
    checked_at: float
    """When the API was last called for it, whatever it returned."""


@dataclass(frozen=True, slots=True)
class FetchedEntity:
    """One detail read; `kept` unless its caller wrote the client during the read."""

    result: ClientRecord | ClientError
    at: float
    kept: bool


class EntityReader:
    """Reads the clients of all callers by id."""

    def __init__(
        self,
        upstream: Upstream,
        memory: FencedCache,
        lists: ListReader,
        clock: Callable[[], float],
    ) -> None:
        self._upstream = upstream
        self._memory = memory
        self._lists = lists
        self._clock = clock
        self._flights: SingleFlight[Mapping[ClientId, FetchedEntity]] = SingleFlight()

    def find(
        self, key: EntityKey, fields: Fields, oldest: float, missing_oldest: float
    ) -> EntityResult | None:
        """Return the client as read since `oldest`, its absence since `missing_oldest`."""
        known = self._memory.client(key)
        if isinstance(known, Tombstone):
            gone = NotFound("There is no such client, or it is not yours to see.")
            return EntityResult(gone, known.at, known.at) if known.at >= missing_oldest else None
        view = None if known is None else known.view(fields, oldest)
        if known is None or view is None or view[0].is_missing(fields):
            return None
        return EntityResult(*view, max(view[1], known.contradicted_at))

    def is_outdated(
        self, operation: RequestContext, id: ClientId, answer: ClientRecord | ClientError
    ) -> bool:
        """Return True if this caller was served a later version in the meantime."""
        key = EntityKey(Partition(operation.caller), id)
        return not isinstance(answer, ClientError) and self._memory.is_outdated(key, answer)

    def newest_or_unavailable(
        self, operation: RequestContext, id: ClientId, answer: ClientRecord | ClientError
    ) -> ClientRecord | ClientError:
        """Return the result, or `Unavailable` if it is older than what this caller was served."""
        if isinstance(answer, ClientError):
            return answer
        if self.is_outdated(operation, id, answer):
            return Unavailable("The client is changed faster than it can be read: ask again.")
        self._memory.note_served(EntityKey(Partition(operation.caller), id), answer)
        return answer

    async def read(
        self,
        operation: RequestContext,
        ids: Sequence[ClientId],
        fields: Fields,
        priority: Priority,
        oldest: float,
    ) -> Mapping[ClientId, EntityResult]:
        """Read these clients, none of them cached, for at most as many calls.

        A reading older than `oldest` is among the results only if the API contradicts it.
        """
        found = await self._read_from_list(operation, ids, fields, priority, oldest)
        rest = [id for id in ids if id not in found]
        return {**found, **await self._details(operation, rest, fields, priority, oldest)}

    async def _read_from_list(
        self,
        operation: RequestContext,
        ids: Sequence[ClientId],
        fields: Fields,
        priority: Priority,
        oldest: float,
    ) -> dict[ClientId, EntityResult]:
        """Return those of `ids` found on list pages, read for as long as that is cheaper."""
        every = ListKey(Partition(operation.caller), ALL_CLIENTS)
        found: dict[ClientId, EntityResult] = {}
        left = list(ids)
        for _ in ids:
            page = self._page(every, left, fields, oldest)
            if page is None:
                break
            if operation.call_budget.room < self._upstream.page_cost(page) + len(left) - 1:
                break  # the page shows one of them at least, as a rule
            question = ListQuery(operation, every, page, fields, oldest, math.inf, priority)
            [landed] = await self._lists.load(question, [(every, page)])
            records = {record.id: record for record in landed.page.records if landed.kept}
            for id in left:
                key = EntityKey(every.partition, id)
                answer = self._latest(key, records.get(id), landed.at, fields, oldest)
                if answer is not None:
                    found[id] = answer
            left = [id for id in left if id not in found]
            if not landed.kept:
                break
        return found

    def _page(
        self, every: ListKey, ids: Sequence[ClientId], fields: Fields, oldest: float
    ) -> Window | None:
        """Return the list page to read next, if it is cheaper than details of `ids`.

        Reading the whole list is, if it costs less than the ids that it is for. So is a page on
        which ids were when it was last read; a page of equal cost returns more.
        """
        listed = self._lists.lookup
        if not fields <= self._lists.row_fields:
            return None
        clients = {id: self._memory.client(EntityKey(every.partition, id)) for id in ids}
        wanted = [
            id
            for id, known in clients.items()
            if not (isinstance(known, CachedRecord) and known.checked_at >= oldest)
        ]
        pages = listed.unread(every, oldest)
        rows = listed.rows(every)
        if rows is None:
            return pages[0] if len(wanted) > 1 else None
        places = Counter(
            place // MAX_PAGE
            for id in wanted
            if (place := rows.index_of(id, float("-inf"))) is not None
        )
        likely = max(pages, key=lambda page: places[page.offset // MAX_PAGE], default=None)
        if likely is None or not wanted:
            return None
        calls = sum(map(self._upstream.page_cost, pages))
        sure = all(isinstance(clients[id], CachedRecord) for id in wanted)
        pays = calls < len(wanted) or (sure and calls == len(wanted))
        return likely if pays or places[likely.offset // MAX_PAGE] else None

    def _latest(
        self,
        key: EntityKey,
        record: ClientRecord | None,
        at: float,
        fields: Fields,
        oldest: float,
    ) -> EntityResult | None:
        """Return the result, given a record just read; None if it is not certain."""
        known = self.find(key, fields, oldest, oldest)
        if known is not None:
            return known
        if record is None or record.is_missing(fields) or self._memory.is_outdated(key, record):
            return None
        return EntityResult(record, at, at)

    async def _details(
        self,
        operation: RequestContext,
        ids: Sequence[ClientId],
        fields: Fields,
        priority: Priority,
        oldest: float,
    ) -> dict[ClientId, EntityResult]:
        """Read each client's detail once, and once more if it was written meanwhile."""
        found: dict[ClientId, EntityResult] = {}
        left = list(ids)
        for readings_left in reversed(range(READINGS)):
            landed = await self._load(operation, left, fields, priority, oldest) if left else {}
            for id, one in landed.items():
                answer = self._usable(
                    EntityKey(Partition(operation.caller), id), one, fields, oldest
                )
                if answer is not None:
                    found[id] = answer
                elif not readings_left:
                    found[id] = self._unsettled(one)
            left = [id for id in left if id not in found]
            if left and readings_left:
                operation.receipt.drift = operation.call_budget.may_exceed_estimate = True
        return found

    def _usable(
        self, key: EntityKey, landed: FetchedEntity, fields: Fields, oldest: float
    ) -> EntityResult | None:
        answer, at = landed.result, landed.at
        if isinstance(answer, NotFound):
            known = self._latest(key, None, at, fields, oldest)
            absent = landed.kept and not isinstance(self._memory.client(key), CachedRecord)
            return known or (EntityResult(answer, at, at) if absent else None)
        if isinstance(answer, ClientError):
            return EntityResult(answer, at, at)
        return self._latest(key, answer if landed.kept else None, at, fields, oldest)

    def _unsettled(self, landed: FetchedEntity) -> EntityResult:
        """Return the result for a client that a second reading did not settle."""
        result = landed.result
        if isinstance(result, NotFound) and landed.kept:
            result = Unavailable("The API does not show yet what was just written: ask again.")
        return EntityResult(result, landed.at, landed.at)

    async def _load(
        self,
        operation: RequestContext,
        ids: Sequence[ClientId],
        fields: Fields,
        priority: Priority,
        oldest: float,
    ) -> dict[ClientId, FetchedEntity]:
        """Join the fetches of these clients, start one for the others, and wait for all."""
        partition = Partition(operation.caller)
        names = {id: self._name(EntityKey(partition, id)) for id in ids}
        # By credential: the API may respond differently to another credential of the user.
        who, by = operation.waiters, operation.caller.hash
        flights = {id: self._flights.join((name, by), oldest, who) for id, name in names.items()}
        alone = {id: names[id] for id, flight in flights.items() if flight is None}
        operation.receipt.joined += len(ids) - len(alone)
        if alone:
            at = self._clock()
            load = partial(self._send, operation, alone, fields, priority, at)
            keys = [(name, by) for name in alone.values()]
            flights |= dict.fromkeys(alone, self._flights.start(keys, load, at, who))
        landed: dict[ClientId, FetchedEntity] = {}
        for id, flight in flights.items():
            if flight is not None:
                landed[id] = await self._complete(operation, flight, id)
        return landed

    def _name(self, key: EntityKey) -> tuple[EntityKey, FencingToken]:
        return key, self._memory.client_token(key)

    async def _complete(
        self,
        operation: RequestContext,
        flight: Fetch[Mapping[ClientId, FetchedEntity]],
        id: ClientId,
    ) -> FetchedEntity:
        try:
            return (await flight.wait(operation.deadline - self._clock()))[id]
        except ClientError as failure:
            return FetchedEntity(failure, flight.at, kept=True)

    async def _send(  # noqa: PLR0913, PLR0917 - one request, its time and its waiters
        self,
        operation: RequestContext,
        names: Mapping[ClientId, tuple[EntityKey, FencingToken]],
        fields: Fields,
        priority: Priority,
        at: float,
        waiters: Waiters,
    ) -> Mapping[ClientId, FetchedEntity]:
        answers, _ = await self._upstream.send(
            operation,
            at,
            waiters,
            lambda flight: self._upstream.reader.fetch(flight, list(names), fields, priority),
        )
        landed = {
            id: FetchedEntity(answer, at, self._store(*names[id], answer, at))
            for id, answer in zip(names, answers, strict=True)
        }
        if any(isinstance(answer, Unauthenticated | Forbidden) for answer in answers):
            self._memory.purge(Partition(operation.caller))
        return landed

    def _store(
        self, key: EntityKey, fence: FencingToken, answer: ClientRecord | ClientError, at: float
    ) -> bool:
        if isinstance(answer, NotFound):
            return self._memory.store_absence(key, at, fence)
        return isinstance(answer, ClientError) or self._memory.store_record(key, answer, at, fence)
