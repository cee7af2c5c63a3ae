"""What an operation is given: variables coerced, arguments made into a resolver's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    FieldNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLString,
    VariableNode,
    get_argument_values,
    get_nullable_type,
    get_variable_values,
    is_scalar_type,
    type_from_ast,
)
from strawberry.types.arguments import convert_arguments

if TYPE_CHECKING:
    from graphql import (
        GraphQLField,
        GraphQLInputType,
        GraphQLSchema,
        GraphQLType,
        OperationDefinitionNode,
        ValueNode,
    )
    from graphql.execution.values import VariableValues
    from strawberry.schema.schema_converter import GraphQLCoreConverter
    from strawberry.types.field import StrawberryField

_PLAIN: Mapping[Any, type] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
    GraphQLInt: int,
}
"""Scalars that take values of their own Python type as they are; an Int, as far as 32 bits go."""
_MAX_COERCION_ERRORS = 50


class Variables:
    """One request's values for an operation's variables."""

    def __init__(self, coerced: Mapping[str, Any], whole: Callable[[], VariableValues]) -> None:
        self.coerced = coerced
        self._whole = whole

    @property
    def whole(self) -> VariableValues:
        """The same, as graphql-core holds them."""
        return self._whole()


def _kind(type_: GraphQLType | None) -> type | None:
    bare = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return _PLAIN.get(bare)


def _fits(value: int) -> bool:
    return GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT


class Coercion:
    """Coerces the variables of one operation (GraphQL, 6.1.2 CoerceVariableValues)."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, *, hide_suggestions: bool
    ) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._hide_suggestions = hide_suggestions
        self._plain = [
            (each.variable.name.value, _kind(type_from_ast(schema, each.type)))
            for each in self._definitions
        ]

    def of(self, given: Mapping[str, Any]) -> Variables | list[GraphQLError]:
        """The values, or what is wrong with them."""
        coerced = {}
        for name, kind in self._plain:
            value = given.get(name)
            if type(value) is not kind or (kind is int and not _fits(cast("int", value))):
                break
            coerced[name] = value
        else:
            return Variables(coerced, lambda: self._told(given))
        values = self._coerce(given)
        return values if isinstance(values, list) else Variables(values.coerced, lambda: values)

    def _coerce(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        return get_variable_values(
            self._schema,
            self._definitions,
            dict(given),
            max_errors=_MAX_COERCION_ERRORS,
            hide_suggestions=self._hide_suggestions,
        )

    def _told(self, given: Mapping[str, Any]) -> VariableValues:
        values = self._coerce(given)
        if isinstance(values, list):
            raise values[0]
        return values


Arguments = Callable[[Variables], Mapping[str, Any]]
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
