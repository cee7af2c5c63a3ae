"""Encoders: generated functions that turn a client's record into its part of the response."""

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
"""Records completed the general way before a function is generated, which costs as much."""
_MAX_BYTES = 4 * 1024 * 1024
"""Largest size of all encoders of a graph together, in bytes."""


class RecordEncoder:
    """Encodes records for one selection of fields, keyed by response key."""

    __slots__ = ("_uses_left", "columns", "generated")

    def __init__(self, columns: Mapping[str, Expression]) -> None:
        self.columns = columns
        self._uses_left = _WARM_UP
        self.generated: Callable[[ClientRecord], dict[str, Any]] | None = None
        """The generated function; None until it has been used often enough."""

    def encode(self, record: ClientRecord) -> dict[str, Any]:
        """Return the encoded object. Raises any exception if only the general completion can."""
        if self.generated is None:
            if self._uses_left:
                self._uses_left -= 1
                raise Fallback
            self.generated = generate(RECORD, self.columns)
        return self.generated(record)


class RecordEncoders:
    """The encoders of one graph for selections of leaf fields, least recently used first out."""

    def __init__(self) -> None:
        self._columns: dict[str, Expression] = {}
        self._latest: WeightedLRU[RecordEncoder] = WeightedLRU(_MAX_BYTES)

    def of(self, names: Mapping[str, str], column: Callable[[str], Expression]) -> RecordEncoder:
        """Return the encoder for these fields by response key.

        `column` returns the expression of a field that is not cached yet.
        """
        shown = tuple(names.items())
        encoder = self._latest.find(shown)
        if encoder is None:
            for name in names.values():
                if name not in self._columns:
                    self._columns[name] = column(name)
            encoder = RecordEncoder({key: self._columns[name] for key, name in shown})
            size = sum(FIELD + SELECTED + KEY * len(key) for key in names)
            self._latest.put(shown, encoder, size)
        return encoder
