"""Differences between a reading and what was cached before it: changes that no event reported."""

from collections.abc import Callable

from gateway.cache.store.change_hints import ChangeKind
from gateway.cache.store.entity import CachedRecord, Held, has_changed
from gateway.cache.store.keys import EntityKey, ListKey
from gateway.cache.store.list_index import ListIndex
from schema.source.records import ClientFilter, ClientRecord, Page

NoteDifference = Callable[
    [str, ChangeKind, str, float, ClientRecord | None, ClientRecord | None], None
]
"""Notes partition, kind, id, the time of the reading, and the client before and after it."""

_UNFILTERED = ClientFilter()


class Differences:
    """Reports differences to `note`, if there is one; call it before the reading is stored."""

    def __init__(self) -> None:
        self.note: NoteDifference | None = None

    def of_record(self, key: EntityKey, before: Held, after: Held, at: float) -> None:
        """Report a client whose version or fields differ."""
        if self.note is not None and has_changed(before, after):
            self._report(key, at, before, after)

    def of_absence(self, key: EntityKey, before: Held, at: float) -> None:
        """Report a client that is no longer there."""
        if self.note is not None and isinstance(before, CachedRecord):
            self._report(key, at, before, None)

    def of_page(self, key: ListKey, page: Page, before: ListIndex, at: float) -> None:
        """Report the clients that joined a list of all clients, which was read completely."""
        if self.note is None or key.where != _UNFILTERED or not before.whole(float("-inf")):
            return
        listed = {id for span in before.spans for id in span.ids}
        for record in page.records:
            if record.id not in listed:
                self.note(key.partition, "created", record.id, at, None, record)

    def _report(self, key: EntityKey, at: float, before: Held, after: Held) -> None:
        assert self.note is not None  # noqa: S101 - the callers looked
        records = [
            each.record if isinstance(each, CachedRecord) else None for each in (before, after)
        ]
        kind: ChangeKind = "deleted" if after is None else "updated"
        self.note(key.partition, kind, key.id, at, *records)
