"""Compile the arguments of a field: bind literals once, variables for each request."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInputType,
    GraphQLList,
    ValueNode,
    VariableNode,
    get_argument_values,
    get_nullable_type,
    is_scalar_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from schema.execution.compiler.variables import Variables
from schema.strawberry_internals import argument_names, field_definition, python_arguments

Arguments = Callable[["Variables"], Mapping[str, Any]]
"""Returns a resolver's arguments by their Python names. Raises `GraphQLError`."""


def compile_arguments(
    field: GraphQLField,
    node: FieldNode,
    converter: GraphQLCoreConverter,
    *,
    hide_suggestions: bool,
) -> Arguments:
    """Return the function that binds the variables of a request to one field's arguments.

    Literals are converted once. Variables whose coerced value Strawberry passes on unchanged are
    copied; every other argument is converted for each request.
    """
    definition = field_definition(field)

    def convert_all(variables: Variables) -> dict[str, Any]:
        values = get_argument_values(field, node, variables.whole(), None, hide_suggestions)
        return python_arguments(definition, values, converter)

    given = list(node.arguments or ())
    varying = [argument for argument in given if _varies(argument.value)]
    if not varying:
        return _memoize(convert_all)
    names = argument_names(definition, converter)
    direct = [
        (names[argument.name.value], argument.value.name.value)
        for argument in varying
        if isinstance(argument.value, VariableNode)
        and _passes_unchanged(field.args[argument.name.value].type)
    ]
    if len(direct) < len(varying):
        return convert_all
    literals = FieldNode(
        name=node.name, arguments=tuple(each for each in given if each not in varying)
    )
    try:
        # Literals of the document and default values.
        same = python_arguments(
            definition,
            get_argument_values(field, literals, None, None, hide_suggestions),
            converter,
        )
    except GraphQLError:
        same = {}
        if len(direct) < len(field.args):
            return convert_all

    def copy(variables: Variables) -> Mapping[str, Any]:
        coerced, found = variables.coerced, dict(same)
        for name, variable in direct:
            value = found[name] = coerced.get(variable)
            if value is None:
                return convert_all(variables)
        return found

    return copy


def _memoize(convert_all: Arguments) -> Arguments:
    """Convert the arguments on first use and return the same values afterwards.

    Errors are not stored: each request raises its own.
    """
    known: list[Mapping[str, Any]] = []

    def same(variables: Variables) -> Mapping[str, Any]:
        if not known:
            known.append(convert_all(variables))
        return known[0]

    return same


def _varies(value: ValueNode) -> bool:
    if isinstance(value, VariableNode):
        return True
    fields = getattr(value, "fields", None) or ()
    inside = getattr(value, "values", None) or ()
    return any(map(_varies, inside)) or any(_varies(field.value) for field in fields)


def _passes_unchanged(type_: GraphQLInputType) -> bool:
    """Return True if Strawberry passes a coerced value of this type to the resolver unchanged."""
    bare = get_nullable_type(type_)
    if isinstance(bare, GraphQLList):
        bare = get_nullable_type(bare.of_type)
    return is_scalar_type(bare)
