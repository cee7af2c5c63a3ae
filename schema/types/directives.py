"""Directive definitions that every introspection tool in use can read."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from graphql import DirectiveLocation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphql import GraphQLDirective

LOCATIONS = frozenset(DirectiveLocation) - {
    DirectiveLocation.DIRECTIVE_DEFINITION,
    DirectiveLocation.FRAGMENT_VARIABLE_DEFINITION,
}
"""The locations of the GraphQL specification, September 2025 (3.13), which graphql-js 16 knows.

Enumerations on the client's side are closed: one location that a tool does not know makes it
refuse the whole schema.
"""


def portable_directives(directives: Iterable[GraphQLDirective]) -> tuple[GraphQLDirective, ...]:
    """The same directives, each with the locations of the specification, each location once."""
    return tuple(map(_portable, directives))


def _portable(directive: GraphQLDirective) -> GraphQLDirective:
    once = tuple(dict.fromkeys(each for each in directive.locations if each in LOCATIONS))
    if once == tuple(directive.locations):
        return directive
    own = copy(directive)  # graphql-core's own are shared by all schemas of the process
    own.locations = once
    return own
