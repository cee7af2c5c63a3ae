"""How the value of a field is taken from the object it is on, as Strawberry's types tell it."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from schema.client import Client, Made, Told
from schema.connection import Placed, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLField, GraphQLObjectType

    from schema.compiled.projection import Projection

    Read = Callable[[Any, Projection], Any]
    """How a field's value is taken from the object that it is on."""

DEFINITION = "strawberry-definition"
"""Where Strawberry leaves its own definition on a type or field of graphql-core."""


class Unknown(Exception):
    """Something that is not compiled here: graphql-core executes the operation instead."""


def origin(type_: GraphQLObjectType) -> type:
    """The class that stands for a type of the graph. Raises `Unknown`."""
    definition = (type_.extensions or {}).get(DEFINITION)
    if definition is None:
        raise Unknown(type_.name)
    return cast("type", definition.origin)


def said_of(field: GraphQLField, what: type) -> Any:
    """What the field's definition says of itself in this way; None where it says nothing."""
    definition = (field.extensions or {}).get(DEFINITION)
    return None if definition is None else definition.metadata.get(what)


def reading(field: GraphQLField) -> Read:
    """How a field without arguments is read. Raises `Unknown`."""
    definition = (field.extensions or {}).get(DEFINITION)
    if definition is None or field.args:
        raise Unknown
    told = definition.metadata.get(Told)
    if told is not None:
        return _from_record(told)
    made = definition.metadata.get(Made)
    if made is not None:
        make = made.make
        return lambda parent, _: make(parent)
    placed = definition.metadata.get(Placed)
    if placed is not None:
        return _from_edge(placed)
    if not definition.is_basic_field:
        raise Unknown(definition.name)
    attribute = attrgetter(definition.python_name)
    return lambda parent, _: attribute(parent)


def constant(value: str) -> Read:
    """The same for every object."""
    return lambda _, __: value


def _from_edge(placed: Placed) -> Read:
    of = placed.of
    if of is None:
        return lambda edge, _: shown(edge.record)
    return lambda edge, _: of(edge.edges, edge.place)


def _from_record(told: Told) -> Read:
    reads, show = told.reads, told.show

    def read(client: Client, projection: Projection) -> Any:
        record = projection.record(client.record, reads)
        return None if record is None else show(record)

    return read
