"""How values of each type become part of an answer (GraphQL, 6.4.3 Value Completion).

A shape is made once for a place in an operation, from the schema and what is selected there.
It is called with a value, where that stands and the projection under way; it returns what is
answered or raises why it cannot.
"""

from __future__ import annotations

from math import isfinite
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    Undefined,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
)
from graphql.pyutils import inspect, is_iterable

from schema.client import Client, Told
from schema.compiled.fields import Field
from schema.compiled.rows import row_of
from schema.connection import Made

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import (
        FieldNode,
        GraphQLAbstractType,
        GraphQLField,
        GraphQLLeafType,
        GraphQLOutputType,
        GraphQLSchema,
    )

    from schema.compiled.fields import Shape
    from schema.compiled.projection import Path, Projection
    from schema.compiled.rows import Row
    from schema.compiled.selections import Selections

DEFINITION = "strawberry-definition"
"""Where Strawberry leaves its own definition on a type or field of graphql-core."""


class Unknown(Exception):
    """Something that is not compiled here: graphql-core executes the operation instead."""


class Shapes:
    """Makes the shapes of one operation."""

    def __init__(self, schema: GraphQLSchema, selections: Selections) -> None:
        self._schema = schema
        self._selections = selections

    def of(
        self, type_: GraphQLOutputType, nodes: Sequence[FieldNode], parent: str, name: str
    ) -> Shape:
        """The shape of a value of `type_`, selected by `nodes` as field `name` of `parent`."""
        if isinstance(type_, GraphQLNonNull):
            return _required(self.of(type_.of_type, nodes, parent, name), f"{parent}.{name}")
        if isinstance(type_, GraphQLList):
            item = self.of(type_.of_type, nodes, parent, name)
            required = isinstance(type_.of_type, GraphQLNonNull)
            return _list(item, nodes, f"{parent}.{name}", required=required)
        if is_leaf_type(type_):
            return leaf(type_)
        if is_abstract_type(type_):
            return self._abstract(type_, nodes)
        return self._object(cast("GraphQLObjectType", type_), nodes)

    def _abstract(self, type_: GraphQLAbstractType, nodes: Sequence[FieldNode]) -> Shape:
        possible = self._schema.get_possible_types(type_)
        return _one_of({_origin(each): self._object(each, nodes) for each in possible})

    def _object(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Shape:
        grouped = self._selections.of((node.selection_set for node in nodes), type_)
        fields = [self._field(type_, key, group) for key, group in grouped.items()]
        if _origin(type_) is Client:
            return _client(row_of(fields), fields)
        return _object(fields)

    def _field(self, type_: GraphQLObjectType, key: str, nodes: Sequence[FieldNode]) -> Field:
        name = nodes[0].name.value
        if name == "__typename":
            return Field(
                key, name, nodes, required=True, read=_constant(type_.name), shape=_as_it_is
            )
        field = type_.fields[name]
        read, told = _reading(field)
        bare = get_nullable_type(field.type)
        return Field(
            key,
            name,
            nodes,
            isinstance(field.type, GraphQLNonNull),
            read,
            self.of(field.type, nodes, type_.name, name),
            told,
            UNCHANGED.get(bare),
            isinstance(bare, GraphQLEnumType) or bare in _NUMBERS,
        )


def _origin(type_: GraphQLObjectType) -> type:
    definition = (type_.extensions or {}).get(DEFINITION)
    if definition is None:
        raise Unknown(type_.name)
    return cast("type", definition.origin)


def _reading(field: GraphQLField) -> tuple[Callable[[Any, Projection], Any], Told | None]:
    """How a field without arguments is read: from a record, or as a plain attribute."""
    definition = (field.extensions or {}).get(DEFINITION)
    if definition is None or field.args:
        raise Unknown
    told = definition.metadata.get(Told)
    if told is not None:
        return _from_record(told), told
    made = definition.metadata.get(Made)
    if made is not None:
        make = made.make
        return lambda parent, _: make(parent), None
    if not definition.is_basic_field:
        raise Unknown(definition.name)
    attribute = attrgetter(definition.python_name)
    return lambda parent, _: attribute(parent), None


def _from_record(told: Told) -> Callable[[Any, Projection], Any]:
    reads, show = told.reads, told.show

    def read(client: Client, projection: Projection) -> Any:
        record = projection.record(client.record, reads)
        return None if record is None else show(record)

    return read


def _constant(value: str) -> Callable[[Any, Projection], Any]:
    return lambda _, __: value


def _as_it_is(value: Any, path: Path, projection: Projection) -> Any:
    del path, projection
    return value


def _required(shape: Shape, where: str) -> Shape:
    def complete(value: Any, path: Path, projection: Projection) -> Any:
        answered = shape(value, path, projection)
        if answered is None:
            raise TypeError(f"Cannot return null for non-nullable field {where}.")
        return answered

    return complete


def _list(item: Shape, nodes: Sequence[FieldNode], where: str, *, required: bool) -> Shape:
    def complete(value: Any, path: Path, projection: Projection) -> Any:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)):
            _raise(value)
            if not is_iterable(value):
                raise GraphQLError(f"Expected Iterable, but did not find one for field '{where}'.")
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


UNCHANGED: Mapping[Any, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
"""Scalars that answer values of their own Python type as they are."""
_NUMBERS = (GraphQLFloat, GraphQLInt)


def leaf(type_: GraphQLLeafType) -> Shape:
    """A scalar or an enumeration, told as graphql-core would."""
    coerce = type_.coerce_output_value
    plain = UNCHANGED.get(type_)

    def complete(value: Any, path: Path, projection: Projection) -> Any:
        del path, projection
        kind = type(value)
        if (
            value is None
            or kind is plain
            or (kind is float and type_ is GraphQLFloat and isfinite(value))
        ):
            return value
        _raise(value)
        answered = coerce(value)
        if answered is Undefined or answered is None:
            raise TypeError(
                f"Expected `{inspect(type_)}.coerce_output_value({inspect(value)})`"
                f" to return non-nullable value, returned: {inspect(answered)}"
            )
        return answered

    return complete


def _one_of(shapes: Mapping[type, Shape]) -> Shape:
    def complete(value: Any, path: Path, projection: Projection) -> Any:
        if value is None:
            return None
        _raise(value)
        return shapes[type(value)](value, path, projection)

    return complete


def _object(fields: Sequence[Field]) -> Shape:
    steps = [(each.key, each.read, each.shape, each) for each in fields]

    def complete(value: Any, path: Path, projection: Projection) -> Any:
        if value is None:
            return None
        _raise(value)
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


def _client(row: Row, fields: Sequence[Field]) -> Shape:
    """A client: as a row where nothing about it is unusual, else field by field."""
    general = _object(fields)

    def complete(value: Any, path: Path, projection: Projection) -> Any:
        if type(value) is Client:
            answered = row(value.record)
            if answered is not None:
                return answered
        return general(value, path, projection)

    return complete


def _raise(value: Any) -> None:
    if isinstance(value, Exception):
        raise value
