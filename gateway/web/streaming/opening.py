"""Open the stream of events that answers a subscription."""

from collections.abc import Callable
from typing import Protocol

import orjson
from graphql import GraphQLError

from gateway.web.error_format import request_error
from gateway.web.prepared import RequestError
from gateway.web.protocol.content import BadRequest
from gateway.web.protocol.event_stream import FORMATS, SSE, Events, EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import NO_STORE, SECURITY_HEADERS, Headers, HTTPResponse
from schema.execution.plan import ExecutionPlan
from schema.execution.root_fields import ChangesRequest
from schema.source.errors import ClientError, Unauthenticated
from schema.source.records import ClientId
from schema.source.request_context import Caller

CLOSED = "SUBSCRIPTION_CLOSED"
"""The code of an end after which the client should subscribe again."""
_FORMATS = (
    "A subscription is answered by a stream: accept text/event-stream, or multipart/mixed with"
    " subscriptionSpec=1.0, or use WebSocket."
)
_NO_CREDENTIAL = "A subscription needs a credential: send X-API-Key, or a bearer token."
_TOO_MANY = "This credential has as many subscriptions as one may have. End one first."


class Subscriptions(Protocol):
    """The subscriptions of all callers."""

    def subscribe(
        self, plan: ExecutionPlan, request: ChangesRequest, caller: Caller, wake: Callable[[], None]
    ) -> Events:
        """Add a subscriber; `wake` is called when it has something to take."""

    def has_room(self, caller: Caller) -> bool:
        """Return False if the caller has as many subscriptions as one may have."""

    def changes_per_hour(self, id: ClientId | None) -> int:
        """Return how many changes were learned of in the last hour, of one client or of all."""


def checked_request(
    planned: ExecutionPlan, caller: Caller | None, hub: Subscriptions
) -> tuple[ChangesRequest, Caller]:
    """Return the changes to deliver and to whom. Raises `RequestError` or `Unauthenticated`."""
    request = planned.changes
    if isinstance(request, ClientError):
        raise RequestError([GraphQLError(request.message, original_error=request)])
    if isinstance(request, GraphQLError):
        raise RequestError([request])
    if isinstance(request, Exception):
        raise request
    assert request is not None  # noqa: S101 - it is a subscription
    if caller is None:
        raise Unauthenticated(_NO_CREDENTIAL)
    if not hub.has_room(caller):
        raise RequestError([GraphQLError(_TOO_MANY, extensions={"code": "LIMIT_EXCEEDED"})])
    return request, caller


def open_stream(
    planned: ExecutionPlan, head: RequestHead, caller: Caller | None, hub: Subscriptions
) -> Callable[[Headers, str], EventStream]:
    """Return what makes the response of its headers and the identifier of the request.

    Raises `RequestError`, `Unauthenticated`, or `BadRequest` if no format is accepted.
    """
    request, subscriber = checked_request(planned, caller, hub)
    if head.stream is None:
        raise BadRequest(406, _FORMATS)
    stream_format = FORMATS[head.stream]

    def opened(headers: Headers, request_id: str) -> EventStream:
        return EventStream(
            stream_format,
            headers,
            subscribe=lambda wake: hub.subscribe(planned, request, subscriber, wake),
            encode_error=lambda code, why: orjson.dumps(request_error(code, why, request_id)),
            retryable=CLOSED,
        )

    return opened


def rate_of(planned: ExecutionPlan, hub: Subscriptions) -> dict[str, int]:
    """Return how often a subscription has its cost, for its explanation."""
    request = planned.changes
    if not isinstance(request, ChangesRequest):
        return {}
    return {"changesPerHour": hub.changes_per_hour(request.id)}


def single_event(content: bytes, headers: Headers) -> HTTPResponse:
    """Return the stream of one response: that to a query, or to a document that is refused."""
    own = [*SECURITY_HEADERS, NO_STORE, (b"content-type", SSE.content_type), *headers]
    return HTTPResponse(200, None, own, SSE.event % content + SSE.completion)
