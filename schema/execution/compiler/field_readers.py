"""How the value of a field is taken from the object it is on, as Strawberry's types tell it."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from schema.types.client import Client, ComputedField, RecordField
from schema.types.connection import EdgeField, edge_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLField, GraphQLObjectType

    from schema.execution.compiler.projection import CompletionContext

    Read = Callable[[Any, CompletionContext], Any]
    """How a field's value is taken from the object that it is on."""

DEFINITION = "strawberry-definition"
"""Where Strawberry leaves its own definition on a type or field of graphql-core."""


class NotCompilable(Exception):
    """Something that is not compiled here: graphql-core executes the operation instead."""


def python_type(type_: GraphQLObjectType) -> type:
    """The class that stands for a type of the graph. Raises `NotCompilable`."""
    definition = (type_.extensions or {}).get(DEFINITION)
    if definition is None:
        raise NotCompilable(type_.name)
    return cast("type", definition.origin)


def field_metadata(field: GraphQLField, what: type) -> Any:
    """What the field's definition says of itself in this way; None where it says nothing."""
    definition = (field.extensions or {}).get(DEFINITION)
    return None if definition is None else definition.metadata.get(what)


def field_reader(field: GraphQLField) -> Read:
    """How a field without arguments is read. Raises `NotCompilable`."""
    definition = (field.extensions or {}).get(DEFINITION)
    if definition is None or field.args:
        raise NotCompilable
    told = definition.metadata.get(RecordField)
    if told is not None:
        return _from_record(told)
    made = definition.metadata.get(ComputedField)
    if made is not None:
        make = made.make
        return lambda parent, _: make(parent)
    placed = definition.metadata.get(EdgeField)
    if placed is not None:
        return _from_edge(placed)
    if not definition.is_basic_field:
        raise NotCompilable(definition.name)
    attribute = attrgetter(definition.python_name)
    return lambda parent, _: attribute(parent)


def constant(value: str) -> Read:
    """The same for every object."""
    return lambda _, __: value


def _from_edge(placed: EdgeField) -> Read:
    of = placed.of
    if of is None:
        return lambda edge, _: edge_value(edge.record)
    return lambda edge, _: of(edge.edges, edge.place)


def _from_record(told: RecordField) -> Read:
    reads, show = told.reads, told.show

    def read(client: Client, projection: CompletionContext) -> Any:
        record = projection.record(client.record, reads)
        return None if record is None else show(record)

    return read
