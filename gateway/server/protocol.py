"""A uvicorn protocol that answers the requests of one connection by an ASGI application."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn

from gateway.server.connection import LimitedConnection
from gateway.server.exchange import Exchange, ResponseTransport, scope_of
from gateway.server.http1.limits import ConnectionSlot
from gateway.server.http1.reader import ParsedRequest
from gateway.server.undocumented import ServerState
from gateway.server.websocket import WebSocketConnection, switching_protocols
from gateway.web.protocol.disconnect import DISCONNECT
from gateway.web.protocol.http_response import HTTPResponse
from gateway.web.streaming.websocket_endpoint import Handshake, WebSocketEndpoint


class LimitedHTTPProtocol(LimitedConnection):
    """One client connection whose requests an ASGI application answers."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        websockets: WebSocketEndpoint | None = None,
        **shared: Any,  # noqa: ANN401 - keyword arguments of `LimitedConnection`
    ) -> None:
        super().__init__(server_state, _loop or asyncio.get_event_loop(), **shared)
        self._shared = shared
        self._config = config
        self._websockets = websockets
        self._app_state = app_state
        self._outlet: ResponseTransport = None  # type: ignore[assignment]  # set in `connection_made`
        self._exchange: Exchange | None = None
        self._hang_up: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, or reject it."""
        super().connection_made(transport)
        self._outlet = ResponseTransport(self.transport, self._close)

    def _begin(self, request: ParsedRequest) -> None:
        """Answer a complete request."""
        if request.method == b"GET" and self._upgrade(request):
            return
        self._start_exchange(request, {DISCONNECT: {"when": self._when_hung_up}})

    def _start_exchange(self, request: ParsedRequest, extensions: dict[str, Any]) -> None:
        """Start a task in which the application answers the request."""
        self._answering = True
        exchange = self._exchange_of(self._scope(request, extensions), request.body)
        app: Any = self._config.loaded_app
        self._run(exchange.run_asgi(app))

    def _upgrade(self, request: ParsedRequest) -> bool:
        """Answer the handshake of a WebSocket; return False if the request is none.

        An accepted one has the connection for itself, from the next byte on.
        """
        if self._websockets is None or request.http_1_0 or request.body:
            return False
        handshake = self._websockets.accept(request.target, request.headers)
        if handshake is None:
            return False
        common = self.server_state.default_headers
        if isinstance(handshake, HTTPResponse):
            lines = b"".join([b"%b: %b\r\n" % header for header in common])
            self._last = True
            self.transport.write(handshake.to_http11(lines + b"connection: close\r\n"))
            self._close()
            return True
        self.transport.write(switching_protocols(handshake, common))
        self._hand_over(self._websockets, handshake)
        return True

    def _hand_over(self, endpoint: WebSocketEndpoint, handshake: Handshake) -> None:
        """Give the connection and its place among the connections to a WebSocket."""
        slot, self._slot = self._slot, ConnectionSlot(self._shared["crowd"])
        early = self._reader.take_rest()
        self._read(on=True)  # it is paused for a handshake that came in pieces, or behind a request
        self._deadlines.cancel()
        self._reader.close()
        self.server_state.connections.discard(self)
        upgraded = WebSocketConnection(
            self.transport,
            slot,
            self._turns,
            self._shared["patience"],
            self.server_state,
            self.loop,
        )
        self.transport.set_protocol(upgraded)
        upgraded.begin(endpoint, handshake, early)

    def _scope(self, request: ParsedRequest, extensions: dict[str, Any]) -> dict[str, Any]:
        return scope_of(
            request,
            self.transport,
            asgi={"version": self._config.asgi_version, "spec_version": "2.3"},
            state=self._app_state.copy(),
            extensions=extensions,
        )

    def _exchange_of(self, scope: dict[str, Any], body: bytes) -> Exchange:
        self._exchange = Exchange(
            scope,
            body,
            transport=self._outlet,
            flow=self.flow,
            default_headers=self.server_state.default_headers,
            keep_alive=not self._last,
            on_response=self._answered,
        )
        return self._exchange

    def _run(self, answering: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(answering)
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    def _answered(self) -> None:
        self._exchange = None
        super()._answered()

    def _when_hung_up(self, act: Callable[[], None] | None) -> None:
        self._hang_up = act
        if act is not None and self.transport.is_closing():
            act()  # the client left before

    def _abandon(self) -> None:
        """Notify the application that the client has disconnected."""
        if self._hang_up is not None:
            self._hang_up()
            self._hang_up = None
        exchange, self._exchange = self._exchange, None
        if exchange is not None and not exchange.response_complete:
            exchange.disconnected = True
            exchange.message_event.set()

    def _end_after_answer(self) -> None:
        if self._exchange is not None:
            self._exchange.keep_alive = False
