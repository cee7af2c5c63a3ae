"""GraphQL responses: their bodies, statuses and header fields."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import orjson
from graphql import ExecutionResult, GraphQLError

from gateway.gzipped import CompressibleData, compress
from gateway.web.error_format import MAX_ERRORS, format_errors, refusal_status, request_error
from gateway.web.protocol.event_stream import EventStream
from gateway.web.protocol.http_response import (
    NO_STORE,
    PARTIAL_SUCCESS,
    SECURITY_HEADERS,
    Headers,
    HTTPResponse,
    content_type,
)
from gateway.web.protocol.negotiation import Coding
from schema.source.errors import RateLimited, Unavailable
from schema.source.request_context import Caller, RateLimitState, Receipt, RequestContext

_TAGS = 128
"""Entity tags of one If-None-Match that are compared."""


class StoredResponses(Protocol):
    """Encoded response data, stored for as long as executing again would give the same."""

    def find(self, caller: Caller, body: bytes, /) -> tuple[CompressibleData, Receipt] | None:
        """Return the stored data that answers `body`, and the receipt of sending it now."""

    def basis(self, operation: RequestContext) -> Any:  # noqa: ANN401 - opaque to the handler
        """Return the state that `keep` needs; call this before the operation is executed."""

    def keep(self, operation: RequestContext, body: bytes, encoded: bytes, basis: Any) -> None:  # noqa: ANN401
        """Store the encoded data of a response without errors."""

    def discard(self) -> None:
        """Discard all responses, and those of the operations in progress."""


@dataclass(slots=True)
class GraphQLResponse:
    """A response in the making; `max_age` is its Cache-Control max-age in whole seconds (GET)."""

    body: dict[str, Any]
    status: int = 200
    max_age: int | None = None
    headers: Headers = field(default_factory=list)
    content: bytes | None = None
    opens: Callable[[Headers, str], EventStream] | None = None
    """Makes the stream that answers a subscription, in place of the body."""

    @property
    def is_event(self) -> bool:
        """Return whether it is the response to a document, executed or refused as a whole."""
        return self.status in {200, 403, 422, PARTIAL_SUCCESS}

    def encode(self) -> bytes:
        """Encode the body once; raises `orjson.JSONEncodeError` if JSON has no form for it."""
        if self.content is None:
            self.content = orjson.dumps(self.body) if self.body else b""
        return self.content

    def reply(self, media_type: str, if_none_match: str | None) -> HTTPResponse:
        """Return the HTTP response; a 304 if the client already has the data (RFC 9110, 15.4.5)."""
        content, status = self.encode(), self.status
        if content and self.max_age is None:
            return HTTPResponse(status, media_type, self.headers, content)
        headers = [*SECURITY_HEADERS, *self.headers]
        if self.max_age is None:
            headers.append(NO_STORE)
        else:
            tag = entity_tag(self.body["data"], media_type)
            headers += (
                (b"cache-control", b"private, max-age=%d" % self.max_age),
                (b"etag", tag.encode()),
            )
            if if_none_match is not None and etag_matches(if_none_match, tag):
                return HTTPResponse(304, None, headers, b"")
        if content:
            headers.append(content_type(media_type))
        return HTTPResponse(status, None, headers, content)


def request_error_response(
    code: str, message: str, request_id: str, *, status: int
) -> GraphQLResponse:
    """Make the response to a request that HTTP or the gateway's own limits refuse."""
    return GraphQLResponse({"errors": [request_error(code, message, request_id)]}, status=status)


def refusal_response(errors: Sequence[GraphQLError], request_id: str) -> GraphQLResponse:
    """Make the response to a request error: nothing was executed (GraphQL, 7.1.2), so no `data`."""
    formatted = format_errors(errors, request_id, most=MAX_ERRORS)
    return GraphQLResponse({"errors": formatted}, status=refusal_status(errors))


def execution_response(
    result: ExecutionResult, receipt: Receipt | None, request_id: str
) -> GraphQLResponse:
    """Make the response to an executed operation; Retry-After is the longest wait of its errors."""
    body: dict[str, Any] = {"data": result.data}
    answer = GraphQLResponse(body)
    wait = (receipt.retry_after if receipt is not None else None) or 0
    if result.errors:
        answer.status = PARTIAL_SUCCESS
        body["errors"] = format_errors(result.errors, request_id)
        for error in result.errors:
            cause = error.original_error
            if isinstance(cause, RateLimited | Unavailable):
                wait = max(wait, cause.retry_after or 0)
    if wait:
        answer.headers.append((b"retry-after", b"%d" % wait))
    if receipt is not None:
        body["extensions"] = {"upstream": receipt_extension(receipt)}
    return answer


