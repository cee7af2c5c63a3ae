"""The names of Strawberry that it does not document: this module alone uses them.

tests/packaging/test_pins.py holds each of them: a release of Strawberry without one fails there.
"""

from collections.abc import Mapping
from typing import Any, cast

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

is_awaitable = cast("Any", optimized_is_awaitable)
"""Strawberry's quick test of a resolver's result, for graphql-core."""


def core_schema(schema: Schema) -> GraphQLSchema:
    """Return the graphql-core schema behind a Strawberry schema."""
    return schema._schema  # noqa: SLF001 - Strawberry's own printing and validation take it, too


def object_definition(type_: type) -> StrawberryObjectDefinition:
    """Return Strawberry's definition of a class that is a type of the graph."""
    return cast("StrawberryObjectDefinition", cast("Any", type_).__strawberry_definition__)


def python_type(type_: GraphQLObjectType) -> type:
    """Return the class that represents a type of the graph."""
    return cast("type", type_.extensions["strawberry-definition"].origin)


def field_definition(field: GraphQLField) -> StrawberryField:
    """Return Strawberry's definition of a field."""
    return cast("StrawberryField", field.extensions["strawberry-definition"])


def python_arguments(
    field: StrawberryField, values: Mapping[str, Any], converter: GraphQLCoreConverter
) -> dict[str, Any]:
    """Return a resolver's arguments by their Python names, as Strawberry converts them."""
    return convert_arguments(
        dict(values), field.arguments, converter.scalar_registry, converter.config
    )


def argument_names(field: StrawberryField, converter: GraphQLCoreConverter) -> dict[str, str]:
    """Return the Python names of a field's arguments by their names in the graph."""
    name_of = converter.config.name_converter.from_argument
    return {name_of(each): each.python_name for each in field.arguments}
