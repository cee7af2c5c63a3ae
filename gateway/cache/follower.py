"""Applies what other gateways learnt to this cache, and spreads what this one did."""

from collections.abc import Callable

from gateway.cache.coherence.contract import Coherence
from gateway.cache.coherence.events import (
    Changed,
    ClientsRead,
    Event,
    Forgotten,
    PageRead,
    Rejected,
    WriteBegan,
    WriteEnded,
)
from gateway.cache.fetch.entity_fetcher import EntityFetcher
from gateway.cache.fetch.page_store import PageStore
from gateway.cache.store.change_hints import ChangeKind
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.generations import OUTDATED
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.write.effects import WriteEffects
from schema.source.errors import NotFound
from schema.source.records import ClientFilter, ClientId, Page


class CacheFollower:
    """Learns the events of other gateways; none of them is spread again."""

    def __init__(
        self,
        memory: FencedCache,
        coherence: Coherence,
        readers: tuple[PageStore, EntityFetcher],
        writes: WriteEffects,
        report: Callable[[ChangeKind, frozenset[str]], None],
    ) -> None:
        """Create it; `report` applies what a webhook reported."""
        self._memory, self._coherence, self._writes = memory, coherence, writes
        self._pages, self._clients = readers
        self._report = report
        self.when_changed: Callable[[ChangeKind, frozenset[str]], None] = self.note_change
        """Called with the changes that webhooks reported to other gateways."""
        self.when_written: Callable[[WriteEnded], None] = lambda _: None
        """Called with the writes of other gateways, before they are applied."""
        self.is_learning = False
        """Whether an event of another gateway is being applied."""
        self.when_accepted: Callable[[str, float], None] = lambda _credential, _at: None
        """Called for a credential that the API accepted at another gateway."""
        self.when_rejected: Callable[[str], None] = lambda _: None
        """Called for a credential that the API rejected at another gateway."""

        memory.when_purged = self._spread_purge

    def disown(self, credential: str) -> None:
        """Remove what was read by a credential that the API rejects now, known by its hash.

        The credential had its own partition before it joined its user's, and returns to that one.
        """
        self._memory.purge(Partition.alone(credential))
        self._spread(Rejected(credential))

    def note_change(self, kind: ChangeKind, ids: frozenset[str]) -> None:
        """Note a change that a webhook reported: what was read before is no longer fresh."""
        self._report(kind, ids)
        self._spread(Changed(kind, ids))

    def missed(self) -> None:
        """Note that changes at other gateways may have been missed: nothing held is fresh."""
        self._memory.hints.note_everything()

    def _spread_purge(self, partition: Partition) -> None:
        self._spread(Forgotten(partition))

    def _spread(self, event: Event) -> None:
        if not self.is_learning:
            self._coherence.spread(event)

    def learn(self, event: Event, outdated: bool) -> None:  # noqa: FBT001 - of the journal
        """Apply an event; a reading that is outdated is only noted."""
        self.is_learning = True
        try:
            self._learn(event, outdated=outdated)
        finally:
            self.is_learning = False

    def _learn(self, event: Event, *, outdated: bool) -> None:
        if isinstance(event, PageRead):
            self._page(event, outdated=outdated)
        elif isinstance(event, ClientsRead):
            self._found(event, outdated=outdated)
        elif isinstance(event, WriteBegan):
            self._writes.began(event)
        elif isinstance(event, WriteEnded):
            self.when_written(event)
            self._writes.ended(event)
        elif isinstance(event, Forgotten):
            self._memory.purge(Partition.alone(event.partition))
        elif isinstance(event, Rejected):
            self.when_rejected(event.credential)
        elif isinstance(event, Changed):
            self.when_changed(event.kind, event.ids)

    def _page(self, event: PageRead, *, outdated: bool) -> None:
        key = ListKey(
            Partition.alone(event.partition), ClientFilter(event.client_type, event.status)
        )
        page = Page(event.offset, event.records, event.total, event.more)
        fence = OUTDATED if outdated else self._memory.generations.of_lists(key.partition)
        self._pages.store(key, page, event.at, fence)
        self.when_accepted(event.by, event.at)

    def _found(self, event: ClientsRead, *, outdated: bool) -> None:
        partition = Partition.alone(event.partition)
        read = {
            ClientId(id): NotFound("There is no such client.") if record is None else record
            for id, record in event.found.items()
        }
        of_client = self._memory.generations.of_client
        tokens = {id: OUTDATED if outdated else of_client(EntityKey(partition, id)) for id in read}
        self._clients.store(partition, tokens, read, event.at)
        if any(event.found.values()):
            self.when_accepted(event.by, event.at)
