"""Responses that go on: events as they happen, in one of two formats, and heartbeats between them.

The formats are Server-Sent Events (HTML, 9.2) as GraphQL over SSE uses them in its distinct
connections mode, and Apollo's multipart protocol for subscriptions, version 1.0.
"""

import asyncio
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple, Protocol

from starlette.types import Receive, Scope, Send

from gateway.web.protocol.disconnect import disconnect_hook
from gateway.web.protocol.http_response import NO_STORE, SECURITY_HEADERS, Headers

HEARTBEAT_SECONDS = 10.0
"""Seconds without an event after which a heartbeat is sent."""


class StreamFormat(NamedTuple):
    """The bytes around events and between them."""

    content_type: bytes
    opening: bytes
    heartbeat: bytes
    event: bytes
    error: bytes
    """An error that ends the stream."""
    completion: bytes
    """The end of a stream whose events are complete: the client does not come back."""
    interruption: bytes
    """The end of a stream that the client should open again."""


SSE = StreamFormat(
    b"text/event-stream; charset=utf-8",
    b":\n\n",
    b":\n\n",
    b"event: next\ndata: %b\n\n",
    b'event: next\ndata: {"errors":[%b]}\n\n',
    b"event: complete\ndata:\n\n",
    b"",
)
_PART = b"\r\ncontent-type: application/json\r\n\r\n%b\r\n--graphql"
MULTIPART = StreamFormat(
    b'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"',
    b"\r\n--graphql",
    _PART % b"{}",
    _PART % b'{"payload":%b}',
    _PART % b'{"payload":null,"errors":[%b]}',
    b"--\r\n",
    b"--\r\n",
)
FORMATS = {"text/event-stream": SSE, "multipart/mixed": MULTIPART}


class EndOfEvents(Protocol):
    """Why no further event comes."""

    @property
    def code(self) -> str:
        """Return the code of the reason."""

    @property
    def message(self) -> str:
        """Return the reason."""

    @property
    def closes(self) -> bool:
        """Return True if the connection is closed, too: the server stops."""


class Events(Protocol):
    """Encoded events that wait to be sent."""

    @property
    def end(self) -> EndOfEvents | None:
        """Return why no further event comes; None while more may come."""

    def take(self) -> bytes | None:
        """Return the next event, None if none waits."""

    def leave(self) -> None:
        """End the events: the client has left."""

    def close(self) -> None:
        """Release what is held for them."""


@dataclass(eq=False, repr=False)
class EventStream:
    """The response that sends events until they end or the client leaves.

    `subscribe` takes the function to call when there is an event or the end. `encode_error` returns
    the JSON of an error with a code and a message. A client should open the stream again if its end
    has the code `retryable`.
    """

    status = 200
    content = b""

    _format: StreamFormat
    extra_headers: Headers
    _: KW_ONLY
    subscribe: Callable[[Callable[[], None]], Events]
    encode_error: Callable[[str, str], bytes]
    retryable: str

    def open(self, wake: Callable[[], None]) -> Events:
        """Begin; `wake` is called when there is something to take, or the end."""
        return self.subscribe(wake)

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        headers = [
            *SECURITY_HEADERS,
            NO_STORE,
            (b"content-type", self._format.content_type),
            (b"x-accel-buffering", b"no"),
            *self.extra_headers,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        wake = asyncio.Event()
        events = self.open(wake.set)
        watching = _watch(scope, receive, events.leave)
        try:
            await _send(send, self._format.opening)
            while events.end is None:
                await self._send_next(events, wake, send)
            await send({"type": "http.response.body", "body": self._last(events.end)})
        finally:
            events.close()
            if watching is not None:
                watching.cancel()

    async def _send_next(self, events: Events, wake: asyncio.Event, send: Send) -> None:
        event = events.take()
        if event is not None:
            await _send(send, self._format.event % event)
            return
        wake.clear()
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await wake.wait()
        except TimeoutError:
            await _send(send, self._format.heartbeat)

    def _last(self, end: EndOfEvents) -> bytes:
        error = self.encode_error(end.code, end.message)
        if end.code != self.retryable:
            return self._format.error % error + self._format.completion
        shown = b"" if self._format is SSE else self._format.error % error
        return shown + self._format.interruption


async def _send(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


def _watch(scope: Scope, receive: Receive, leave: Callable[[], None]) -> asyncio.Task[None] | None:
    """Have `leave` called when the client disconnects; a server may need a task for that."""
    when = disconnect_hook(scope)
    if when is not None:
        when(leave)
        return None

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        leave()

    return asyncio.create_task(wait())
