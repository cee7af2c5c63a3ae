"""GraphQL errors as responses contain them; errors with unlisted codes are masked."""

import itertools
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from gateway.logs import redact_credentials
from schema.source.errors import ClientError
from schema.types.error_union import error_extensions

CODES = frozenset(
    {
        "BAD_REQUEST",
        "BAD_USER_INPUT",
        "FIELD_NOT_LISTED",
        "FORBIDDEN",
        "IDEMPOTENCY_UNAVAILABLE",
        "INTERNAL",
        "LIMIT_EXCEEDED",
        "NOT_FOUND",
        "OVERLOADED",
        "PERSISTED_QUERY_NOT_FOUND",
        "PERSISTED_QUERY_NOT_SUPPORTED",
        "PERSISTED_QUERY_REQUIRED",
        "RATE_LIMITED",
        "SUBSCRIPTION_CLOSED",
        "TOO_EXPENSIVE",
        "UNAUTHENTICATED",
        "UPSTREAM_BAD_RESPONSE",
        "UPSTREAM_TIMEOUT",
        "UPSTREAM_UNAVAILABLE",
        "VERSION_CONFLICT",
        "WRITE_UNCONFIRMED",
    }
)
"""Every error code of a response; an error with another code is a bug and is masked."""
MAX_ERRORS = 10
"""Errors listed in the response to a refused request. Field errors are not limited by it: each
failed field has its own error (GraphQL, 6.4.4), bounded by the limits on documents and pages."""
LONGEST = 1_000
"""Characters of one message, because it may quote a client's input of any length."""

_UNEXPECTED = "Something went wrong in the gateway. It has been logged."
_FAILED = "request %s failed at %s"
_log = logging.getLogger(__name__)


def format_errors(
    errors: Iterable[GraphQLError], request_id: str, *, most: int | None = None
) -> list[dict[str, Any]]:
    """Format the errors, or the first `most`, for a response; unexpected ones are masked.

    At most `MAX_ERRORS` masked errors are logged, because one bug may affect every field.
    """
    logged = itertools.count()
    return [_formatted(error, request_id, logged) for error in islice(errors, most)]


def refusal_status(errors: Iterable[GraphQLError]) -> int:
    """Return the status of the response to a request that is not executed.

    400 for a document that does not parse, 403 for one that is not permitted here, else 422
    (GraphQL over HTTP, September2026, Status Codes).
    """
    for error in errors:
        if isinstance(error, GraphQLSyntaxError):
            return 400
        if (error.extensions or {}).get("code") == "PERSISTED_QUERY_REQUIRED":
            return 403
    return 422


def request_error(code: str, message: str, request_id: str) -> dict[str, Any]:
    """Return an error about the request as a whole."""
    return {"message": _short(message), "extensions": {"code": code, "requestId": request_id}}


def masked_error(
    request_id: str, cause: BaseException | None, where: object = None
) -> dict[str, Any]:
    """Log an internal error and return the error that replaces it in the response."""
    _log.error(_FAILED, request_id, where, exc_info=cause)
    return request_error("INTERNAL", _UNEXPECTED, request_id)


def _formatted(error: GraphQLError, request_id: str, logged: Iterator[int]) -> dict[str, Any]:
    cause = error.original_error
    if isinstance(cause, ClientError):
        message, extensions = cause.message, error_extensions(cause)
    else:
        message, extensions = error.message, {"code": "BAD_USER_INPUT", **(error.extensions or {})}
    unplanned = cause is not None and not isinstance(cause, ClientError | GraphQLError)
    if unplanned or extensions["code"] not in CODES:
        if next(logged) < MAX_ERRORS:
            _log.error(_FAILED, request_id, error.path, exc_info=cause or error)
        message, extensions = _UNEXPECTED, {"code": "INTERNAL"}
    answer: dict[str, Any] = {"message": _short(message)}
    if error.locations:
        answer["locations"] = [
            {"line": place.line, "column": place.column} for place in error.locations
        ]
    if error.path is not None:
        answer["path"] = error.path
    answer["extensions"] = {**extensions, "requestId": request_id}
    return answer


def _short(message: str) -> str:
    """Truncate `message` to `LONGEST` characters and redact any credentials in it."""
    return redact_credentials(message if len(message) <= LONGEST else f"{message[:LONGEST]}…")
