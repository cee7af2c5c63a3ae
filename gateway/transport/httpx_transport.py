"""The transport contract over httpx2, for what `ConnectionPool` does not have: egress proxies.

httpx2 continues httpx, whose pool loses connections when calls are cancelled
(encode/httpcore#1093). Its parser, h11, accepts responses that `ResponseParser` rejects, such as
bare line feeds. It would read surplus bytes after a response as the response to the next request,
which may be another caller's: so no connection is used twice.
"""

import asyncio
import math
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx2

from gateway.transport.connector import connect_error, create_ssl_context
from gateway.transport.errors import (
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    ResponseTooLarge,
    TransportError,
)
from gateway.transport.messages import Headers, Request, Response
from gateway.transport.parser import head_size
from gateway.transport.serializer import METHODS_WITH_CONTENT, check
from gateway.transport.transport import DEFAULT_LIMITS, LimitedTransport, TransportLimits

_CONNECTING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_CLOSED = ("Server disconnected", "peer closed connection")
"""How the messages of errors begin that are about a closed connection, not about invalid HTTP."""
_SWITCHING_PROTOCOLS = 101


class HTTPXTransport(LimitedTransport):
    """Sends each request once through an httpx2 transport, under the limits of `ConnectionPool`.

    A call is cancelled only when its time is over.
    """

    def __init__(
        self,
        inner: httpx2.AsyncBaseTransport,
        limits: TransportLimits = DEFAULT_LIMITS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(limits, clock)
        self._inner = inner

    async def aclose(self) -> None:
        """Wait for the requests in flight, each within its own limit, then close."""
        await super().aclose()
        await self._inner.aclose()

    def _start(self, request: Request[Any], seconds: float) -> asyncio.Future[Response]:
        check(request.method, request.headers)
        task = asyncio.get_running_loop().create_task(self._send(request, seconds))
        task.add_done_callback(self._in_flight.discard)
        return task

    async def _send(self, request: Request[Any], seconds: float) -> Response:
        progress = _Progress()
        try:
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                return await self._exchange(request, seconds, progress)
        except TimeoutError:
            raise _timeout(sent=progress.sent is not False) from None
        except (httpx2.TransportError, OSError) as error:
            raise _failure(error, request.target.origin.host, progress.sent) from error

    async def _exchange(
        self, request: Request[Any], seconds: float, progress: "_Progress"
    ) -> Response:
        outgoing = httpx2.Request(
            request.method,
            request.target.url,
            headers=_header_fields(request),
            stream=httpx2.ByteStream(request.content),
            extensions={
                "trace": progress,
                "timeout": {"connect": min(self._limits.connect_seconds, seconds)},
            },
        )
        response = await self._inner.handle_async_request(outgoing)
        try:
            fields = self._checked_fields(response)
            return Response(response.status_code, Headers(fields), await self._read(response))
        finally:
            await response.aclose()

    def _checked_fields(self, response: httpx2.Response) -> list[tuple[bytes, bytes]]:
        """Return the headers as `ResponseParser` does."""
        if response.status_code == _SWITCHING_PROTOCOLS:
            raise RemoteProtocolError("a response in another protocol")
        head = [(name.lower(), value) for name, value in response.headers.raw]
        if head_size(head) > self._limits.head_bytes:
            raise ResponseTooLarge("the response's headers are too large")
        return [
            (name, value) for name, value in head if value.isascii() and name != b"content-encoding"
        ]

    async def _read(self, response: httpx2.Response) -> bytes:
        """Return the body as it was sent, without decoding."""
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - of async transports
        length = response.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._limits.body_bytes:
            raise ResponseTooLarge("the response's body is too large")
        body = bytearray()
        async for chunk in response.stream:
            body += chunk
            if len(body) > self._limits.body_bytes:
                raise ResponseTooLarge("the response's body is too large")
        return bytes(body)


class _Progress:
    """A `trace` extension that notes whether the request, not a proxy's CONNECT, is being sent."""

    sent: bool | None = None
    """None if the inner transport reports no progress."""

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        starts = event == "http11.send_request_headers.started"
        self.sent = bool(self.sent) or (starts and info["request"].method != b"CONNECT")


def open_network(
    *, ssl_context: ssl.SSLContext, proxy: str | httpx2.Proxy | None = None
) -> httpx2.AsyncHTTPTransport:
    """Return httpx2's own transport. `proxy`: the URL of an HTTP proxy; all calls pass it.

    The proxy is not shown the client certificate for the API. The number of connections is not
    limited: `HTTPXTransport` limits the calls.
    """
    if isinstance(proxy, str):
        own = create_ssl_context() if proxy.startswith("https://") else None
        proxy = httpx2.Proxy(proxy, ssl_context=own)
    return httpx2.AsyncHTTPTransport(
        verify=ssl_context,
        trust_env=False,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        proxy=proxy,
    )


def _header_fields(request: Request[Any]) -> list[tuple[bytes, bytes]]:
    """Return the headers that `serialize` writes, and that the connection is not kept."""
    fields = [
        (b"Host", request.target.authority),
        (b"Accept-Encoding", b"identity"),
        (b"Connection", b"close"),
    ]
    fields += request.headers.sent_fields
    if request.content or request.method in METHODS_WITH_CONTENT:
        fields.append((b"Content-Length", b"%d" % len(request.content)))
    return fields


def _timeout(*, sent: bool) -> TransportError:
    if sent:
        return ReadTimeout("no complete response in time")
    return ConnectTimeout("no connection in time")


def _failure(error: Exception, host: str, sent: bool | None) -> TransportError:  # noqa: FBT001 - its only state
    """Map an error of httpx2; without `sent`, its type says whether the request was sent."""
    if sent is None:
        sent = not isinstance(error, _CONNECTING)
    if isinstance(error, httpx2.TimeoutException):
        return _timeout(sent=sent)
    if not sent:
        cause = _system_error(error)
        if isinstance(error, httpx2.ProxyError) or cause is None:
            return ConnectError(f"the proxy refused the connection: {error}")
        return connect_error(cause, host)
    if isinstance(error, httpx2.ProtocolError) and not str(error).startswith(_CLOSED):
        return RemoteProtocolError(str(error))
    return ReadError("the connection was closed before the response was complete")


def _system_error(error: BaseException | None) -> OSError | None:
    """Return the first error of the operating system or of TLS among the causes of `error`.

    If a name has several addresses, the causes are a group, one for each address.
    """
    while error is not None:
        if isinstance(error, OSError) and (error.errno or isinstance(error, ssl.SSLError)):
            return error
        if isinstance(error, BaseExceptionGroup):
            found = next(filter(None, map(_system_error, error.exceptions)), None)
            if found is not None:
                return found
        error = error.__cause__ or error.__context__
    return None
