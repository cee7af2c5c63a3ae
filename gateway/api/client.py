"""A client of the API: sends one request for a caller and returns its response."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from gateway.api.decoding import transport_failure
from gateway.api.retry import Attempt, RetryPolicy
from gateway.api.write_outcome import SendResult
from gateway.ratelimit.call_context import Call, CallContext
from gateway.transport.errors import TransportError
from gateway.transport.messages import Headers, Request, Response
from gateway.transport.rate_limit_headers import date_of
from gateway.transport.serializer import HeaderBlock, RequestTarget
from gateway.transport.transport import Transport
from schema.source.errors import ClientError, Unauthenticated
from schema.source.request_context import Caller, Priority, RequestContext
from schema.source.writes import ASSUMED_SKEW, ClockSkew

_ACCEPT = (b"Accept", b"application/json")
_CONTENT_TYPE = (b"Content-Type", b"application/json")
_URLS = 1024
"""Parsed URLs that are cached."""


class PendingRequest(NamedTuple):
    """A GET that has been sent and whose response is pending."""

    call: Call
    response: asyncio.Future[Response]
    sent: float
    """When it was sent, in Unix seconds."""


class ApiClient:
    """Sends requests about clients through `transport`, in the context of an operation."""

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        now: Callable[[], float],
        retries: RetryPolicy | None = None,
    ) -> None:
        """`now`: the gateway's clock, in Unix seconds, with which the API's clock is compared."""
        self._transport = transport
        self._now = now
        self._retries = retries
        self.lead = ASSUMED_SKEW
        clients = f"{base_url.rstrip('/')}/clients"
        self._target = lru_cache(_URLS)(lambda path: RequestTarget(clients + path))

    async def read(self, operation: RequestContext, path: str, priority: Priority) -> Response:
        """Send a GET; return its response, of any status. Raises `ClientError` if none arrives."""
        [pending] = self.begin(operation, [path], priority)
        return await self.end(pending)

    def begin(
        self, operation: RequestContext, paths: Iterable[str], priority: Priority
    ) -> list[PendingRequest]:
        """Send or queue one GET for each path; send none if one request cannot be built."""
        headers = HeaderBlock(_ACCEPT, auth_header(operation.caller))
        context, deadline = _context(operation, priority), operation.deadline
        try:
            calls = [
                Request("GET", self._target(path), headers, deadline, context) for path in paths
            ]
        except TransportError as error:
            raise transport_failure(error) from error
        return [PendingRequest(call, self._transport.send(call), self._now()) for call in calls]

    async def end(self, pending: PendingRequest) -> Response:
        """Wait for the response to a GET that was sent, of any status. Raises `ClientError`."""
        try:
            response = await self._finish(pending.call, pending.response)
        except TransportError as error:
            raise transport_failure(error) from error
        if pending.call.context.priority is Priority.WRITE:  # only writes compare timestamps
            self.lead = _measure_skew(response.headers, pending.sent, self._now()) or self.lead
        return response

    async def write(
        self,
        operation: RequestContext,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> SendResult:
        """Send a write, a second time only if the first attempt did nothing.

        The caller is a task that nothing cancels: the outcome of the write would be lost.
        """
        headers = [_ACCEPT, auth_header(operation.caller)]
        content = b""
        if body is not None:
            headers.append(_CONTENT_TYPE)
            content = orjson.dumps(body)
        context, deadline = _context(operation, Priority.WRITE), operation.deadline
        try:
            target, block = self._target(path), HeaderBlock(*headers)
            call = Request(method, target, block, deadline, context, content)
            return await self._finish(call, self._transport.send(call))
        except (TransportError, ClientError) as end:
            return end

    async def _finish(self, call: Call, response: asyncio.Future[Response]) -> Response:
        """Return the response to the first attempt, or to a second one if it may be made."""
        try:
            first: Attempt = await response
        except TransportError as error:
            first = error
        retries = self._retries
        delay = None if retries is None else retries.next_delay(call, first)
        if retries and delay is not None and await retries.is_shared_budget_left(call, first):
            await asyncio.sleep(delay)
            try:
                return await self._transport.send(call)
            except ClientError:
                pass  # the rate limiter refused the second attempt: the result of the first stands
        if isinstance(first, TransportError):
            raise first
        return first


def _context(operation: RequestContext, priority: Priority) -> CallContext:
    caller = operation.caller
    return CallContext(
        priority,
        caller.partition,
        caller.hash,
        operation.receipt,
        operation.waiters,
        operation.call_budget,
    )


def auth_header(caller: Caller) -> tuple[bytes, bytes]:
    """Return the header that authenticates the caller to the API.

    Raises `Unauthenticated` if the value is not a valid header value (RFC 9110, 5.5). The value is
    never quoted in an error.
    """
    credential = caller.credential
    if not (credential.value.isascii() and credential.value.isprintable()):
        raise Unauthenticated("The credential holds characters that no header can carry.")
    return credential.header.encode(), credential.value.encode()


def _measure_skew(headers: Headers, sent: float, received: float) -> ClockSkew | None:
    """Return the bounds that one response proves; None if it proves none.

    `sent` and `received` are Unix seconds. `Date` counts whole seconds. The `Date` of a response
    that a cache stored (RFC 9111, 5.1: `Age` is present) says nothing about the API's clock.
    """
    date = None if headers.get("age") else date_of(headers)
    return None if date is None else ClockSkew(date - received, date + 1 - sent)
