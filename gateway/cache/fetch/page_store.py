"""Store pages that were read, by this gateway or another one, and learn from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.cache.policy.filters import matches
from gateway.cache.policy.freshness import CachePolicy
from gateway.cache.policy.row_fields import RowFields
from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.generations import FencingToken
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from schema.source.records import ClientFilter, ClientRecord, Page


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page read; `kept` unless its caller wrote while it was being read.

    `drift`: rows were seen to move between the calls that read the page.
    """

    page: Page
    at: float
    newest: Mapping[str, CachedRecord]
    """The newest of its clients, as far as it was held when the page arrived."""
    kept: bool
    drift: bool


class PageStore:
    """Pages of the lists of all callers, on their way into the cache."""

    def __init__(self, memory: FencedCache, policy: CachePolicy) -> None:
        self._memory = memory
        self._policy = policy
        self.row_fields = RowFields()

    def store(
        self,
        key: ListKey,
        page: Page,
        at: float,
        fence: FencingToken,
        *,
        drift: bool = False,
    ) -> FetchedPage:
        """Store a page that was read at `at` under `fence`, and learn from it."""
        clients = [record for record in page.records if not record.unreadable]
        if clients:
            self.row_fields.observe(clients)
        shown = self._memory.own_writes.applied(
            key.partition,
            page,
            at,
            lambda record: matches(key.where, record, self._memory.meaning.types),
            self._memory.order.newest,
        )
        newest = self._memory.store_page(key, shown, at, fence)
        if newest is not None:
            self._memory.order.observe(page.records)
            self._memory.meaning.observe(key.where, page, self._everyone(key.partition, at))
        return FetchedPage(shown, at, newest or {}, newest is not None, drift)

    def _everyone(self, partition: Partition, at: float) -> Iterable[ClientRecord]:
        """Yield all of this caller's clients, if they are cached and fresh; else none.

        Without those written so late that a reading sent at `at` may not show it.
        """
        rows = self._memory.rows(ListKey(partition, ClientFilter()))
        oldest = at - self._policy.fresh
        if rows is None or not rows.whole(oldest):
            return
        for span in rows.spans:
            for id in span.ids:
                key = EntityKey(partition, id)
                known = self._memory.client(key)
                unseen = self._memory.own_writes.may_be_unseen(key, at)
                if isinstance(known, CachedRecord) and not unseen:
                    yield known.record
