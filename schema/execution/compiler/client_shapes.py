"""How a client and its edges become part of an answer: the short way, or where it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schema.execution.compiler.codegen import EDGES, generate
from schema.source.records import ClientRecord
from schema.types.client import Client
from schema.types.connection import LazyEdges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schema.execution.compiler.codegen import Expression
    from schema.execution.compiler.fields import Shape
    from schema.execution.compiler.projection import CompletionContext, Path
    from schema.execution.compiler.record_encoder import RecordEncoder

    Tell = Callable[[LazyEdges], list[Any]]


class ClientShape:
    """A client, which its record may stand for. `general` makes the long way, once needed."""

    __slots__ = ("_general", "_long_way", "row")

    def __init__(self, row: RecordEncoder, general: Callable[[], Shape]) -> None:
        self.row = row
        self._general = general
        self._long_way: Shape | None = None

    def __call__(self, value: Any, path: Path, projection: CompletionContext) -> Any:
        """The answered object."""
        if value is None:
            return None
        try:
            tell = self.row.written or self.row.encode
            return tell(value if type(value) is ClientRecord else value.record)
        except Exception:  # noqa: BLE001 - the long way tells what it is
            client = Client.of(value) if type(value) is ClientRecord else value
        if self._long_way is None:
            self._long_way = self._general()
        return self._long_way(client, path, projection)


class EdgesShape:
    """A list of edges, told all at once from the second time on; `general` is the long way."""

    __slots__ = ("_columns", "_general", "_seldom", "_tell")

    def __init__(self, columns: Mapping[str, Expression], general: Shape) -> None:
        self._columns = columns
        self._general = general
        self._seldom = True
        self._tell: Tell | None = None

    def __call__(self, value: Any, path: Path, projection: CompletionContext) -> Any:
        """The answered list."""
        if type(value) is not LazyEdges or self._seldom:
            self._seldom = False
            return self._general(value, path, projection)
        if self._tell is None:
            self._tell = generate(EDGES, self._columns)
        try:
            return self._tell(value)
        except Exception:  # noqa: BLE001 - the long way tells what it is
            return self._general(value, path, projection)
