"""A client of the API: sends one request for a caller and returns its response."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import orjson

from gateway.api.auth_header import auth_header
from gateway.api.decoding import transport_failure
from gateway.call_context import EXTENSION, CallContext
from gateway.transport.clock_skew import ASSUMED, measure
from gateway.transport.messages import Request
from gateway.transport.serializer import HeaderBlock, RequestTarget
from gateway.transport.transport import begin_with
from schema.source.errors import ClientError
from schema.source.request_context import Priority

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Mapping

    from gateway.api.write_outcome import SendResult
    from schema.source.request_context import RequestContext

_ACCEPT = (b"Accept", b"application/json")
_CONTENT_TYPE = (b"Content-Type", b"application/json")
_URLS = 1024
"""Parsed URLs that are cached."""


class PendingRequest(NamedTuple):
    """A GET that has been sent and whose response is pending."""

    request: httpx.Request
    response: asyncio.Future[httpx.Response]
    sent: float
    """When it was sent, in Unix seconds."""
    priority: Priority


class ApiClient:
    """Sends requests about clients through `transport`, in the context of an operation."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport, base_url: str, now: Callable[[], float]
    ) -> None:
        """`now`: the gateway's clock, in Unix seconds, with which the API's clock is compared."""
        self._transport = begin_with(transport)
        self._now = now
        self.lead = ASSUMED
        clients = f"{base_url.rstrip('/')}/clients"
        self._url = lru_cache(_URLS)(lambda path: RequestTarget(clients + path))

    async def read(
        self, operation: RequestContext, path: str, priority: Priority
    ) -> httpx.Response:
        """Send a GET; return its response, of any status. Raises `ClientError` if none arrives."""
        [begun] = self.begin(operation, [path], priority)
        return await self.end(begun)

    def begin(
        self, operation: RequestContext, paths: Iterable[str], priority: Priority
    ) -> list[PendingRequest]:
        """Send or queue one GET for each path; send none if one request cannot be built."""
        try:
            headers, context = (
                HeaderBlock(_ACCEPT, auth_header(operation.caller)),
                _context(operation, priority),
            )
            requests = [Request("GET", self._url(path), headers, context) for path in paths]
        except httpx.TransportError as error:
            raise transport_failure(error) from error
        return [
            PendingRequest(request, self._transport.send(request), self._now(), priority)
            for request in requests
        ]

    def ended(self, begun: PendingRequest) -> httpx.Response | None:
        """Return what `end` would return if the response has arrived; None if `end` must wait."""
        response = self._transport.ended(begun.response)
        if response is not None:
            self._compare(begun, response)
        return response

    async def end(self, begun: PendingRequest) -> httpx.Response:
        """Wait for the response to a GET that was sent, of any status. Raises `ClientError`."""
        try:
            await begun.response
        except (httpx.TransportError, ClientError):
            pass  # the transport's `end` raises it, or makes another attempt
        else:
            response = self.ended(begun)
            if response is not None:
                return response
        try:
            response = await self._transport.end(begun.request, begun.response)
        except httpx.TransportError as error:
            raise transport_failure(error) from error
        self._compare(begun, response)
        return response

    async def write(
        self,
        operation: RequestContext,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> SendResult:
        """Send a write at most once; return its response or the failure to get one."""
        headers = [_ACCEPT, auth_header(operation.caller)]
        content = b""
        if body is not None:
            headers.append(_CONTENT_TYPE)
            content = orjson.dumps(body)
        context = _context(operation, Priority.WRITE)
        try:
            request = Request(method, self._url(path), HeaderBlock(*headers), context, content)
        except httpx.TransportError as end:
            return end
        try:
            return await self._transport.handle_async_request(request)
        except (httpx.TransportError, ClientError) as end:
            return end

    def _compare(self, begun: PendingRequest, response: httpx.Response) -> None:
        """Measure how far the API's clock is ahead of the gateway's."""
        if begun.priority is Priority.WRITE:  # only writes compare timestamps
            self.lead = measure(response.headers, begun.sent, self._now()) or self.lead


def _context(operation: RequestContext, priority: Priority) -> dict[str, CallContext]:
    caller = operation.caller
    context = CallContext(
        operation.deadline,
        priority,
        caller.partition,
        caller.hash,
        operation.receipt,
        operation.waiters,
        operation.call_budget,
    )
    return {EXTENSION: context}
