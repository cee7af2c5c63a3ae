"""One request's values for the variables of an operation (GraphQL, 6.1.2)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    GraphQLType,
    OperationDefinitionNode,
    get_variable_values,
    type_from_ast,
)
from graphql.execution.values import VariableValues

from schema.execution.messages import redact_values

_PLAIN: Mapping[Any, type] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
    GraphQLInt: int,
}
"""Scalars that accept a value of this Python type unchanged; an Int within 32 bits."""
_MAX_COERCION_ERRORS = 50


class Variables(NamedTuple):
    """One request's values for an operation's variables."""

    given: Mapping[str, Any]
    coerced: Mapping[str, Any]
    whole: Callable[[], VariableValues]
    """Returns the values as graphql-core represents them."""


def _kind(type_: GraphQLType | None) -> type | None:
    bare = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return _PLAIN.get(bare)


class VariableCoercer:
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
        """Return the coerced values, or the errors in them."""
        coerced = {}
        for name, kind in self._plain:
            value = given.get(name)
            if type(value) is not kind:
                break
            if kind is int and not GRAPHQL_MIN_INT <= cast("int", value) <= GRAPHQL_MAX_INT:
                break
            coerced[name] = value
        else:
            return Variables(given, coerced, lambda: self._core_values(given))
        values = self._coerce(given)
        if isinstance(values, list):
            return values
        return Variables(given, values.coerced, lambda: values)

    def _coerce(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        values = get_variable_values(
            self._schema,
            self._definitions,
            dict(given),
            max_errors=_MAX_COERCION_ERRORS,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(values, list):
            return [GraphQLError(redact_values(each.message), each.nodes) for each in values]
        return values

    def _core_values(self, given: Mapping[str, Any]) -> VariableValues:
        values = self._coerce(given)
        if isinstance(values, list):
            raise values[0]
        return values
