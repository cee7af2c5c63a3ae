"""The ways an answer about clients can fail, each with the code callers branch on.

A failure is raised where it is found and crosses each border once: the REST API's
status and body become a failure in `gateway.api.decoding`, a failure becomes a
union member or a coded GraphQL error in `schema.types.error_union`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schema.source.records import ClientRecord

UnavailableCode = Literal["UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "UPSTREAM_BAD_RESPONSE"]


class ClientError(Exception):
    """Something kept us from answering; `code` is stable, the message is for people."""

    code: str

    def __init__(self, message: str, *, correlation_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.correlation_id = correlation_id
        """The API's own `errorId`/`correlationId`, where it gave one (API page, Errors)."""


class NotFound(ClientError):
    """The client does not exist, or this caller may not see it."""

    code = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with one input field; `field` is the graph's name for it, or None."""

    field: str | None
    code: str
    message: str


class InvalidInput(ClientError):
    """The input was refused, by us before any call or by the API (400, 422)."""

    code = "BAD_USER_INPUT"

    def __init__(
        self, message: str, *, issues: Sequence[Issue] = (), correlation_id: str | None = None
    ) -> None:
        super().__init__(message, correlation_id=correlation_id)
        self.issues = tuple(issues)


class Conflict(ClientError):
    """The client changed since the version the writer had read. Nothing was written.

    `changed` names the record fields that differ from what the writer had read, None where that
    is not known. `maybe_written`: the write was sent before, its answer was lost, and it may be
    among the changes since.
    """

    code = "VERSION_CONFLICT"

    def __init__(  # noqa: PLR0913 - all that is known of it, by its name
        self,
        message: str,
        *,
        expected_version: int | None = None,
        current: ClientRecord | None = None,
        changed: frozenset[str] | None = None,
        maybe_written: bool = False,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(message, correlation_id=correlation_id)
        self.expected_version = expected_version
        self.current = current
        self.changed = changed
        self.maybe_written = maybe_written


class Unauthenticated(ClientError):
    """No credential, or one the API does not accept (401)."""

    code = "UNAUTHENTICATED"


class Forbidden(ClientError):
    """The credential is good and does not reach this far (403)."""

    code = "FORBIDDEN"


class RateLimited(ClientError):
    """The window is spent, or this caller's share of it; nothing was sent.

    `retry_after` is whole seconds until asking again can succeed, at least 1.
    """

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = max(1, retry_after)


class TooExpensive(ClientError):
    """One operation may send no more calls; what is refused here was not sent.

    Its price is told before it begins, and more than that is only spent where calls fail or rows
    move. `limit` is how many calls it may send in all.
    """

    code = "TOO_EXPENSIVE"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The operation has sent as many calls of the API's window as it may, {limit}, and"
            " this would take more. This was not sent."
        )
        self.limit = limit


class Unavailable(ClientError):
    """The API could not be reached, was too slow, or answered nonsense."""

    def __init__(
        self,
        message: str,
        *,
        code: UnavailableCode = "UPSTREAM_UNAVAILABLE",
        correlation_id: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """`retry_after`: whole seconds until it makes sense to ask again, where that is known."""
        super().__init__(message, correlation_id=correlation_id)
        self.code = code
        self.retry_after = retry_after


class WriteUnconfirmed(ClientError):
    """A write left us and its answer did not arrive: it may have happened.

    Never retryable as it stands. `attempt_id` names the attempt in logs; `candidates` are the
    clients it may have made or changed, as they were when looked at afterwards.
    """

    code = "WRITE_UNCONFIRMED"

    def __init__(
        self, message: str, *, attempt_id: str, candidates: Sequence[ClientRecord] = ()
    ) -> None:
        super().__init__(message)
        self.attempt_id = attempt_id
        self.candidates = tuple(candidates)


class IdempotencyUnavailable(ClientError):
    """A create with an idempotency key could not be recorded first; nothing was sent."""

    code = "IDEMPOTENCY_UNAVAILABLE"
