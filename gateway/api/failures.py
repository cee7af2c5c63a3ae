"""Map failed responses to errors. Only the API's own error envelope counts as its statement."""

import math

from gateway.api.error_details import field_named, parse_issues
from gateway.api.error_envelope import APIError, api_error, log_foreign_response, names_version
from gateway.ratelimit.slow_start import UNSTATED
from gateway.transport.messages import Response
from gateway.transport.rate_limit_headers import limited, retry_after, retry_delay_of_429
from schema.source.errors import (
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UnavailableCode,
)
from schema.source.records import ClientRecord

_INPUT = frozenset({400, 409, 412, 422, 423})
"""Statuses with which the API rejects the input (API pages: Clients, Errors)."""
_CONFLICTS = frozenset({409, 412})
"""Statuses of a conflict of any kind (RFC 9110, 15.5.10 and 15.5.13)."""
_FORBIDDEN, _NOT_FOUND, _GONE, _TOO_MANY = 403, 404, 410, 429
_INTERNAL, _RESTING, _GATEWAY_TIMEOUT = 500, 503, 504
_MISSING = "There is no such client, or none you may see."
_MEANINGS: dict[int, tuple[type[Unauthenticated | Forbidden | NotFound], str]] = {
    401: (Unauthenticated, "The API does not accept this credential."),
    _FORBIDDEN: (
        Forbidden,
        "This credential does not reach clients: its role or scopes forbid it.",
    ),
    _NOT_FOUND: (NotFound, _MISSING),
    _GONE: (NotFound, _MISSING),
}
REFUSALS = frozenset({*_INPUT, *_MEANINGS, _TOO_MANY})
"""Statuses with which the API states, in its envelope, that nothing was written.

Any other status (408, 425, 499, 5xx) can follow a write that was carried out.
"""


def refused(response: Response) -> bool:
    """Return True if the API itself states that it did not carry out the request."""
    return response.status_code in REFUSALS and api_error(response) is not None


def parse_error(response: Response, *, of_one: bool = True) -> ClientError:
    """Map a failed response to an error (API pages: Clients, Errors).

    `of_one`: whether the path names a client; only then can the client be missing.
    """
    status, error = response.status_code, api_error(response)
    if limited(response):
        return _limited(response, error)
    if error is None or status >= _INTERNAL:
        return _server_error(response, error)
    if status in _INPUT:
        return refused_input(error)
    missing = status in {_NOT_FOUND, _GONE}
    if status in _MEANINGS and (of_one or not missing):
        kind, words = _MEANINGS[status]
        return kind(words, correlation_id=error.correlation_id)
    return Unavailable(
        "The API has no clients at this address."
        if missing
        else f"The API answered {status}, which it does not document.",
        code="UPSTREAM_BAD_RESPONSE",
        correlation_id=error.correlation_id,
    )


def parse_read_error(response: Response, *, of_one: bool = True) -> ClientError:
    """Map a failed response to a read to an error, like `parse_error`.

    The gateway builds a read's request from a valid operation, so a rejected parameter is not
    the caller's input error. The API's rejection becomes the `__cause__` of the error.
    """
    failure = parse_error(response, of_one=of_one)
    if not isinstance(failure, InvalidInput):
        return failure
    refused_read = Unavailable(
        f"The API refused a read that the gateway made: it answered {response.status_code}.",
        code="UPSTREAM_BAD_RESPONSE",
        correlation_id=failure.correlation_id,
    )
    refused_read.__cause__ = failure
    return refused_read


def may_be_stale(response: Response, expected_version: int | None) -> bool:
    """Return True if a change may have been rejected because of its version.

    That applies to a 409 or 412 and, if a version was sent, to any other input error that names it.
    """
    error = api_error(response)
    if error is None or response.status_code not in _INPUT:
        return False
    named = names_version(error.code, error.details)
    if response.status_code in _CONFLICTS:
        return named or expected_version is not None
    return named and expected_version is not None


def stale(
    response: Response, expected_version: int | None, current: ClientRecord | None
) -> Conflict | InvalidInput:
    """Build the error for a change that `may_be_stale`, given the client's current state.

    If the client still has the version that was sent, a new version would not help: the result is
    the API's own input error. Without `current` (it could not be read), an error that names
    another field is not about the version.
    """
    error = api_error(response)
    assert error is not None  # noqa: S101 - `may_be_stale` requires one
    named = names_version(error.code, error.details)
    clear = named and response.status_code in _CONFLICTS
    if current is None:
        conflicting = named or field_named(error.code, error.details) is None
    else:
        conflicting = clear or expected_version is None or current.version != expected_version
    if not conflicting:
        return refused_input(error)
    return Conflict(
        "The client changed since you read it. Nothing was written.",
        expected_version=expected_version,
        current=current,
        correlation_id=error.correlation_id,
    )


def refused_input(error: APIError) -> InvalidInput:
    """Build the input error that carries the API's own messages."""
    return InvalidInput(
        "The API refused the input. Nothing was written.",
        issues=parse_issues(error.code, error.message, error.details),
        correlation_id=error.correlation_id,
    )


def _limited(response: Response, error: APIError | None) -> RateLimited:
    seconds = math.ceil(retry_delay_of_429(response.headers) or UNSTATED)
    if error is None:
        log_foreign_response(response)
        return RateLimited(
            f"Something before the API lets no more through; ask again in {seconds} s.",
            retry_after=seconds,
        )
    return RateLimited(
        f"The API's request budget is spent; ask again in {seconds} s.", retry_after=seconds
    )


def _server_error(response: Response, error: APIError | None) -> Unavailable:
    status = response.status_code
    if error is None:
        log_foreign_response(response)
    code: UnavailableCode = "UPSTREAM_BAD_RESPONSE"
    if status >= _INTERNAL:
        code = "UPSTREAM_TIMEOUT" if status == _GATEWAY_TIMEOUT else "UPSTREAM_UNAVAILABLE"
        words = f"The API is not well: it answered {status}."
    else:
        words = f"Something other than the API answered, with {status}."
    seconds = retry_after(response.headers) if status == _RESTING else None
    return Unavailable(
        words,
        code=code,
        correlation_id=None if error is None else error.correlation_id,
        retry_after=None if seconds is None else math.ceil(seconds),
    )
