"""The short way from a client's record to its part of an answer, where nothing is unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schema.execution.compiler.codegen import RECORD, Fallback, generate
from schema.execution.lru import WeightedLRU
from schema.execution.sizes import FIELD, KEY, SELECTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schema.execution.compiler.codegen import Expression
    from schema.source.records import ClientRecord

_WARM_UP = 8
"""Records told the long way before a function is written, which takes as long."""
_HELD = 4 * 1024 * 1024
"""Bytes of all rows of a graph together."""


class RecordEncoder:
    """Tells records as one selection of columns, by the keys of the answer."""

    __slots__ = ("_seldom", "columns", "written")

    def __init__(self, columns: Mapping[str, Expression]) -> None:
        self.columns = columns
        self._seldom = _WARM_UP
        self.written: Callable[[ClientRecord], dict[str, Any]] | None = None
        """The function for it; None until it is used often enough."""

    def encode(self, record: ClientRecord) -> dict[str, Any]:
        """The answered object. Raises, anything at all, where the long way has to tell it."""
        if self.written is None:
            if self._seldom:
                self._seldom -= 1
                raise Fallback
            self.written = generate(RECORD, self.columns)
        return self.written(record)


class RecordEncoders:
    """The rows of one graph that show nothing but leaves, the latest asked for."""

    def __init__(self) -> None:
        self._columns: dict[str, Expression] = {}
        self._latest: WeightedLRU[RecordEncoder] = WeightedLRU(_HELD)

    def of(self, names: Mapping[str, str], column: Callable[[str], Expression]) -> RecordEncoder:
        """The row with these fields under these keys; `column` tells those not known yet."""
        shown = tuple(names.items())
        row = self._latest.find(shown)
        if row is None:
            for name in names.values():
                if name not in self._columns:
                    self._columns[name] = column(name)
            row = RecordEncoder({key: self._columns[name] for key, name in shown})
            size = sum(FIELD + SELECTED + KEY * len(key) for key in names)
            self._latest.put(shown, row, size)
        return row
