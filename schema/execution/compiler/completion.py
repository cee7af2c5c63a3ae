"""Complete usual values (GraphQL, 6.4.3 Value Completion); all others raise.

graphql-core then completes the whole result and names what is wrong with each value.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, cast

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLString,
    Undefined,
    get_nullable_type,
    is_leaf_type,
)

from schema.execution.compiler.codegen import fall_back

Complete = Callable[..., Any]
"""Returns the completed value. Raises any exception for a value that is not usual."""

UNCHANGED: Mapping[Any, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
"""Scalars whose values of this Python type are returned unchanged."""


def completion(type_: GraphQLOutputType, encode: Complete | None = None) -> Complete:
    """Return the completion of a type; `encode` returns the dict for an object."""
    if isinstance(type_, GraphQLNonNull):
        return _non_null(completion(type_.of_type, encode))
    if isinstance(type_, GraphQLList):
        return _list_of(type_.of_type, completion(type_.of_type, encode))
    if is_leaf_type(type_):
        return _leaf(type_)
    return _nullable(cast("Complete", encode))


def _non_null(complete: Complete) -> Complete:
    def required(value: Any) -> Any:
        completed = complete(value)
        return fall_back() if completed is None else completed

    return required


def _nullable(complete: Complete) -> Complete:
    return lambda value: None if value is None else complete(value)


def _list_of(type_: GraphQLOutputType, complete: Complete) -> Complete:
    plain = {UNCHANGED.get(get_nullable_type(type_), object)}

    def items(value: Any) -> Any:
        if type(value) in {tuple, list} and set(map(type, value)) == plain:
            return list(value)
        if not isinstance(value, (list, tuple)):
            return None if value is None else fall_back()
        return [complete(each) for each in value]

    return items


def _leaf(type_: GraphQLLeafType) -> Complete:
    coerce = type_.coerce_output_value
    plain, number = UNCHANGED.get(type_), float if type_ is GraphQLFloat else None

    def leaf(value: Any) -> Any:
        if value is None or type(value) is plain:
            return value
        if type(value) is number and isfinite(value):
            return value
        completed = coerce(value)
        return fall_back() if completed is Undefined or completed is None else completed

    return leaf