def entity_tag(data: object, media_type: str) -> str:
    """Return the entity tag of `data` (RFC 9110, 8.8.3), weak because the receipt may differ."""
    digest = hashlib.blake2b(orjson.dumps(data), key=media_type.encode(), digest_size=16)
    return f'W/"{digest.hexdigest()}"'


def etag_matches(if_none_match: str, tag: str) -> bool:
    """Return whether `if_none_match` contains `tag`, by weak comparison (RFC 9110, 13.1.2)."""
    opaque = tag.removeprefix("W/")
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",", _TAGS)]
    return opaque in tags or tags == ["*"]


def max_age_of(receipt: Receipt, fresh: float) -> int | None:
    """Return the seconds for which the client may cache the response; None if it must not.

    `fresh` is the remaining freshness of data that was read when the operation began; the age of
    the oldest data in the response is subtracted from it.
    """
    if receipt.stale or receipt.drift:
        return None
    return max(0, int(fresh - (receipt.oldest_seconds or 0)))


def receipt_extension(receipt: Receipt, as_of: int | None = None) -> dict[str, Any]:
    """Finalize the receipt and return it as `extensions.upstream`, in whole seconds.

    `as_of` is the Unix time at which its oldest part was read: by default, that by its age now.
    """
    receipt.finalized = True
    oldest = receipt.oldest_seconds
    as_of = _as_of(receipt) if as_of is None else as_of
    shown: dict[str, Any] = {
        "calls": receipt.calls,
        "saved": receipt.saved,
        "joined": receipt.joined,
        "ages": {"oldestSeconds": None if oldest is None else round(oldest)},
        "stale": receipt.stale,
        "drift": receipt.drift,
        "budget": None,
    }
    if receipt.coherent is not None:
        shown["asOf"] = None if as_of is None else f"{datetime.fromtimestamp(as_of, UTC):%FT%TZ}"
        shown["coherent"] = receipt.coherent and not receipt.stale
    if receipt.budget is not None:
        shown["budget"] = {
            "limit": receipt.budget.limit,
            "remaining": receipt.budget.remaining,
            "resetSeconds": receipt.budget.reset_seconds,
        }
    return shown


def encode_cached(data: CompressibleData, receipt: Receipt, coding: Coding) -> tuple[bytes, bool]:
    """Return the content of a response with stored, encoded data and a new receipt.

    The second value is true if the content is compressed; stored compressed data is reused.
    """
    oldest = None if receipt.oldest_seconds is None else round(receipt.oldest_seconds)
    coherent, as_of = receipt.coherent, _as_of(receipt)
    upstream = _upstream(receipt.saved, oldest, receipt.stale, receipt.budget, coherent, as_of)
    if coding is not Coding.IDENTITY:
        compressed = data.compressed_prefix(_BEFORE)
        if compressed is not None:
            return compressed.finish(_AFTER % upstream), True
        if coding is Coding.GZIP_ONLY:
            return compress(_BEFORE + data + _AFTER % upstream), True
    return b'{"data":%b,"extensions":{"upstream":%b}}' % (data, upstream), False


_BEFORE, _AFTER = b'{"data":', b',"extensions":{"upstream":%b}}'


def _as_of(receipt: Receipt) -> int | None:
    """Return the Unix time at which the oldest part was read, where the receipt shows it."""
    if receipt.coherent is None or receipt.oldest_seconds is None:
        return None
    return int(time.time() - receipt.oldest_seconds)


@lru_cache(1024)
def _upstream(  # noqa: PLR0913, PLR0917 - the key of a cache
    saved: int,
    oldest_seconds: int | None,
    stale: bool,  # noqa: FBT001 - a field of the receipt
    budget: RateLimitState | None,
    coherent: bool | None,  # noqa: FBT001
    as_of: int | None,
) -> bytes:
    """Encode the receipt of a stored response; cached, as many within a second are equal."""
    receipt = Receipt(
        saved=saved, oldest_seconds=oldest_seconds, stale=stale, coherent=coherent, budget=budget
    )
    return orjson.dumps(receipt_extension(receipt, as_of))
