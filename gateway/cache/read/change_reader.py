"""Read clients after a change, for their subscribers: at most once, and only what is not cached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.cache.fetch.entity_fetcher import EntityResult
from gateway.cache.fetch.queries import ReadQuery
from gateway.cache.policy.differences import NoteDifference
from gateway.cache.read.entity_reader import EntityReader
from gateway.cache.store.change_hints import ReportedChange
from gateway.cache.store.entity import CachedRecord, Held
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import EntityKey, Partition
from gateway.cache.store.memory import MemoryStore
from schema.source.errors import ClientError, Unavailable
from schema.source.records import ClientId, ClientRecord, Fields
from schema.source.request_context import Caller, Priority, RequestContext

_NOT_READ = "The change was not read: too little of the API's window is left."


@dataclass(eq=False, repr=False)
class ChangeReader:
    """Reads changed clients by id, and reports the changes that other readings show."""

    _by_id: EntityReader
    _memory: FencedCache
    _store: MemoryStore
    _query: Callable[[RequestContext, Fields, Priority], ReadQuery]
    """Returns the query of an operation that begins now."""

    def watch(self, note: NoteDifference) -> None:
        """Have each reading reported that differs from what was cached."""
        self._memory.differences.note = note

    def held(self, caller: Caller, id: ClientId) -> ClientRecord | None:
        """Return the caller's client at any age if it is cached, without a call."""
        entry = self._store.peek(EntityKey(Partition(caller), id))
        return entry.record if isinstance(entry, CachedRecord) else None

    def may_see(self, caller: Caller, id: ClientId) -> bool:
        """Return False if the caller's whole collection is held, without this client."""
        return self._memory.hints.concerns(
            Partition(caller), ReportedChange("updated", frozenset((id,)))
        )

    async def fetch_since(
        self, operation: RequestContext, since: Mapping[ClientId, float], fields: Fields
    ) -> Mapping[ClientId, ClientRecord | ClientError]:
        """Return each client as read since a time, or its failure.

        One client is read in detail; several may be read from pages of the list.
        """
        query = self._query(operation, fields, Priority.ENTITIES)
        found: dict[ClientId, EntityResult] = {}
        missing: dict[ClientId, Held] = {}
        for id, at in since.items():
            cached, lacking = self._by_id.lookup(_since(query, at), [id])
            found |= cached
            missing |= lacking
        if missing and not operation.freshness.only_if_cached:
            newest = _since(query, max(since[id] for id in missing))
            if len(missing) == 1:
                found |= await self._by_id.read_details(newest, missing)
            else:
                found |= await self._by_id.read(newest, missing)
        return {
            id: self._by_id.newest(query, id, found[id]) if id in found else Unavailable(_NOT_READ)
            for id in since
        }


def _since(query: ReadQuery, oldest: float) -> ReadQuery:
    return replace(query, oldest=oldest, missing_oldest=oldest)
