"""Sort clients, and find the place of a cursor's row among them: the keys, then the id."""

from collections.abc import Callable, Sequence
from typing import Any

from gateway.search.folding import fold
from gateway.search.values import Value, value_reader
from schema.source.records import ClientRecord
from schema.source.search import RELEVANCE, SortKey


class Order:
    """A total order of clients: by its keys, nulls last in both directions, then by id.

    `relevance` returns how far a client is from what was searched for.
    """

    def __init__(
        self, keys: Sequence[SortKey], relevance: Callable[[ClientRecord], int] | None = None
    ) -> None:
        readers: list[Callable[[ClientRecord], Value]] = [
            relevance if key.by == RELEVANCE and relevance is not None else value_reader(key.by)
            for key in keys
        ]
        self._keys = list(zip(readers, (key.descending for key in keys), strict=True))

    def values(self, record: ClientRecord) -> tuple[Value, ...]:
        """Return a client's values of the keys, for a cursor."""
        return tuple(read(record) for read, _ in self._keys)

    def sort(self, records: Sequence[ClientRecord]) -> list[ClientRecord]:
        """Return the records in this order."""
        rows = sorted(records, key=lambda record: record.id)
        for read, descending in reversed(self._keys):
            pairs = [(read(record), record) for record in rows]
            known = [(comparable(value), record) for value, record in pairs if value is not None]
            known.sort(key=lambda pair: pair[0], reverse=descending)
            rows = [record for _, record in known]
            rows += [record for value, record in pairs if value is None]
        return rows

    def place(self, rows: Sequence[ClientRecord], values: Sequence[Value], id: str) -> int:
        """Return how many of the sorted rows are before a client with these values and this id."""
        low, high = 0, len(rows)
        while low < high:
            middle = (low + high) // 2
            if self._is_before(rows[middle], values, id):
                low = middle + 1
            else:
                high = middle
        return low

    def _is_before(self, record: ClientRecord, values: Sequence[Value], id: str) -> bool:
        for (read, descending), other in zip(self._keys, values, strict=True):
            own = read(record)
            if own is None or other is None:
                if own is not other:
                    return other is None
                continue
            ours, theirs = comparable(own), comparable(other)
            if ours != theirs:
                return bool((ours < theirs) is not descending)
        return record.id < id


def comparable(value: Value) -> Any:  # noqa: ANN401 - of one key, all are of one type
    """Return what is compared of a value: of a text first its folded form."""
    return (fold(value), value) if isinstance(value, str) else value
