"""A compiled field: where its value comes from and how the value is completed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import FieldNode

    from schema.execution.compiler.codegen import Expression
    from schema.execution.compiler.projection import CompletionContext, Path

Shape = Callable[[Any, "Path", "CompletionContext"], Any]
"""Completes a value at a path, in a completion context. Raises if it cannot."""


class Field(NamedTuple):
    """Everything about a field that is known before any value."""

    key: str
    nodes: Sequence[FieldNode]
    required: bool
    """Whether null is an error at this place."""
    read: Callable[[Any, CompletionContext], Any]
    """Reads the value from the parent object."""
    shape: Shape
    column: Expression | None = None
    """The same as an expression, for fields of a client or of its edge."""
