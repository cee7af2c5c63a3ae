"""How values of each kind become part of an answer (GraphQL, 6.4.3 Value Completion)."""

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
"""Scalars that answer values of their own Python type as they are."""


def identity(value: Any, path: Path, projection: CompletionContext) -> Any:
    """The value itself."""
    del path, projection
    return value


def non_null(shape: Shape, where: str) -> Shape:
    """What may not be null."""

    def complete(value: Any, path: Path, projection: CompletionContext) -> Any:
        answered = shape(value, path, projection)
        if answered is None:
            raise TypeError(f"Cannot return null for non-nullable field {where}.")
        return answered

    return complete


def list_of(
    item: Shape, nodes: Sequence[FieldNode], where: str, *, required: bool, plain: type | None
) -> Shape:
    """A list; items of the type `plain` are answered as they are."""
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
        answered: list[Any] = []
        for index, each in enumerate(value):
            here = (path, index)
            try:
                answered.append(item(each, here, projection))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this item's
                projection.failed(error, nodes, here, required=required)
                answered.append(None)
        return answered

    return complete


def leaf(type_: GraphQLLeafType) -> Shape:
    """A scalar or an enumeration, told as graphql-core would."""
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
        answered = coerce(value)
        if answered is Undefined or answered is None:
            raise TypeError(
                f"Expected `{inspect(type_)}.coerce_output_value({inspect(value)})`"
                f" to return non-nullable value, returned: {inspect(answered)}"
            )
        return answered

    return complete


def abstract(shapes: Mapping[type, Shape]) -> Shape:
    """A value of an abstract type, by the class that stands for its own."""

    def complete(value: Any, path: Path, projection: CompletionContext) -> Any:
        if value is None:
            return None
        raise_if_exception(value)
        return shapes[type(value)](value, path, projection)

    return complete


def object_type(fields: Sequence[Field]) -> Shape:
    """An object, field by field."""
    steps = [(each.key, each.read, each.shape, each) for each in fields]

    def complete(value: Any, path: Path, projection: CompletionContext) -> Any:
        if value is None:
            return None
        raise_if_exception(value)
        answered: dict[str, Any] = {}
        for key, read, shape, field in steps:
            here = (path, key)
            try:
                answered[key] = shape(read(value, projection), here, projection)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this field's
                projection.failed(error, field.nodes, here, required=field.required)
                answered[key] = None
        return answered

    return complete


def raise_if_exception(value: Any) -> None:
    """A resolver may hand out an exception in the place of a value."""
    if isinstance(value, Exception):
        raise value
