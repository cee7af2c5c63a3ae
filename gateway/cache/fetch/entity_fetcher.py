"""Read clients by id and store them, as one of several gateways that may want them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from gateway.cache.coherence.contract import Coherence
from gateway.cache.coherence.events import ClientsRead
from gateway.cache.fetch.queries import ReadQuery
from gateway.cache.policy.cost_attribution import CostAttribution
from gateway.cache.store.entity import Held, Tombstone
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.generations import FencingToken
from gateway.cache.store.keys import EntityKey, Partition
from schema.source.errors import ClientError, Forbidden, NotFound, Unauthenticated
from schema.source.protocols import ClientReader
from schema.source.records import ClientId, ClientRecord
from schema.source.request_context import Waiters


class EntityResult(NamedTuple):
    """A client or its failure, and its age."""

    value: ClientRecord | ClientError
    at: float
    """When it was read."""
    checked_at: float
    """When the API was last called for it, whatever it returned."""
    hinted_at: float = -math.inf
    """When the last event came that may have changed it since then."""


class FetchedEntity(NamedTuple):
    """One detail read, and what the cache then held; None if its caller wrote during the read."""

    result: ClientRecord | ClientError
    at: float
    newest: Held


def usable(held: Held, query: ReadQuery) -> EntityResult | None:
    """Return the client, or its absence, if what is held of it answers the query."""
    if held is None:
        return None
    if isinstance(held, Tombstone):
        gone = NotFound("There is no such client, or it is not yours to see.")
        return EntityResult(gone, held.at, held.at) if held.at >= query.missing_oldest else None
    at = held.as_of(query.fields, query.oldest)
    if at is None or not held.has(query.fields, query.oldest):
        return None
    return EntityResult(held.since(query.oldest), at, max(at, held.contradicted_at))


@dataclass(eq=False, repr=False)
class EntityFetcher:
    """The detail reads of all callers."""

    _reader: ClientReader
    _accounts: CostAttribution
    _memory: FencedCache
    _clock: Callable[[], float]
    _coherence: Coherence

    async def send(
        self,
        query: ReadQuery,
        tokens: Mapping[ClientId, FencingToken],
        at: float,
        waiters: Waiters,
    ) -> Mapping[ClientId, FetchedEntity]:
        """Read these clients, unless another gateway is reading them, and store them."""
        by, based_on = query.operation.caller.hash, self._coherence.position
        found: Mapping[ClientId, FetchedEntity] = {}
        flights: Sequence[str] = ()
        if self._coherence.is_shared:
            names = {id: (query.partition, by, id) for id in tokens}
            found, flights = await self._coherence.turns(names, partial(self._elsewhere, query))
            at, based_on, left = self._clock(), self._coherence.position, tokens.keys() - found
            tokens = {id: self._memory.generations.of_client(query.key(id)) for id in left}
            query.operation.receipt.joined += len(found)
            if not tokens:
                return found
        try:
            with self._accounts.shared(query.operation, at, waiters) as flight:
                answers = await self._reader.fetch(
                    flight, list(tokens), query.fields, query.priority
                )
        except BaseException:
            self._coherence.end(flights)
            raise
        read = dict(zip(tokens, answers, strict=True))
        store = partial(self.store, query.partition, tokens, read, at)
        landed = await self._coherence.read(
            ClientsRead(query.partition, by, at, _shared(read)), store, based_on, flights
        )
        if any(isinstance(answer, Unauthenticated | Forbidden) for answer in answers):
            self._memory.purge(query.partition)
        return {**found, **landed}

    def _elsewhere(self, query: ReadQuery, id: ClientId) -> FetchedEntity | None:
        """Return the client, if another gateway has read it in the meantime."""
        held = self._memory.client(query.key(id))
        result = usable(held, query)
        return None if result is None else FetchedEntity(result.value, result.at, held)

    def store(
        self,
        partition: Partition,
        tokens: Mapping[ClientId, FencingToken],
        read: Mapping[ClientId, ClientRecord | ClientError],
        at: float,
    ) -> Mapping[ClientId, FetchedEntity]:
        """Store what a read sent at `at` returned, of those not written since their tokens."""
        return {
            id: FetchedEntity(
                answer, at, self._store(EntityKey(partition, id), tokens[id], answer, at)
            )
            for id, answer in read.items()
        }

    def _store(
        self, key: EntityKey, token: FencingToken, answer: ClientRecord | ClientError, at: float
    ) -> Held:
        if isinstance(answer, ClientError):
            absent = isinstance(answer, NotFound)
            return self._memory.store_absence(key, at, token) if absent else None
        return self._memory.store_record(key, answer, at, token)


def _shared(
    read: Mapping[ClientId, ClientRecord | ClientError],
) -> dict[str, ClientRecord | None]:
    """Return what other gateways store of it: clients, and None for those that are absent."""
    return {
        id: None if isinstance(each, ClientError) else each
        for id, each in read.items()
        if isinstance(each, ClientRecord | NotFound)
    }
