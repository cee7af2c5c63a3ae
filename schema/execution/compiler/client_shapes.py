"""Completion of clients and client edges: the generated function, or the general completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schema.execution.compiler.codegen import EDGES, generate
from schema.source.records import ClientRecord
from schema.types.client import Client
from schema.types.client_connection import LazyEdges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schema.execution.compiler.codegen import Expression
    from schema.execution.compiler.fields import Shape
    from schema.execution.compiler.projection import CompletionContext, Path
    from schema.execution.compiler.record_encoder import RecordEncoder

    EncodeEdges = Callable[[LazyEdges], list[Any]]


class ClientShape:
    """Completes a client, which may be given as its record.

    `general` creates the general completion on first need.
    """

    __slots__ = ("_completer", "_general", "row")

    def __init__(self, row: RecordEncoder, general: Callable[[], Shape]) -> None:
        self.row = row
        self._general = general
        self._completer: Shape | None = None

    def __call__(self, value: Any, path: Path, projection: CompletionContext) -> Any:
        """Return the completed object."""
        if value is None:
            return None
        try:
            encode = self.row.generated or self.row.encode
            return encode(value if type(value) is ClientRecord else value.record)
        except Exception:  # noqa: BLE001 - the general completion raises it
            client = Client.of(value) if type(value) is ClientRecord else value
        if self._completer is None:
            self._completer = self._general()
        return self._completer(client, path, projection)


class EdgesShape:
    """Completes a list of edges.

    The second list and all later ones use a generated function. `general` is the fallback.
    """

    __slots__ = ("_columns", "_encode", "_first_use", "_general")

    def __init__(self, columns: Mapping[str, Expression], general: Shape) -> None:
        self._columns = columns
        self._general = general
        self._first_use = True
        self._encode: EncodeEdges | None = None

    def __call__(self, value: Any, path: Path, projection: CompletionContext) -> Any:
        """Return the completed list."""
        if type(value) is not LazyEdges or self._first_use:
            self._first_use = False
            return self._general(value, path, projection)
        if self._encode is None:
            self._encode = generate(EDGES, self._columns)
        try:
            return self._encode(value)
        except Exception:  # noqa: BLE001 - the general completion raises it
            return self._general(value, path, projection)
