"""Clients by id: from memory, from a sweep of the list or as details, whichever is cheapest."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gateway.cache.entities import Gone, Known
from gateway.cache.flight import Flights
from gateway.cache.keys import EntityKey, ListKey, Partition
from gateway.cache.listed import EVERYONE
from gateway.cache.question import Question
from schema.failures import Failure, Forbidden, NotFound, Unauthenticated, Unavailable
from schema.source import MAX_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gateway.cache.accounts import Accounts
    from gateway.cache.flight import Flight
    from gateway.cache.freshness import Policy
    from gateway.cache.generations import Fence
    from gateway.cache.lists import Lists
    from gateway.cache.memory import Memory
    from schema.operation import Audience, Lane, Operation
    from schema.source import ClientId, ClientRecord, ClientSource, Fields, Window

READINGS = 2
"""Detail reads of one client: one that a write spoils or another answer overtakes, and one more."""


class Answer(NamedTuple):
    """A client or its failure, and how old that is."""

    told: ClientRecord | Failure
    at: float
    """When it was read."""
    checked_at: float
    """When the API was last asked for it, whatever it answered."""


@dataclass(frozen=True, slots=True)
class Landed:
    """One detail read; `kept` unless its caller wrote the client while it was under way."""

    answer: ClientRecord | Failure
    at: float
    kept: bool


class ById:
    """The clients of all callers, by id."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a reading needs and changes
        self,
        source: ClientSource,
        memory: Memory,
        lists: Lists,
        accounts: Accounts,
        policy: Policy,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._accounts = accounts
        self._memory = memory
        self._lists = lists
        self._policy = policy
        self._clock = clock
        self._flights: Flights[Mapping[ClientId, Landed]] = Flights()

    def remembered(
        self, key: EntityKey, fields: Fields, oldest: float, missing_oldest: float
    ) -> Answer | None:
        """The client as remembered since `oldest`, its absence since `missing_oldest`."""
        known = self._memory.client(key)
        if isinstance(known, Gone):
            gone = NotFound("There is no such client, or it is not yours to see.")
            return Answer(gone, known.at, known.at) if known.at >= missing_oldest else None
        view = None if known is None else known.view(fields, oldest)
        if known is None or view is None or view[0].lacks(fields):
            return None
        return Answer(*view, max(view[1], known.contradicted_at))

    def overtaken(self, operation: Operation, id: ClientId, answer: ClientRecord | Failure) -> bool:
        """Whether this caller was told a later version while the answer waited for others."""
        key = EntityKey(Partition(operation.caller), id)
        return not isinstance(answer, Failure) and self._memory.outdated(key, answer)

    def last_word(
        self, operation: Operation, id: ClientId, answer: ClientRecord | Failure
    ) -> ClientRecord | Failure:
        """The answer, unless it is older than what this caller was told before."""
        if isinstance(answer, Failure):
            return answer
        if self.overtaken(operation, id, answer):
            return Unavailable("The client is changed faster than it can be read: ask again.")
        self._memory.told(EntityKey(Partition(operation.caller), id), answer)
        return answer

    async def read(
        self,
        operation: Operation,
        ids: Sequence[ClientId],
        fields: Fields,
        lane: Lane,
        oldest: float,
    ) -> Mapping[ClientId, Answer]:
        """Read these clients, none of them known, for at most as many calls.

        What was read before `oldest` is among them only where the API contradicts it.
        """
        found = await self._sweep(operation, ids, fields, lane, oldest)
        rest = [id for id in ids if id not in found]
        return {**found, **await self._details(operation, rest, fields, lane, oldest)}

    async def _sweep(
        self,
        operation: Operation,
        ids: Sequence[ClientId],
        fields: Fields,
        lane: Lane,
        oldest: float,
    ) -> dict[ClientId, Answer]:
        """Those of `ids` found by reading pages of the list, for as long as that is cheaper."""
        every = ListKey(Partition(operation.caller), EVERYONE)
        found: dict[ClientId, Answer] = {}
        left = list(ids)
        for _ in ids:
            page = self._page(every, left, fields, oldest)
            if page is None or operation.spending.room < self._source.price(page) + len(left):
                break
            question = Question(operation, every, page, fields, oldest, math.inf, lane)
            [landed] = await self._lists.load(question, [(every, page)])
            told = {record.id: record for record in landed.page.records if landed.kept}
            for id in left:
                key = EntityKey(every.partition, id)
                answer = self._newest(key, told.get(id), landed.at, fields, oldest)
                if answer is not None:
                    found[id] = answer
            left = [id for id in left if id not in found]
            if not landed.kept:
                break
        return found

    def _page(
        self, every: ListKey, ids: Sequence[ClientId], fields: Fields, oldest: float
    ) -> Window | None:
        """The page of the list to read next, if that is cheaper than asking for each of `ids`.

        A whole sweep is, where it costs less than the ids it is for. So is a page on which ids
        stood when it was last read; one that costs the same tells more.
        """
        listed = self._lists.listed
        if not fields <= self._lists.row_fields:
            return None
        clients = {id: self._memory.client(EntityKey(every.partition, id)) for id in ids}
        wanted = [
            id
            for id, known in clients.items()
            if not (isinstance(known, Known) and known.checked_at >= oldest)
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
        calls = sum(map(self._source.price, pages))
        sure = all(isinstance(clients[id], Known) for id in wanted)
        pays = calls < len(wanted) or (sure and calls == len(wanted))
        return likely if pays or places[likely.offset // MAX_PAGE] else None

    def _newest(
        self,
        key: EntityKey,
        record: ClientRecord | None,
        at: float,
        fields: Fields,
        oldest: float,
    ) -> Answer | None:
        """What to answer, given a record just read; None where that cannot be told."""
        known = self.remembered(key, fields, oldest, oldest)
        if known is not None:
            return known
        if record is None or record.lacks(fields) or self._memory.outdated(key, record):
            return None
        return Answer(record, at, at)

    async def _details(
        self,
        operation: Operation,
        ids: Sequence[ClientId],
        fields: Fields,
        lane: Lane,
        oldest: float,
    ) -> dict[ClientId, Answer]:
        """One detail read for each; once more for those that were written meanwhile."""
        found: dict[ClientId, Answer] = {}
        left = list(ids)
        for readings_left in reversed(range(READINGS)):
            landed = await self._load(operation, left, fields, lane, oldest) if left else {}
            for id, one in landed.items():
                answer = self._settled(
                    EntityKey(Partition(operation.caller), id), one, fields, oldest
                )
                if answer is not None:
                    found[id] = answer
                elif not readings_left:
                    found[id] = self._unsettled(one)
            left = [id for id in left if id not in found]
            if left and readings_left:
                operation.receipt.drift = operation.spending.excused = True
        return found

    def _settled(
        self, key: EntityKey, landed: Landed, fields: Fields, oldest: float
    ) -> Answer | None:
        answer, at = landed.answer, landed.at
        if isinstance(answer, NotFound):
            known = self._newest(key, None, at, fields, oldest)
            absent = landed.kept and not isinstance(self._memory.client(key), Known)
            return known or (Answer(answer, at, at) if absent else None)
        if isinstance(answer, Failure):
            return Answer(answer, at, at)
        return self._newest(key, answer if landed.kept else None, at, fields, oldest)

    def _unsettled(self, landed: Landed) -> Answer:
        """What to tell of a client that a second reading did not settle."""
        told = landed.answer
        if isinstance(told, NotFound) and landed.kept:
            told = Unavailable("The API does not show yet what was just written: ask again.")
        return Answer(told, landed.at, landed.at)

    async def _load(
        self,
        operation: Operation,
        ids: Sequence[ClientId],
        fields: Fields,
        lane: Lane,
        oldest: float,
    ) -> dict[ClientId, Landed]:
        """Join the flights of these clients, send one for the others, and wait for all."""
        partition = Partition(operation.caller)
        names = {id: self._name(EntityKey(partition, id)) for id in ids}
        # By one credential: what the API says to another of the user's is no answer to this one.
        who, by = operation.audience, operation.caller.hash
        flights = {id: self._flights.join((name, by), oldest, who) for id, name in names.items()}
        alone = {id: names[id] for id, flight in flights.items() if flight is None}
        operation.receipt.joined += len(ids) - len(alone)
        if alone:
            at = self._clock()
            load = partial(self._send, operation, alone, fields, lane, at)
            keys = [(name, by) for name in alone.values()]
            flights |= dict.fromkeys(alone, self._flights.start(keys, load, at, who))
        landed: dict[ClientId, Landed] = {}
        for id, flight in flights.items():
            if flight is not None:
                landed[id] = await self._land(operation, flight, id)
        return landed

    def _name(self, key: EntityKey) -> tuple[EntityKey, Fence]:
        return key, self._memory.client_fence(key)

    async def _land(
        self, operation: Operation, flight: Flight[Mapping[ClientId, Landed]], id: ClientId
    ) -> Landed:
        try:
            return (await flight.land(operation.deadline - self._clock()))[id]
        except Failure as failure:
            return Landed(failure, flight.at, kept=True)

    async def _send(  # noqa: PLR0913, PLR0917 - one question, when it was asked, and for whom
        self,
        operation: Operation,
        names: Mapping[ClientId, tuple[EntityKey, Fence]],
        fields: Fields,
        lane: Lane,
        at: float,
        audience: Audience,
    ) -> Mapping[ClientId, Landed]:
        partition = Partition(operation.caller)
        flight = self._accounts.flight(operation, at + self._policy.flight_seconds, audience)
        try:
            answers = await self._source.fetch(flight, list(names), fields, lane)
        except (Unauthenticated, Forbidden):
            self._memory.purge(partition)
            raise
        finally:
            self._accounts.landed(operation, flight)
        landed = {
            id: Landed(answer, at, self._take(*names[id], answer, at))
            for id, answer in zip(names, answers, strict=True)
        }
        if any(isinstance(answer, Unauthenticated | Forbidden) for answer in answers):
            self._memory.purge(partition)
        return landed

    def _take(
        self, key: EntityKey, fence: Fence, answer: ClientRecord | Failure, at: float
    ) -> bool:
        if isinstance(answer, NotFound):
            return self._memory.take_absence(key, at, fence)
        return isinstance(answer, Failure) or self._memory.take_client(key, answer, at, fence)
