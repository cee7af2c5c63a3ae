"""Whose fault an error of execution is: an argument is the caller's, a value shown is the API's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import FieldNode, GraphQLError

from schema.execution.messages import redact_values
from schema.source.errors import ClientError
from schema.types.client import malformed

if TYPE_CHECKING:
    from collections.abc import Iterable


def attribute_errors(errors: Iterable[GraphQLError] | None) -> list[GraphQLError] | None:
    """The same errors; None where there are none.

    What graphql-core itself raises says nothing of this. Only root fields have arguments, so what
    it finds wrong with a field below one is a value of the API that no type of the graph can show.
    """
    return [_attributed(error) for error in errors] if errors else None


def without_past(error: BaseException | None) -> None:
    """Drop how a planned error came about: its frames hold the request, and it holds them.

    Such a ring is garbage that waits for a collection, with all the bytes of the request. What is
    not planned is a bug, and keeps its traceback for the log.
    """
    if isinstance(error, (ClientError, GraphQLError)):
        error.__traceback__ = error.__context__ = error.__cause__ = None


def _attributed(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    without_past(cause)
    if cause is None or isinstance(cause, (ClientError, GraphQLError)):
        without_past(error)
    own = cause is None or isinstance(cause, GraphQLError)
    if not own or "code" in (error.extensions or {}):
        return error
    shown = error.path is not None and len(error.path) > 1 and _of_fields(error)
    if error.path is None or not shown:
        return GraphQLError(redact_values(error.message), error.nodes, path=error.path)
    field = ".".join(str(key) for key in error.path if not isinstance(key, int))
    failure = malformed(field)
    return GraphQLError(failure.message, error.nodes, path=error.path, original_error=failure)


def _of_fields(error: GraphQLError) -> bool:
    """Whether the error is at fields; one of a directive's argument is at that."""
    return all(isinstance(node, FieldNode) for node in error.nodes or ())
