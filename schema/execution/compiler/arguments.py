"""How variables and literals become the arguments of a resolver, as early as each is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLList,
    VariableNode,
    get_argument_values,
    get_nullable_type,
    is_scalar_type,
)
from strawberry.types.arguments import convert_arguments

if TYPE_CHECKING:
    from graphql import (
        GraphQLField,
        GraphQLInputType,
        ValueNode,
    )
    from strawberry.schema.schema_converter import GraphQLCoreConverter
    from strawberry.types.field import StrawberryField

    from schema.execution.compiler.variables import Variables

Arguments = Callable[["Variables"], Mapping[str, Any]]
"""A resolver's arguments, by their Python names. Raises `GraphQLError`."""


def arguments_of(
    field: GraphQLField,
    definition: StrawberryField,
    node: FieldNode,
    converter: GraphQLCoreConverter,
    *,
    hide_suggestions: bool,
) -> Arguments:
    """How the arguments of one field come out of the variables: as early as each can be known."""

    def converted(values: Mapping[str, Any]) -> dict[str, Any]:
        return convert_arguments(
            dict(values), definition.arguments, converter.scalar_registry, converter.config
        )

    def general(variables: Variables) -> dict[str, Any]:
        return converted(get_argument_values(field, node, variables.whole, None, hide_suggestions))

    given = list(node.arguments or ())
    varying = [argument for argument in given if _varies(argument.value)]
    if not varying:
        return _once(general)
    names = {
        converter.config.name_converter.from_argument(each): each.python_name
        for each in definition.arguments
    }
    direct = [
        (names[argument.name.value], argument.value.name.value)
        for argument in varying
        if isinstance(argument.value, VariableNode)
        and _as_it_comes(field.args[argument.name.value].type)
    ]
    if len(direct) < len(varying):
        return general
    steady = FieldNode(
        name=node.name, arguments=tuple(each for each in given if each not in varying)
    )
    try:
        # What the text itself says, and what is taken where it says nothing.
        same = converted(get_argument_values(field, steady, None, None, hide_suggestions))
    except GraphQLError:
        same = {}
        if len(direct) < len(field.args):
            return general

    def only(variables: Variables) -> Mapping[str, Any]:
        [(name, variable)] = direct
        value = variables.coerced.get(variable)
        return general(variables) if value is None else {**same, name: value}

    def straight(variables: Variables) -> Mapping[str, Any]:
        coerced = variables.coerced
        try:
            found = {name: coerced[variable] for name, variable in direct}
        except KeyError:
            return general(variables)
        return general(variables) if None in found.values() else same | found

    return only if len(direct) == 1 else straight


def _once(general: Callable[[Variables], dict[str, Any]]) -> Arguments:
    """The same for every request; what is wrong with them is found anew by each."""
    known: list[dict[str, Any]] = []

    def same(variables: Variables) -> Mapping[str, Any]:
        if not known:
            known.append(general(variables))
        return known[0]

    return same


def _varies(value: ValueNode) -> bool:
    if isinstance(value, VariableNode):
        return True
    fields = getattr(value, "fields", None) or ()
    inside = getattr(value, "values", None) or ()
    return any(map(_varies, inside)) or any(_varies(field.value) for field in fields)


def _as_it_comes(type_: GraphQLInputType) -> bool:
    """Whether Strawberry hands a coerced value of this type to the resolver unchanged."""
    bare = get_nullable_type(type_)
    if isinstance(bare, GraphQLList):
        bare = get_nullable_type(bare.of_type)
    return is_scalar_type(bare)
