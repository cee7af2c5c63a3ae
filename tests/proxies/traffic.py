"""Two users' requests over kept connections, some of them upgrades, cut short or given up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.sandbox.users import ADA, GRACE, DemoUser

if TYPE_CHECKING:
    from random import Random

SECONDS = 30.0
"""What no single answer may take."""
CONNECTIONS = 6
"""Of each user."""

QUERY = "query One($id: ID!) { client(id: $id) { id email } }"
CREATE = b"""{"query":"mutation { createClient(input: {firstName: \\"S\\", lastName: \\"S\\",\
 clientType: BUYER}) { __typename } }"}"""
H2C = (
    b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n"
    b"http2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
)
WEBSOCKET = (
    b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
KINDS = (
    *("whole", "whole", "whole", "pieces", "chunked", "h2c", "h2c pieces", "websocket post"),
    *("websocket", "disguised", "cut", "cut disguise", "given up", "given up upgrade"),
)
GIVEN_UP = frozenset({"cut", "cut disguise", "given up", "given up upgrade"})


@dataclass(frozen=True)
class Request:
    """One request of a user; `tag` is the X-Request-Id that its answer must carry."""

    kind: str
    tag: str
    who: DemoUser
    other: DemoUser
    row: dict[str, Any]

    @property
    def expected(self) -> Answer | None:
        """The one answer that is right; None where no answer is expected."""
        if self.kind in GIVEN_UP:
            return None
        if self.kind == "websocket":
            return Answer(self.tag, 101, None)
        if self.kind == "disguised":
            return Answer(self.tag, 400, None)
        return Answer(self.tag, 200, {"id": self.row["id"], "email": self.row["email"]})

    def pieces(self) -> list[bytes]:
        """What goes over the connection, each a segment of its own."""
        body = json.dumps({"query": QUERY, "variables": {"id": self.row["id"]}}).encode()
        disguise = _head(self.other, f"smuggled-{self.tag}", b"POST", len(CREATE)) + CREATE
        size = len(body)
        shapes = {
            "whole": [self._head(size) + body],
            "pieces": [self._head(size), body[:20], body[20:]],
            "chunked": [self._head(None) + _chunked(body[:20], body[20:])],
            "h2c": [self._head(size, H2C) + body],
            "h2c pieces": [self._head(size, H2C), body],
            "websocket post": [self._head(size, WEBSOCKET), body],
            "websocket": [_head(self.who, self.tag, b"GET", None, WEBSOCKET)],
            "disguised": [self._head(len(disguise), H2C), disguise],
            "cut": [self._head(size), body[:-5]],
            "cut disguise": [self._head(len(disguise) + 9, H2C), disguise],
            "given up": [self._head(size) + body],
            "given up upgrade": [self._head(size, H2C) + body],
        }
        return shapes[self.kind]

    def _head(self, length: int | None, more: bytes = b"") -> bytes:
        if length is None:
            more += b"transfer-encoding: chunked\r\n"
        return _head(self.who, self.tag, b"POST", length, more)


@dataclass(frozen=True)
class Answer:
    """Whose answer it is, its status, and the client in it."""

    tag: str
    status: int
    client: dict[str, Any] | None


@dataclass
class User:
    """One user's share of the traffic, over connections that are kept while they can be."""

    port: int
    requests: list[Request]
    answers: dict[str, Answer | None] = field(default_factory=dict)

    async def send_all(self) -> None:
        """Send every request and keep every answer."""
        shares = [self.requests[start::CONNECTIONS] for start in range(CONNECTIONS)]
        async with asyncio.TaskGroup() as tasks:
            for share in shares:
                tasks.create_task(self._send(share))

    async def _send(self, requests: list[Request]) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for request in requests:
            if connection is None:
                connection = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = connection
            for number, piece in enumerate(request.pieces()):
                if number:
                    await asyncio.sleep(0.001)  # so that the pieces arrive apart
                writer.write(piece)
            if request.kind in GIVEN_UP:
                self.answers[request.tag] = None
            else:
                answer, keeps = await asyncio.wait_for(_answer(reader), SECONDS)
                self.answers[request.tag] = answer
                if keeps:
                    continue
            connection = None
            await _close(writer)
        if connection is not None:
            await _close(connection[1])


def plan(chance: Random, count: int) -> list[Request]:
    """So many requests of two users, every kind among them."""
    rows = {who: who.clients() for who in (ADA, GRACE)}
    requests = []
    for number in range(count):
        who, other = (ADA, GRACE) if number % 2 else (GRACE, ADA)
        kind = KINDS[number // 2 % len(KINDS)] if number < len(KINDS) * 2 else chance.choice(KINDS)
        tag = f"{who.name.lower()}-{number}"
        requests.append(Request(kind, tag, who, other, chance.choice(rows[who])))
    return requests


async def traffic(port: int, requests: list[Request]) -> dict[str, Answer | None]:
    """Both users' requests at the same time; the answer to each, by its tag."""
    users = [
        User(port, [request for request in requests if request.who is who]) for who in (ADA, GRACE)
    ]
    await asyncio.gather(*(user.send_all() for user in users))
    return users[0].answers | users[1].answers


def _head(who: DemoUser, tag: str, method: bytes, length: int | None, more: bytes = b"") -> bytes:
    if length is not None:
        more += b"content-length: %d\r\n" % length
    return (
        b"%b /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"x-api-key: %b\r\nx-request-id: %b\r\n%b\r\n"
    ) % (method, who.api_key.encode(), tag.encode(), more)


def _chunked(*chunks: bytes) -> bytes:
    return b"".join([b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]) + b"0\r\n\r\n"


async def _answer(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    """The next answer, and whether the connection may be used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if first.split()[1] == "101":
        return Answer(headers.get("x-request-id", ""), 101, None), False
    content = await reader.readexactly(int(headers["content-length"]))
    data = json.loads(content).get("data") or {}
    answer = Answer(headers.get("x-request-id", ""), int(first.split()[1]), data.get("client"))
    return answer, headers.get("connection", "").lower() != "close"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
