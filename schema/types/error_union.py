"""Failures in the graph: members of a mutation's result, or errors with a code."""

from dataclasses import asdict
from typing import Any

import strawberry
from strawberry.types import Info
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from schema.source.errors import (
    ClientError,
    Conflict,
    InvalidInput,
    NotFound,
    RateLimited,
    TooExpensive,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.records import Fields
from schema.types.client import Client
from schema.types.enums import ClientErrorCode
from schema.types.scalars import digits, held, integer


@strawberry.interface(description="The result of a mutation that did not succeed.")
class ClientMutationError:
    message: str = strawberry.field(description="A sentence for people; it may change.")
    code: ClientErrorCode = strawberry.field(description="A stable code for programs.")
    retryable: bool = strawberry.field(
        description="Whether the same mutation may be sent again safely and may then succeed."
    )
    retry_after: int | None = strawberry.field(description="Seconds to wait before that, if known.")


@strawberry.type(description="One error in the input.")
class ClientInputIssue:
    field: str | None = strawberry.field(
        description="The input field, if the error is about one field."
    )
    code: str = strawberry.field(description="The error as a code for programs.")
    message: str = strawberry.field(description="The error as a sentence for people.")


@strawberry.type(description="The input was refused. Nothing happened.")
class ClientValidationError(ClientMutationError):
    issues: list[ClientInputIssue] = strawberry.field(description="All errors of the input.")


@strawberry.type(
    description="The client does not exist, or the caller may not see it. Nothing happened."
)
class ClientNotFound(ClientMutationError):
    pass


def graph_names(fields: Fields) -> list[str]:
    """Return the graph's names of record fields, sorted; `user_id` is `owner` in the graph."""
    names = {"user_id": "owner"}
    return sorted(names.get(field) or to_camel_case(field) for field in fields)


@strawberry.type(
    description=(
        "Another writer changed the client since you read it. Your change was not made, unless"
        " `maybeWritten` says otherwise."
    )
)
class ClientVersionConflict(ClientMutationError):
    current: Client | None = strawberry.field(
        description="The present client; null if it could not be read."
    )
    expected_version: int | None = strawberry.field(
        description="The version that you had read; null if it exceeds `Int`."
    )
    current_version: int | None = strawberry.field(
        description="The present version; null if it exceeds `Int`."
    )
    current_version_raw: str | None = strawberry.field(
        description="The present version in digits, for `expectedVersionRaw`."
    )
    changed_fields: list[str] | None = strawberry.field(
        description=(
            "The client's fields that differ from the version that you read; null if the gateway"
            " no longer holds that version."
        )
    )
    maybe_written: bool = strawberry.field(
        description=(
            "True if your update was sent, its response was lost, and the client has changed more"
            " than once since: your update may be among those changes. Compare with `current`."
        )
    )


@strawberry.type(description="The API's window is spent. Nothing was sent, nothing happened.")
class ClientRateLimited(ClientMutationError):
    pass


@strawberry.type(
    description=(
        "The write was sent and its response was lost: it may have happened. Read the client before"
        " you send it again."
    )
)
class ClientWriteUnconfirmed(ClientMutationError):
    attempt_id: str = strawberry.field(description="Names this attempt in the gateway's log.")
    candidates: list[Client] = strawberry.field(
        description=(
            "The clients that it may have created or changed, as they are now. Empty if none was"
            " found, or if the search failed."
        )
    )


def _common(failure: ClientError) -> dict[str, Any]:
    """Return the fields of `ClientMutationError` for a failure."""
    retry_after = failure.retry_after if isinstance(failure, RateLimited) else None
    return {
        "message": failure.message,
        "code": ClientErrorCode(failure.code),
        "retryable": retry_after is not None,
        "retry_after": retry_after,
    }


class _InvalidInputHandler(strawberry.ExceptionHandler[InvalidInput, ClientValidationError]):
    def handle(
        self, exception: InvalidInput, *, field: StrawberryField, info: Info
    ) -> ClientValidationError:
        del field, info
        issues = [ClientInputIssue(**asdict(issue)) for issue in exception.issues]
        return ClientValidationError(**_common(exception), issues=issues)


class _NotFoundHandler(strawberry.ExceptionHandler[NotFound, ClientNotFound]):
    def handle(self, exception: NotFound, *, field: StrawberryField, info: Info) -> ClientNotFound:
        del field, info
        return ClientNotFound(**_common(exception))


class _ConflictHandler(strawberry.ExceptionHandler[Conflict, ClientVersionConflict]):
    def handle(
        self, exception: Conflict, *, field: StrawberryField, info: Info
    ) -> ClientVersionConflict:
        del field, info
        current = exception.current
        version = None if current is None else current.version
        return ClientVersionConflict(
            **_common(exception),
            current=None if current is None else Client.of(current),
            expected_version=held(integer, exception.expected_version),
            current_version=held(integer, version),
            current_version_raw=held(digits, version),
            changed_fields=None if exception.changed is None else graph_names(exception.changed),
            maybe_written=exception.maybe_written,
        )


class _RateLimitedHandler(strawberry.ExceptionHandler[RateLimited, ClientRateLimited]):
    def handle(
        self, exception: RateLimited, *, field: StrawberryField, info: Info
    ) -> ClientRateLimited:
        del field
        info.context.operation.receipt.refused(exception.retry_after)
        return ClientRateLimited(**_common(exception))


class _UnconfirmedHandler(strawberry.ExceptionHandler[WriteUnconfirmed, ClientWriteUnconfirmed]):
    def handle(
        self, exception: WriteUnconfirmed, *, field: StrawberryField, info: Info
    ) -> ClientWriteUnconfirmed:
        del field, info
        candidates = [Client.of(record) for record in exception.candidates]
        return ClientWriteUnconfirmed(
            **_common(exception), attempt_id=exception.attempt_id, candidates=candidates
        )


HANDLERS = (
    _InvalidInputHandler(),
    _NotFoundHandler(),
    _ConflictHandler(),
    _RateLimitedHandler(),
    _UnconfirmedHandler(),
)
"""Convert failures to members of the result union, if the field's union has them."""


def error_extensions(failure: ClientError) -> dict[str, Any]:
    """Return the `extensions` of the GraphQL error for a failure."""
    extensions: dict[str, Any] = {"code": failure.code}
    if isinstance(failure, RateLimited | Unavailable) and failure.retry_after is not None:
        extensions["retryAfter"] = failure.retry_after
    if isinstance(failure, TooExpensive):
        extensions["limit"] = failure.limit
    if isinstance(failure, InvalidInput) and failure.issues:
        extensions["issues"] = [
            {"field": issue.field, "code": issue.code, "message": issue.message}
            for issue in failure.issues
        ]
    if failure.correlation_id is not None:
        extensions["correlationId"] = failure.correlation_id
    return extensions
