"""Directive definitions that every introspection tool in use can parse."""

from collections.abc import Iterable
from copy import copy

from graphql import DirectiveLocation, GraphQLDirective

LOCATIONS = frozenset(DirectiveLocation) - {
    DirectiveLocation.DIRECTIVE_DEFINITION,
    DirectiveLocation.FRAGMENT_VARIABLE_DEFINITION,
}
"""The locations of the GraphQL specification, September 2025 (3.13), which graphql-js 16 knows.

Clients hold enumerations as closed sets: a tool rejects the whole schema for one unknown location.
"""


def portable_directives(directives: Iterable[GraphQLDirective]) -> tuple[GraphQLDirective, ...]:
    """Return the directives with the locations of the specification, each location once."""
    return tuple(map(_portable, directives))


def _portable(directive: GraphQLDirective) -> GraphQLDirective:
    once = tuple(dict.fromkeys(each for each in directive.locations if each in LOCATIONS))
    if once == tuple(directive.locations):
        return directive
    own = copy(directive)  # graphql-core's own are shared by all schemas of the process
    own.locations = once
    return own
