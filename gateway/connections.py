"""Connections on uvicorn that may not dawdle: whole requests in time, and not too many of them.

uvicorn ends idle connections only. Here a request's head and body each have a deadline, a head
has a size, and a client that does not read its answer is let go (slow-loris, all its kinds).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.web.hangups import HANG_UP

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_GOODBYE = 1.0
"""Seconds for which a connection that was turned away may still read why."""
_EARLY = 0.001
"""Seconds by which uvloop's timers may ring before their time."""
_HEAD, _BODY = "head", "body"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long clients may take, in seconds, and how many there may be."""

    head: float = 5.0
    """From the first byte of a request, or the connection's start, to the end of its headers."""
    body: float = 10.0
    """From there to the end of the body."""
    reading: float = 10.0
    """For which a client may let an answer wait."""
    idle: float = 5.0
    """Between an answer and the next request."""
    head_bytes: int = 64 * 1024
    connections: int = 1_000
    """All together."""
    per_address: int = 256
    """From one address."""


class Crowd:
    """How many connections there are."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._from: Counter[str] = Counter()
        self._all = 0

    def enter(self, address: str) -> bool:
        """Count one more, unless it would be one too many."""
        if self._all >= self._patience.connections:
            return False
        if self._from[address] >= self._patience.per_address:
            return False
        self._all += 1
        self._from[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Count one less."""
        self._all -= 1
        self._from[address] -= 1
        if not self._from[address]:
            del self._from[address]


def answer(status: str, code: str, message: str, *headers: str) -> bytes:
    """A whole HTTP answer that ends its connection, as GraphQL clients read errors."""
    body = f'{{"errors":[{{"message":"{message}","extensions":{{"code":"{code}"}}}}]}}'
    lines = (
        f"HTTP/1.1 {status}",
        "content-type: application/json; charset=utf-8",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        *headers,
        "connection: close",
        "",
        body,
    )
    return "\r\n".join(lines).encode()


BUSY = answer(
    "503 Service Unavailable", "OVERLOADED", "There are too many connections.", "retry-after: 1"
)
LATE = answer("408 Request Timeout", "BAD_REQUEST", "The request did not arrive in time.")
LARGE = answer(
    "431 Request Header Fields Too Large", "BAD_REQUEST", "The request's headers are too large."
)


class Connection(HttpToolsProtocol):
    """One client's connection. Timers are set only for what did not arrive in one piece."""

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 - uvicorn's own
        patience: Patience,
        crowd: Crowd,
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **named)
        self._patience = patience
        self._crowd = crowd
        self._address: str | None = None
        """Where it is counted from; None while it is not."""
        self._part = _HEAD
        self._begun = False
        """Whether the first byte of a request has come whose last has not."""
        self._requests = 0
        """Requests that have arrived whole."""
        self._head_bytes = 0
        self._awaited: tuple[int, str] | None = None
        """The part of which request there is a deadline for."""
        self._deadline: asyncio.TimerHandle | None = None
        self._hang_up: Callable[[], None] | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._idle_until = math.inf
        """When the next request must have begun, if none has; by the loop's clock."""
        self._alarm: asyncio.TimerHandle | None = None
        """Rings no later than that: one for many requests, as on a busy connection none is late."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if self._crowd.enter(address):
            self._address = address
            self._await((0, _HEAD))
        else:
            self._turn_away(BUSY)

    def data_received(self, data: bytes) -> None:
        """A piece of a request, of several, or of nothing."""
        if self._address is None or self.transport.is_closing():
            return
        before = self._requests
        super().data_received(data)
        if self._part is _HEAD:
            self._head_bytes = self._head_bytes + len(data) if before == self._requests else 0
            if self._head_bytes > self._patience.head_bytes:
                self._turn_away(LARGE)
                return
        # After a whole request nothing is awaited; whatever else came has begun another one.
        begun = before == self._requests or self._begun
        self._await((self._requests, self._part) if begun else None)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._begun = True

    def on_headers_complete(self) -> None:
        """The head is there: the application starts."""
        super().on_headers_complete()
        self.scope["extensions"] = {HANG_UP: {"when": self._when_hung_up}}
        self._head_is_here()

    def on_message_complete(self) -> None:
        """All of it is there."""
        super().on_message_complete()
        self._request_is_here()

    def on_response_complete(self) -> None:
        """An answer has gone, and the next request may take its time."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_until = self.loop.time() + self.timeout_keep_alive
        if self._alarm is None:
            self._alarm = self.loop.call_at(self._idle_until, self._ring)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_until = math.inf

    def _ring(self) -> None:
        self._alarm = None
        if self._idle_until <= self.loop.time() + _EARLY:
            self.timeout_keep_alive_handler()
        elif self._idle_until < math.inf:
            self._alarm = self.loop.call_at(self._idle_until, self._ring)

    def _request_is_here(self) -> None:
        self._part = _HEAD
        self._begun = False
        self._requests += 1

    def pause_writing(self) -> None:
        """The client has let a lot of the answer lie."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self._patience.reading, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read on."""
        super().resume_writing()
        self._reads_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, whoever ended it."""
        self._await(None)
        self._reads_on()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._hang_up is not None:
            self._hang_up()
        if self._address is not None:
            self._crowd.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def _head_is_here(self) -> None:
        self._part = _BODY
        self._head_bytes = 0

    def _between(self) -> bool:
        """Whether the last request has come whole and been answered, and no other has begun."""
        return self._awaited is None and not self._answering()

    def _when_hung_up(self, act: Callable[[], None] | None) -> None:
        self._hang_up = act

    def _reads_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _await(self, awaited: tuple[int, str] | None) -> None:
        if awaited == self._awaited:
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._awaited = awaited
        if awaited is not None:
            part = awaited[1]
            seconds = self._patience.head if part is _HEAD else self._patience.body
            self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        if self.transport.is_closing():
            return
        answering = self._answering()
        if answering and self._part is _HEAD:
            # The next request comes slowly while this one is being answered: that goes first.
            self._deadline = self.loop.call_later(self._patience.head, self._late)
        elif self._part is _BODY and (self.pipeline or self.cycle.response_started):
            self.transport.abort()  # an answer stands before it, or has begun: no room to say why
        else:
            self._turn_away(LATE)

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _turn_away(self, why: bytes) -> None:
        """Say why and close, once the client has had the time to read it."""
        if self._answering():  # to the application the client has left
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self._address is not None:
            self._crowd.leave(self._address)
            self._address = None
        self._await(None)
        self.transport.write(why)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_GOODBYE, self.transport.abort)
