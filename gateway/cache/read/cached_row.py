"""Rows of a cached list: decoded when their values are read, encoded once for each selection."""

from collections.abc import Callable
from typing import Any, cast
from weakref import ref

import msgspec
import orjson

from gateway.cache.store.entity import CachedRecord
from schema.execution.lru import WeightedLRU
from schema.source.records import ClientRecord, Page

_MAX_BYTES = 4 * 1024 * 1024
"""Bytes of encoded rows that are held for all callers."""
_ROW = 500
"""Bytes of an encoded row without its text and the values it was encoded from."""

EncodedRows = WeightedLRU[orjson.Fragment]
"""Encoded rows by the values and the selection that they depend on, so that none is ever wrong."""


def encoded_rows() -> EncodedRows:
    """Return a new, empty store of encoded rows."""
    return WeightedLRU(_MAX_BYTES)


class CachedRow:
    """A client's record in the cache, in the place of the record itself."""

    __slots__ = ("_encoded", "_entry", "_record", "id")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, entry: CachedRecord, encoded: EncodedRows) -> None:
        self.id = entry.id
        self._entry = entry
        self._encoded = encoded
        self._record: ClientRecord | None = None

    @property
    def unreadable(self) -> bool:
        """Return True if it only stands for a list row that is not a client of its own."""
        return self._entry.unreadable

    @property
    def record(self) -> ClientRecord:
        """Return the record, decoded once."""
        if self._record is None:
            self._record = self._entry.record
        return self._record

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a record
        """Return an attribute of the record."""
        return getattr(self.record, name)

    def __eq__(self, other: object) -> bool:
        """Compare it as the record that it stands for."""
        return self.record == (other.record if isinstance(other, CachedRow) else other)

    def encoded(self, encode: Callable[[ClientRecord], Any]) -> Any:  # noqa: ANN401 - any JSON
        """Return what `encode` returns for the record, as JSON that was encoded before."""
        entry = self._entry
        key = entry.id, entry.shape, entry.values, ref(encode)  # a forgotten document is freed
        known = self._encoded.find(key)
        if known is None:
            shown = encode(self.record)
            try:
                text = orjson.dumps(shown)
            except orjson.JSONEncodeError:  # for the whole response to fail as it would
                return shown
            known = orjson.Fragment(text)
            self._encoded.put(key, known, _ROW + len(text) + len(entry.values))
        return known


def decoded(page: Page) -> Page:
    """Return a page that was just read, with records instead of rows: it is not encoded again."""
    records = [row.record if isinstance(row, CachedRow) else row for row in page.records]
    return msgspec.structs.replace(page, records=tuple(records))


def rows_of(
    clients: list[CachedRecord], oldest: float, encoded: EncodedRows
) -> tuple[ClientRecord, ...]:
    """Return the rows of these clients, as checked since `oldest`."""
    rows = [
        each.since(oldest) if each.is_partial(oldest) else CachedRow(each, encoded)
        for each in clients
    ]
    return cast("tuple[ClientRecord, ...]", tuple(rows))
