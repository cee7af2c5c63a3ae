"""Failures in the graph: members of a mutation's result, or errors with a code."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

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

F = TypeVar("F", bound=ClientError)


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


def _conflict(failure: Conflict) -> dict[str, Any]:
    current = failure.current
    version = None if current is None else current.version
    return {
        "current": None if current is None else Client.of(current),
        "expected_version": held(integer, failure.expected_version),
        "current_version": held(integer, version),
        "current_version_raw": held(digits, version),
        "changed_fields": None if failure.changed is None else graph_names(failure.changed),
        "maybe_written": failure.maybe_written,
    }


def _unconfirmed(failure: WriteUnconfirmed) -> dict[str, Any]:
    candidates = [Client.of(record) for record in failure.candidates]
    return {"attempt_id": failure.attempt_id, "candidates": candidates}


@dataclass(frozen=True)
class FailureHandler(Generic[F]):
    """Converts failures of one type to a member of the result union, if the field's has it."""

    exception_type: type[F]
    error_type: type[ClientMutationError]
    own_fields: Callable[[F], dict[str, Any]] = lambda _: {}

    def handle(self, exception: F, *, field: StrawberryField, info: Info) -> ClientMutationError:
        """Return the member of the union."""
        del field
        if isinstance(exception, RateLimited):
            info.context.operation.receipt.refused(exception.retry_after)
        return self.error_type(**_common(exception), **self.own_fields(exception))


HANDLERS: tuple[strawberry.ExceptionHandler[Any], ...] = (
    FailureHandler(
        InvalidInput,
        ClientValidationError,
        lambda failure: {"issues": [ClientInputIssue(**asdict(each)) for each in failure.issues]},
    ),
    FailureHandler(NotFound, ClientNotFound),
    FailureHandler(Conflict, ClientVersionConflict, _conflict),
    FailureHandler(RateLimited, ClientRateLimited),
    FailureHandler(WriteUnconfirmed, ClientWriteUnconfirmed, _unconfirmed),
)


def error_extensions(failure: ClientError) -> dict[str, Any]:
    """Return the `extensions` of the GraphQL error for a failure."""
    extensions: dict[str, Any] = {"code": failure.code}
    if isinstance(failure, RateLimited | Unavailable) and failure.retry_after is not None:
        extensions["retryAfter"] = failure.retry_after
    if isinstance(failure, TooExpensive):
        extensions["limit"] = failure.limit
    if isinstance(failure, InvalidInput) and failure.issues:
        extensions["issues"] = [asdict(issue) for issue in failure.issues]
    if failure.correlation_id is not None:
        extensions["correlationId"] = failure.correlation_id
    return extensions
