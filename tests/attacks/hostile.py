"""Connections that mean harm: what each sends, for as long as it is let, and whether it reads."""

import contextlib
import itertools
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gateway.sandbox.users import DEMO

HEAD = b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
KEY = b"x-api-key: %b\r\n" % DEMO.api_key.encode()
LIVE = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"
LIST = b'{"query":"{ clients(first: 42) { edges { node { id fullName email phone notes } } } }"}'
ASK = HEAD + KEY + b"content-length: %d\r\n\r\n%b" % (len(LIST), LIST)
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 10)]
"""Where they come from: more than one address, as each has a limit."""


def without_end(first: bytes, then: bytes) -> Iterator[bytes]:
    """`first`, and `then` over and over."""
    yield first
    yield from itertools.repeat(then)


def once(*pieces: bytes) -> Iterator[bytes]:
    """Only these."""
    yield from pieces


Kind = Callable[[], Iterator[bytes]]
KINDS: dict[str, Kind] = {
    "trailers without end": lambda: without_end(CHUNKED + b"0\r\n", b"a:b\r\n" * 4_000),
    "pipelined and unread": lambda: without_end(b"", LIVE * 1_000),
    "answers unread": lambda: without_end(b"", ASK * 100),
    "tiny headers": lambda: once(HEAD + b"".join(b"%x:\r\n" % n for n in range(95))),
    "one header": lambda: once(HEAD + b"x: " + b"y" * 65_000),
    "an unfinished body": lambda: once(HEAD + b"content-length: 131072\r\n\r\n" + b" " * 131_000),
    "chunks of a byte": lambda: without_end(CHUNKED, b"1\r\n \r\n" * 4_000),
    "chunk extensions": lambda: without_end(CHUNKED, b"1;%b\r\n \r\n" % (b"x" * 4_000)),
    "empty lines": lambda: without_end(b"", b"\r\n" * 4_000),
    "nonsense": lambda: without_end(b"", b"\x16\x03\x01" * 1_000),
    "upgrades": lambda: without_end(
        b"", HEAD + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\nabc" * 100
    ),
    "nothing": once,
}
"""Every kind of hostile connection, by what it does; none reads what it is answered."""


@dataclass
class _Hostile:
    connected: socket.socket
    sends: Iterator[bytes]
    left: bytes = b""


def attack(
    address: tuple[str, int], kinds: Sequence[Kind], many: int, seconds: float, *, again: bool
) -> int:
    """Hold `many` connections for so many seconds, and send on each what it is let send.

    With `again` a connection that was closed is replaced. The bytes that were taken.
    """
    ends, sent = time.monotonic() + seconds, 0
    with selectors.DefaultSelector() as ready, contextlib.ExitStack() as opened:
        numbers = itertools.count()

        def connect() -> None:
            number = next(numbers)
            connected = opened.enter_context(socket.socket())
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connected.bind((ADDRESSES[number % len(ADDRESSES)], 0))
            connected.connect(address)
            connected.setblocking(False)  # noqa: FBT003
            hostile = _Hostile(connected, kinds[number % len(kinds)]())
            ready.register(connected, selectors.EVENT_WRITE, hostile)

        for _ in range(many):
            connect()
        while time.monotonic() < ends:
            for key, _ in ready.select(0.05):
                hostile: _Hostile = key.data
                try:
                    hostile.left = hostile.left or next(hostile.sends)
                    taken = hostile.connected.send(hostile.left)
                    hostile.left, sent = hostile.left[taken:], sent + taken
                except StopIteration:
                    ready.unregister(hostile.connected)  # it waits, and is held
                except BlockingIOError:
                    continue
                except OSError:
                    ready.unregister(hostile.connected)
                    hostile.connected.close()
                    if again:
                        connect()
    return sent
