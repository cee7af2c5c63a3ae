"""Requests with their terms, a scripted transport, and a raw server on loopback."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.ratelimit.call_context import Call, CallContext
from gateway.transport.messages import Request, Response
from gateway.transport.serializer import HeaderBlock, RequestTarget
from schema.source.request_context import Priority, Receipt
from tests.wires import CoroutineTransport, path_of, respond

URL = "http://api.test/v1/clients"
OK = respond(200, json={"success": True, "data": {}})


def refusal(status: int, **headers: str) -> Response:
    """The API's own word that it did not do what it was sent."""
    body = {"success": False, "error": {"code": "ANY", "message": "No."}}
    return respond(
        status,
        json=body,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def request(  # noqa: PLR0913 -- every term by its name
    method: str = "GET",
    url: str = URL,
    *,
    deadline: float,
    priority: Priority = Priority.INTERACTIVE,
    caller: str = "p",
    content: bytes = b"",
    headers: dict[str, str] | None = None,
) -> Call:
    fields = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    context = CallContext(priority, partition=caller, credential=caller, receipt=Receipt())
    return Request(method, RequestTarget(url), HeaderBlock(*fields), deadline, context, content)


class Known:
    """A memory of proven credentials: those named, and what is remembered and forgotten since."""

    def __init__(self, *credentials: str) -> None:
        self.ages = dict.fromkeys(credentials, 0.0)

    def load(self) -> Mapping[str, float]:
        return dict(self.ages)

    def remember(self, credential: str) -> None:
        self.ages[credential] = 0.0

    def forget(self, credential: str) -> None:
        del self.ages[credential]


def receipt(of: Call) -> Receipt:
    return of.context.receipt


@dataclass
class Scripted(CoroutineTransport):
    """Scripted answers in order; the last line is repeated. A number is seconds to take first."""

    script: Sequence[Response | Exception | tuple[float, Response | Exception]]
    seen: list[tuple[float, str]] = field(default_factory=list)
    """When each request arrived, in seconds since the first one, and what it was."""
    flying: int = 0
    most: int = 0
    _began: float | None = None

    async def handle(self, request: Request[Any]) -> Response:
        now = asyncio.get_running_loop().time()
        self._began = now if self._began is None else self._began
        line = self.script[min(len(self.seen), len(self.script) - 1)]
        self.seen.append((round(now - self._began, 3), f"{request.method} {path_of(request)}"))
        seconds, outcome = line if isinstance(line, tuple) else (0.0, line)
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.flying -= 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Upstream:
    """A server that knows only bytes: what whole requests came, and what it says to each."""

    port: int
    answer: bytes = ANSWER
    pause: float = 0.0
    hang_up: Callable[[int], bool] = lambda _: False
    """Whether to close instead of answering the n-th request, counted from 1."""
    echo: bool = False
    """Whether to answer each request with what it was."""
    received: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    peers: list[asyncio.StreamWriter] = field(default_factory=list)
    """The connections made."""
    over: list[int] = field(default_factory=list)
    """By which of them each request came."""
    arrival: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say_goodbye(self) -> None:
        """Close every connection at once, by the kernel alone: no turn of the loop passes."""
        for peer in self.peers:
            own = os.dup(peer.get_extra_info("socket").fileno())
            with socket.socket(fileno=own) as connection:
                connection.shutdown(socket.SHUT_WR)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.append(writer)
        number = len(self.peers)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
                self.heads.append(head)
                self.over.append(number)
                target = head.split(b" HTTP/1.1", 1)[0]
                self.received.append(target.decode())
                self.arrival.set()
                if self.hang_up(len(self.received)):
                    return
                await asyncio.sleep(self.pause)
                writer.write(_ok(target) if self.echo else self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream(port=0)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
