"""Failures of a source, each with the code that callers branch on.

A failure is raised where it is found and converted once at each boundary: `gateway.api.decoding`
converts the REST API's status and body to a failure, `schema.types.error_union` a failure to a
union member or a coded GraphQL error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schema.source.records import ClientRecord

UnavailableCode = Literal["UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "UPSTREAM_BAD_RESPONSE"]


class ClientError(Exception):
    """A failure of a request for clients; `code` is stable, the message is for people."""

    code: str

    def __init__(self, message: str, *, correlation_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.correlation_id = correlation_id
        """The API's own `errorId` or `correlationId`, if it sent one (API page, Errors)."""


class NotFound(ClientError):
    """The client does not exist, or this caller may not see it."""

    code = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue with one input field; `field` is its name in the graph, or None."""

    field: str | None
    code: str
    message: str


class InvalidInput(ClientError):
    """Input rejected by the gateway before any call, or by the API (400, 422)."""

    code = "BAD_USER_INPUT"

    def __init__(
        self, message: str, *, issues: Sequence[Issue] = (), correlation_id: str | None = None
    ) -> None:
        super().__init__(message, correlation_id=correlation_id)
        self.issues = tuple(issues)


class Conflict(ClientError):
    """The client changed since the version that the writer had read. Nothing was written.

    `changed` names the record fields that differ from what the writer had read, None if they are
    unknown. `maybe_written`: the write was sent before, its response was lost, and it may be among
    the changes since.
    """

    code = "VERSION_CONFLICT"

    def __init__(
        self,
        message: str,
        *,
        expected_version: int | None = None,
        current: ClientRecord | None = None,
        maybe_written: bool = False,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(message, correlation_id=correlation_id)
        self.expected_version = expected_version
        self.current = current
        self.changed: frozenset[str] | None = None
        self.maybe_written = maybe_written


class Unauthenticated(ClientError):
    """The request has no credential, or the API rejects it (401)."""

    code = "UNAUTHENTICATED"


class Forbidden(ClientError):
    """The credential is accepted but does not permit the request (403)."""

    code = "FORBIDDEN"


class RateLimited(ClientError):
    """The window is spent, or this caller's share of it; nothing was sent.

    `retry_after`: whole seconds, at least 1, until a retry can succeed.
    """

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = max(1, retry_after)


class NotListed(ClientError):
    """A search is about a field that the API's list rows lack; nothing more was sent."""

    code = "FIELD_NOT_LISTED"


class TooExpensive(ClientError):
    """An operation has reached its limit of calls; the rejected call was not sent.

    The cost is checked before the operation begins. More calls than estimated are needed only if
    calls fail or rows move. `limit` is the number of calls that the operation may send in all.
    """

    code = "TOO_EXPENSIVE"

    def __init__(self, limit: int, message: str | None = None) -> None:
        super().__init__(
            message
            or f"The operation has sent as many calls of the API's window as it may, {limit}, and"
            " this would take more. This was not sent."
        )
        self.limit = limit


class Unavailable(ClientError):
    """The API was unreachable or too slow, or its response was invalid."""

    def __init__(
        self,
        message: str,
        *,
        code: UnavailableCode = "UPSTREAM_UNAVAILABLE",
        correlation_id: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Create it; `retry_after` is whole seconds until a retry is useful, if known."""
        super().__init__(message, correlation_id=correlation_id)
        self.code = code
        self.retry_after = retry_after


class WriteUnconfirmed(ClientError):
    """A write was sent and its response did not arrive: it may have happened.

    It must not be retried unchanged. `attempt_id` names the attempt in logs. `candidates` are the
    clients that it may have created or changed, as they were when read afterwards.
    """

    code = "WRITE_UNCONFIRMED"

    def __init__(
        self, message: str, *, attempt_id: str, candidates: Sequence[ClientRecord] = ()
    ) -> None:
        super().__init__(message)
        self.attempt_id = attempt_id
        self.candidates = tuple(candidates)


class IdempotencyUnavailable(ClientError):
    """A create with an idempotency key could not be recorded before sending; nothing was sent."""

    code = "IDEMPOTENCY_UNAVAILABLE"
