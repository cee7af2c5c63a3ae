"""Attribute errors of execution: an argument is the caller's, a returned value is the API's."""

from collections.abc import Iterable

from graphql import FieldNode, GraphQLError

from schema.execution.messages import redact_values
from schema.source.errors import ClientError
from schema.types.record_fields import malformed


def attribute_errors(errors: Iterable[GraphQLError] | None) -> list[GraphQLError] | None:
    """Return the errors with codes for values of the API; None if there are none.

    Errors that graphql-core raises itself carry no cause. Only root fields have arguments, so an
    error that graphql-core finds at a nested field is about a value of the API that no type of the
    graph can represent.
    """
    return [_attributed(error) for error in errors] if errors else None


def drop_traceback(error: BaseException | None) -> None:
    """Remove traceback, context and cause from an expected error.

    The frames of a traceback hold the request, and the request holds the error: a cycle that only a
    garbage collection frees, with all bytes of the request. An unexpected error is a bug and keeps
    its traceback for the log.
    """
    if isinstance(error, (ClientError, GraphQLError)):
        error.__traceback__ = error.__context__ = error.__cause__ = None


def _attributed(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    drop_traceback(cause)
    if cause is None or isinstance(cause, (ClientError, GraphQLError)):
        drop_traceback(error)
    own = cause is None or isinstance(cause, GraphQLError)
    if not own or "code" in (error.extensions or {}):
        return error
    # Located at fields only, not at a directive's argument.
    of_fields = all(isinstance(node, FieldNode) for node in error.nodes or ())
    shown = error.path is not None and len(error.path) > 1 and of_fields
    if error.path is None or not shown:
        return GraphQLError(redact_values(error.message), error.nodes, path=error.path)
    field = ".".join(str(key) for key in error.path if not isinstance(key, int))
    failure = malformed(field)
    return GraphQLError(failure.message, error.nodes, path=error.path, original_error=failure)
