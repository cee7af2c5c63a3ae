"""Complete values of each kind (GraphQL, 6.4.3 Value Completion)."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import inspect, is_iterable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphql import FieldNode, GraphQLLeafType

    from schema.execution.compiler.fields import Field, Shape
    from schema.execution.compiler.projection import CompletionContext, Path

UNCHANGED: Mapping[Any, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
"""Scalars whose values of this Python type are returned unchanged."""


def identity(value: Any, path: Path, projection: CompletionContext) -> Any:
    """Return the value unchanged."""
    del path, projection
    return value


def non_null(shape: Shape, where: str) -> Shape:
    """Return a shape that raises `TypeError` for null."""

    def complete(value: Any, path: Path, projection: CompletionContext) -> Any:
        completed = shape(value, path, projection)
        if completed is None:
            raise TypeError(f"Cannot return null for non-nullable field {where}.")
        return completed

    return complete


def list_of(
    item: Shape, nodes: Sequence[FieldNode], where: str, *, required: bool, plain: type | None
) -> Shape:
    """Return the shape of a list; items of the type `plain` are copied without completion."""
    usual = {plain}

    def complete(value: Any, path: Path, projection: CompletionContext) -> Any:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)):
            raise_if_exception(value)
            if not is_iterable(value):
                raise GraphQLError(f"Expected Iterable, but did not find one for field '{where}'.")
        elif plain is not None and usual.issuperset(map(type, value)):
            return list(value)
        completed: list[Any] = []
        for index, each in enumerate(value):
            here = (path, index)
            try:
                completed.append(item(each, here, projection))
            except Exception as error:  # noqa: BLE001 - located at this item
                projection.failed(error, nodes, here, required=required)
                completed.append(None)
        return completed

    return complete


def leaf(type_: GraphQLLeafType) -> Shape:
    """Return the shape of a scalar or an enumeration, completed as graphql-core does."""
    coerce = type_.coerce_output_value
    plain = UNCHANGED.get(type_)

    def complete(value: Any, path: Path, projection: CompletionContext) -> Any:
        del path, projection
        kind = type(value)
        if (
            value is None
            or kind is plain
            or (kind is float and type_ is GraphQLFloat and isfinite(value))
        ):
            return value
        raise_if_exception(value)
        completed = coerce(value)
        if completed is Undefined or completed is None:
            raise TypeError(
                f"Expected `{inspect(type_)}.coerce_output_value({inspect(value)})`"
                f" to return non-nullable value, returned: {inspect(completed)}"
            )
        return completed

    return complete


def abstract(shapes: Mapping[type, Shape]) -> Shape:
    """Return the shape of an abstract type, chosen by the Python class of the value."""

    def complete(value: Any, path: Path, projection: CompletionContext) -> Any:
        if value is None:
            return None
        raise_if_exception(value)
        return shapes[type(value)](value, path, projection)

    return complete


def object_type(fields: Sequence[Field]) -> Shape:
    """Return the shape of an object, completed field by field."""
    steps = [(each.key, each.read, each.shape, each) for each in fields]

    def complete(value: Any, path: Path, projection: CompletionContext) -> Any:
        if value is None:
            return None
        raise_if_exception(value)
        completed: dict[str, Any] = {}
        for key, read, shape, field in steps:
            here = (path, key)
            try:
                completed[key] = shape(read(value, projection), here, projection)
            except Exception as error:  # noqa: BLE001 - located at this field
                projection.failed(error, field.nodes, here, required=field.required)
                completed[key] = None
        return completed

    return complete


def raise_if_exception(value: Any) -> None:
    """Raise the value if it is an exception, which a resolver may return."""
    if isinstance(value, Exception):
        raise value
