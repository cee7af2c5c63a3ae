"""The gateway on a real socket, in a thread of this process, by either way of sending answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from gateway.app import create_app
from gateway.cli.metrics import bind_metrics, metrics_url, with_metrics
from gateway.configuration import connection_limits
from gateway.sandbox.users import DEMO
from gateway.server import uvicorn as server
from gateway.settings import load_settings
from tests.in_process import InProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.sandbox.api import Sandbox

SECONDS = 20
"""What nothing here may take."""


class Way(Enum):
    """How the server sends answers."""

    FAST = "the fast path"
    """Connections answer plain requests themselves, and whole answers are sent at once."""
    ASGI = "plain ASGI"
    """Every request goes through the application, every answer through uvicorn."""


@dataclass
class Serving:
    """A gateway that listens on a loopback port; blocking calls only."""

    host: str
    port: int
    sandbox: Sandbox = field(init=False)
    """The API behind it, which remembers the calls it saw."""
    metrics: str | None = None
    """The URL of its metrics, if they are shown."""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @contextlib.contextmanager
    def connection(self) -> Iterator[Wire]:
        """One TCP connection."""
        with socket.create_connection((self.host, self.port), SECONDS) as connected:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield Wire(connected)

    def exchange(self, *pieces: bytes) -> bytes:
        """What comes in answer to these segments, until the gateway closes the connection.

        The last request must have it do so: a client that closes its side has left.
        """
        with self.connection() as wire:
            wire.send(*pieces)
            return wire.rest()


@dataclass
class Answer:
    """One HTTP response, read by its Content-Length."""

    status: int
    headers: dict[str, str]
    """By name in lower case; several of one name are joined by commas."""
    content: bytes


@dataclass
class Wire:
    """One connection to a gateway."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def send(self, *pieces: bytes) -> None:
        """Send each as a segment of its own."""
        for number, piece in enumerate(pieces):
            if number:
                threading.Event().wait(0.003)  # so that the pieces arrive apart
            with contextlib.suppress(ConnectionError):
                self.socket.sendall(piece)

    def end(self) -> None:
        """Close the sending side."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def rest(self) -> bytes:
        """All that comes until the gateway closes the connection."""
        with contextlib.suppress(ConnectionError):
            while piece := self.socket.recv(65_536):
                self.received += piece
        rest, self.received = bytes(self.received), bytearray()
        return rest

    def answer(self, *, head: bool = False) -> Answer:
        """The next response; `head` where it answers a HEAD. Raises `EOFError` if none comes."""
        while (end := self.received.find(b"\r\n\r\n")) < 0:
            self._more()
        first, *lines = bytes(self.received[:end]).decode("latin-1").split("\r\n")
        del self.received[: end + 4]
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        status = int(first.split(" ")[1])
        length = 0 if head else int(headers.get("content-length", 0))
        while len(self.received) < length:
            self._more()
        content = bytes(self.received[:length])
        del self.received[:length]
        return Answer(status, headers, content)

    def ask(self, *pieces: bytes) -> Answer:
        """The answer to one request."""
        self.send(*pieces)
        return self.answer()

    def _more(self) -> None:
        piece = self.socket.recv(65_536)
        if not piece:
            raise EOFError(bytes(self.received))
        self.received += piece


def post(
    body: bytes, *headers: str, path: str = "/graphql", key: str | None = DEMO.api_key
) -> bytes:
    """A GraphQL request as most clients send it, and `headers`, each a line."""
    lines = [
        f"POST {path} HTTP/1.1",
        "host: localhost",
        *([f"x-api-key: {key}"] if key else []),
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@contextlib.contextmanager
def serving(
    sandbox: Sandbox, way: Way, *, compiled: bool = True, port: int = 0, **settings: Any
) -> Iterator[Serving]:
    """A gateway before this sandbox, with some settings changed, until the block ends."""
    chosen = load_settings({}, _env_file=None, **settings)
    shown: list[str] = []

    def sites(socket: socket.socket) -> list[server.Listener]:
        app = create_app(chosen, wire=InProcess(sandbox), compiles=compiled)
        direct = app.direct if way is Way.FAST else None
        site = server.Listener(
            app, socket, connection_limits(chosen), direct, app.cors, app.websockets
        )
        metrics = bind_metrics(chosen.metrics_address, socket)
        shown.extend(map(metrics_url, metrics))
        return with_metrics(site, app, metrics)

    with listening(sites, port) as gateway:
        gateway.sandbox = sandbox
        gateway.metrics = shown[0] if shown else None
        yield gateway


@contextlib.contextmanager
def listening(
    site: Callable[[socket.socket], server.Listener | list[server.Listener]],
    port: int = 0,
) -> Iterator[Serving]:
    """Any application on a socket, until the block ends; others beside it on sockets they have."""
    bound = server.bind("127.0.0.1", port)
    host, port = bound.getsockname()[:2]
    up = threading.Event()
    stops: list[tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = []
    failed: list[BaseException] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        sites = site(bound)
        sites = sites if isinstance(sites, list) else [sites]
        await server.serve(sites, up.set, lambda stop: stops.append((loop, stop)))

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - raised below
            failed.append(error)
        finally:
            up.set()

    thread = threading.Thread(target=run, name="gateway")
    thread.start()
    try:
        assert up.wait(SECONDS)
        assert not failed, failed
        yield Serving(host, port)
    finally:
        for loop, stop in stops:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(stop)
        thread.join(SECONDS)
        bound.close()
        assert not thread.is_alive()
    assert not failed, failed
