"""All clients of one list as one scan read them, kept current by writes and later readings."""

import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from gateway.cache.store.cursor_anchor import END, Neighbours
from gateway.cache.store.entity import CachedRecord, Tombstone, merge_record
from gateway.search.facets import Facets
from gateway.search.order import Order
from gateway.search.terms import SearchText, search_text
from schema.source.records import FIELDS, ClientRecord

_REVISIONS = itertools.count(1)
_CLIENT = 1_150
"""Bytes of a client without its values: its record, its folded text and their places."""


class HeldCollection:
    """The clients of one list, complete, in the API's order.

    A scan of a large collection is fresh for longer than a page, so it is held apart from the
    pages: a page that shows that rows moved invalidates the other pages, not the scan. Records are
    held unpacked, because every search looks at all of them; equal values are held once.
    """

    def __init__(
        self, clients: Iterable[CachedRecord], at: float, calls: int, *, drift: bool = False
    ) -> None:
        """Create it from the result of `calls` calls, the first of which was sent at `at`."""
        self.at = at
        self.calls = calls
        self.drift = drift
        """Whether rows were seen to move while it was read."""
        self.kept_for = 0.0
        """Seconds for which it is kept for an idle caller."""
        entries = [each for each in clients if not each.unreadable]
        self.read_at = {each.id: each.at for each in entries}
        """When each client was read."""
        self._by_id, self.weight = _unpack(entries)
        """`weight`: its bytes, which later values add to; those they replace may be shared."""
        self._texts: dict[bool, dict[str, SearchText]] = {False: {}, True: {}}
        """By whether those of the notes are included."""
        self._records: tuple[ClientRecord, ...] | None = None
        self.revision = next(_REVISIONS)
        """Identifies its present content, among all collections."""

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def records(self) -> tuple[ClientRecord, ...]:
        """Return its records in the API's order."""
        if self._records is None:
            self._records = tuple(self._by_id.values())
        return self._records

    def texts(self, with_notes: bool) -> Mapping[str, SearchText]:  # noqa: FBT001 - its only parameter
        """Return the folded texts of all clients by id, made once for each version of a record."""
        texts = self._texts[with_notes]
        if len(texts) < len(self._by_id):
            for id, record in self._by_id.items():
                if id not in texts:
                    texts[id] = search_text(record, with_notes=with_notes)
        return texts

    def update(self, id: str, entry: CachedRecord | Tombstone) -> Neighbours | None:
        """Apply a later reading or a write of one of its clients.

        Return the neighbours of a client that left.
        """
        at = self.read_at.get(id)
        if at is None:
            return None
        if not isinstance(entry, CachedRecord):
            return self._remove(id) if entry.at >= at else None
        before = CachedRecord.of(self._by_id[id], at)
        after = merge_record(before, entry.record, entry.at)
        if isinstance(after, CachedRecord) and after is not before:
            self.read_at[id] = after.at
            if not after.has_values_of(before):
                self.weight += _size_of_new(after.record, self._by_id[id])
                self._by_id[id] = after.record
                self._changed(id)
        return None

    def add(self, entry: CachedRecord, *, first: bool) -> None:
        """Add a client that the caller created, at the end where the API lists new clients."""
        others, own = self._by_id, {entry.id: entry.record}
        self._by_id = own | others if first else others | own
        self.read_at[entry.id] = entry.at
        self.weight += _CLIENT + _size_of_new(entry.record)
        self._changed(entry.id)

    def _remove(self, id: str) -> Neighbours:
        ids = [END, *self._by_id, END]
        index = ids.index(id)
        del self._by_id[id], self.read_at[id]
        self._changed(id)
        return Neighbours(ids[index - 1], ids[index + 1])

    def _changed(self, id: str) -> None:
        self.revision = next(_REVISIONS)
        self._records = None
        for texts in self._texts.values():
            texts.pop(id, None)


def _unpack(entries: Iterable[CachedRecord]) -> tuple[dict[str, ClientRecord], int]:
    """Return the records by id, equal values of them held once, and their bytes."""
    shared: dict[tuple[type, Any], Any] = {}
    weight, records = 1_000, {}
    for entry in entries:
        record, values = entry.record, {}
        for name in FIELDS:
            value = getattr(record, name)
            if isinstance(value, dict):
                weight += size_of(value)
            elif value is not None and value is not UNSET:
                values[name] = shared.setdefault((type(value), value), value)
                weight += _folded(name, value)
        records[entry.id] = msgspec.structs.replace(record, **values)
    return records, weight + _CLIENT * len(records) + sum(map(size_of, shared.values()))


def _size_of_new(record: ClientRecord, before: ClientRecord | None = None) -> int:
    """Return the bytes of the values that the record had not before."""
    values = {name: getattr(record, name) for name in FIELDS}
    return sum(
        size_of(value) + _folded(name, value)
        for name, value in values.items()
        if value is not UNSET and value != getattr(before, name, UNSET)
    )


def _folded(name: str, value: Any) -> int:  # noqa: ANN401 - a value of a record
    """Return the bytes of a value's folded text that `_CLIENT` does not cover."""
    return len(value) if name == "notes" and isinstance(value, str) else 0


def size_of(value: object) -> int:
    """Return the approximate bytes of a value of a record, or of a question."""
    own = sys.getsizeof(value) + 8
    if isinstance(value, dict):
        return own + sum(size_of(key) + size_of(inner) for key, inner in value.items())
    if isinstance(value, list | tuple | frozenset):
        return own + sum(map(size_of, value))
    if is_dataclass(value):
        return own + sum(size_of(getattr(value, each.name)) for each in fields(value))
    return own


@dataclass(slots=True)
class DerivedRows:
    """The clients of a collection that match a question, in its order."""

    revision: int
    """The content of the collection that they were derived from."""
    rows: Sequence[ClientRecord]
    positions: Sequence[int]
    """The index of each in the collection; empty if they are sorted."""
    order: Order | None
    facets: Facets = field(compare=False)
