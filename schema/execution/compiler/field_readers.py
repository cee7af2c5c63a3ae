"""Readers: take the value of a field from its parent object, as Strawberry's types describe it."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from schema.types.client_connection import EdgeField, edge_value
from schema.types.record_fields import ComputedField, RecordField

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLField, GraphQLObjectType

    from schema.execution.compiler.projection import CompletionContext
    from schema.types.client import Client

    Read = Callable[[Any, CompletionContext], Any]
    """Takes a field's value from its parent object."""

DEFINITION = "strawberry-definition"
"""The extension key under which Strawberry stores its definition of a type or field."""


class NotCompilable(Exception):
    """A construct that is not compiled here: graphql-core executes the operation instead."""


def python_type(type_: GraphQLObjectType) -> type:
    """Return the class that represents a type of the graph. Raises `NotCompilable`."""
    definition = (type_.extensions or {}).get(DEFINITION)
    if definition is None:
        raise NotCompilable(type_.name)
    return cast("type", definition.origin)


def field_metadata(field: GraphQLField, what: type) -> Any:
    """Return the field's metadata of the class `what`; None if it has none."""
    definition = (field.extensions or {}).get(DEFINITION)
    return None if definition is None else definition.metadata.get(what)


def field_reader(field: GraphQLField) -> Read:
    """Return the reader of a field without arguments. Raises `NotCompilable`."""
    definition = (field.extensions or {}).get(DEFINITION)
    if definition is None or field.args:
        raise NotCompilable
    record_field = definition.metadata.get(RecordField)
    if record_field is not None:
        return _from_record(record_field)
    computed = definition.metadata.get(ComputedField)
    if computed is not None:
        make = computed.make
        return lambda parent, _: make(parent)
    edge_field = definition.metadata.get(EdgeField)
    if edge_field is not None:
        return _from_edge(edge_field)
    if not definition.is_basic_field:
        raise NotCompilable(definition.name)
    attribute = attrgetter(definition.python_name)
    return lambda parent, _: attribute(parent)


def constant(value: str) -> Read:
    """Return a reader of the same value for every object."""
    return lambda _, __: value


def _from_edge(edge_field: EdgeField) -> Read:
    of = edge_field.of
    if of is None:
        return lambda edge, _: edge_value(edge.record)
    return lambda edge, _: of(edge.edges, edge.place)


def _from_record(record_field: RecordField) -> Read:
    reads, show = record_field.reads, record_field.show

    def read(client: Client, projection: CompletionContext) -> Any:
        record = projection.record(client.record, reads)
        return None if record is None else show(record)

    return read
