"""Raw bytes, read by both of our ways and by h11: the same requests, or a refusal.

h11 takes a little that is refused here (a bare LF, folded headers, unregistered methods):
that may end a connection sooner. Nothing may be seen as a request that h11 does not see.
"""

import contextlib
import sys
import threading
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest

from gateway.server import uvicorn as server
from gateway.server.http1.head import ProtocolError
from gateway.server.http1.limits import ConnectionLimits
from gateway.server.http1.reader import RequestReader
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import Headers, HTTPResponse
from gateway.web.protocol.known_heads import READ, KnownHeads
from tests.attacks.length import steps
from tests.attacks.oracle import Found, Seen, found
from tests.attacks.streams import Stream, pieces, stream
from tests.serving import Serving, Way, Wire, listening

# Each refused connection lingers for a second: as many as there are streams may.
PATIENCE = ConnectionLimits(
    head_timeout=0.5, body_timeout=0.5, keep_alive_timeout=0.5, max_lingering=1_000
)
FEW = 4_000
FEW_AT_THE_SOCKET = 400
RESET = -1
"""A refusal that the client could not read: only refused connections are reset."""


def read(segments: list[bytes]) -> Found:
    """What our reader makes of these segments."""
    reader, requests = RequestReader(ConnectionLimits()), list[Seen]()
    try:
        for segment in segments:
            reader.feed(segment)
            while (request := reader.next()) is not None or reader.interrupted:
                if request is None:
                    continue
                headers = tuple(request.headers)
                requests.append(Seen(request.method, request.target, headers, request.body))
                if not request.keep_alive:
                    return Found(requests, refused=False)
    except ProtocolError:
        return Found(requests, refused=True)
    return Found(requests, refused=False)


def agree(ours: Found, stream: Stream) -> None:
    """Nothing more is seen than h11 sees; nothing less, unless it is refused for a reason."""
    theirs = found(stream.raw)
    assert [_alike(each) for each in ours.requests] == [
        _alike(each) for each in theirs.requests[: len(ours.requests)]
    ]
    if stream.strict:
        assert not ours.refused
        assert not theirs.refused
    if not ours.refused:
        assert len(ours.requests) == len(theirs.requests)


def _alike(request: Seen) -> tuple[Any, ...]:
    """What both must have found: h11 leaves a target in its form, and names codings its way."""
    target = request.target
    if target.startswith(b"http"):
        target = b"/" + target.partition(b"//")[2].partition(b"/")[2]
    headers = [
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in request.headers
        if name != b"host"
    ]
    return request.method, target, sorted(headers), request.body


def test_the_same_requests_are_seen_however_they_are_cut() -> None:
    for seed in steps(FEW):
        chance = Random(seed)  # noqa: S311 - the same streams every time
        sent = stream(chance)
        cut = pieces(sent, chance)
        try:
            ours = read(cut)
            assert ours == read([sent.raw])
            agree(ours, sent)
        except AssertionError as wrong:
            raise AssertionError(f"seed {seed}: {cut}") from wrong
    sys.stdout.write(f"\n{seed + 1} streams of bytes were read as h11 reads them\n")


class Echo:
    """Answers every request with what it was, by either way."""

    def __init__(self) -> None:
        self.known_heads = KnownHeads()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        message = await receive()
        assert not message["more_body"]
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        method = scope["method"].encode()
        await _echo(method, target, scope["headers"], message["body"]).send(scope, send)

    def head(self, target: bytes, headers: Headers) -> RequestHead | None:
        """The fast path's: every other POST to /graphql, so that both are mixed."""
        return RequestHead(headers) if target == b"/graphql" else None

    def health(self, target: bytes, headers: Headers) -> HTTPResponse | None:
        """The fast path's: no request is one."""

    def known(self, head: RequestHead, body: bytes) -> HTTPResponse | None:
        """Known at once, where the body is short."""
        return self._reply(head, body) if len(body) < 100 else None

    async def reply(self, head: RequestHead, body: bytes, _: Any) -> HTTPResponse | None:
        """Known later."""
        return self._reply(head, body)

    def _reply(self, head: RequestHead, body: bytes) -> HTTPResponse:
        headers = [(name, value) for name, values in head.headers.items() for value in values]
        return _echo(b"POST", b"/graphql", headers, body)


def _as_json(method: bytes, target: bytes, headers: Headers, body: bytes) -> list[Any]:
    """A request as JSON has it, without what the fast path does not pass on."""
    passed_on = (
        READ if (method, target) == (b"POST", b"/graphql") else {name for name, _ in headers}
    )
    shown = sorted(
        [name.decode("latin-1"), value.decode("latin-1")]
        for name, value in headers
        if value and name in passed_on - {b"content-length", b"host"}
    )
    return [method.decode(), target.decode(), shown, body.decode("latin-1")]


def _echo(method: bytes, target: bytes, headers: Headers, body: bytes) -> HTTPResponse:
    reading = orjson.dumps(_as_json(method, target, headers, body)).hex().encode()
    return HTTPResponse(200, "application/json", [(b"x-echo", reading)], b"{}")


@pytest.fixture(scope="module", params=list(Way), ids=lambda way: way.value)
def echo(request: pytest.FixtureRequest) -> Iterator[Serving]:
    app = Echo()
    direct: Any = app if request.param is Way.FAST else None
    with listening(lambda socket: server.Listener(app, socket, PATIENCE, direct)) as gateway:
        yield gateway


def test_both_ways_answer_the_same_requests_at_the_socket(echo: Serving) -> None:
    for seed in steps(FEW_AT_THE_SOCKET):
        chance = Random(seed)  # noqa: S311 - the same streams every time
        sent = stream(chance)
        cut = pieces(sent, chance)
        expected = read([sent.raw])
        with echo.connection() as wire:
            for number, segment in enumerate(cut):
                with contextlib.suppress(ConnectionError):
                    wire.socket.sendall(segment)
                if number < 4 and chance.random() < 0.1:
                    threading.Event().wait(0.002)
            answered, refusal = _answers(wire, [each.method for each in expected.requests])
        wanted = [
            _as_json(each.method, each.target, list(each.headers), each.body)
            for each in expected.requests
        ]
        assert answered == wanted, f"seed {seed}: {cut}"
        # What does not end is late.
        assert (refusal not in {None, 408}) is expected.refused, f"seed {seed}: {cut}"
    sys.stdout.write(f"\n{seed + 1} streams of bytes were answered at the socket\n")


def _answers(wire: Wire, methods: list[bytes]) -> tuple[list[Any], int | None]:
    """What was echoed, and the status of the refusal at the end, if there was one."""
    answered = list[Any]()
    with contextlib.suppress(EOFError):
        while True:
            place = len(answered)
            try:
                answer = wire.answer(head=place < len(methods) and methods[place] == b"HEAD")
            except ConnectionError:  # what came after the refusal reset the connection
                return answered, RESET
            if answer.status >= 400:
                return answered, answer.status
            if answer.status == 200:
                answered.append(orjson.loads(bytes.fromhex(answer.headers["x-echo"])))
    return answered, None
