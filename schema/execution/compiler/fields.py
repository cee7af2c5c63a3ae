"""One key of an answered object: where its value comes from and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import FieldNode

    from schema.execution.compiler.codegen import Expression
    from schema.execution.compiler.projection import CompletionContext, Path

Shape = Callable[[Any, "Path", "CompletionContext"], Any]
"""What is answered for a value, from where it stands and the projection under way; or raises."""


class Field(NamedTuple):
    """Everything that is decided of a field before any value of it is known."""

    key: str
    nodes: Sequence[FieldNode]
    required: bool
    """Whether null may not stand here."""
    read: Callable[[Any, CompletionContext], Any]
    """The value, taken from the object that the field is on."""
    shape: Shape
    column: Expression | None = None
    """The same in short, for fields of a client or of its edge."""
