"""The short way from a client's record to its part of an answer, where nothing is unusual."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from schema.compiled.displays import RECORD, Unusual, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schema.compiled.displays import Shown
    from schema.source import ClientRecord

_SELDOM = 8
"""Records told the long way before a function is written, which takes as long."""
_HELD = 256


class Row:
    """Tells records as one selection of columns, by the keys of the answer."""

    __slots__ = ("_seldom", "columns", "tell")

    def __init__(self, columns: Mapping[str, Shown]) -> None:
        self.columns = columns
        self._seldom = _SELDOM
        self.tell: Callable[[ClientRecord], dict[str, Any]] = self._first
        """The answered object. Raises, anything at all, where the long way has to tell it."""

    def _first(self, record: ClientRecord) -> dict[str, Any]:
        if self._seldom:
            self._seldom -= 1
            raise Unusual
        self.tell = written(RECORD, self.columns)
        told: dict[str, Any] = self.tell(record)
        return told


class Rows:
    """The rows of one graph that show nothing but leaves, the latest asked for."""

    def __init__(self) -> None:
        self._columns: dict[str, Shown] = {}
        self._held: OrderedDict[tuple[tuple[str, str], ...], Row] = OrderedDict()

    def of(self, names: Mapping[str, str], column: Callable[[str], Shown]) -> Row:
        """The row with these fields under these keys; `column` tells those not known yet."""
        shown = tuple(names.items())
        row = self._held.get(shown)
        if row is None:
            for name in names.values():
                if name not in self._columns:
                    self._columns[name] = column(name)
            row = Row({key: self._columns[name] for key, name in shown})
            self._held[shown] = row
            if len(self._held) > _HELD:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(shown)
        return row
