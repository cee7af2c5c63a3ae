"""Connections that mean harm: what each sends, for as long as it is let, and whether it reads.

`python -m tests.attacks.hostile HOST PORT MANY SECONDS RATE` attacks by all kinds, by another
process than the one that measures, and writes how many bytes were taken.
"""

import contextlib
import itertools
import math
import selectors
import socket
import sys
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


SEGMENT = 16 * 1024
"""Bytes sent at once where the rate is limited."""


class _Pace:
    """So many events in a second, evenly."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._began = time.monotonic()
        self._events = itertools.count(1)
        self.most = None if rate == math.inf else SEGMENT
        """Bytes to send in one event; None for as many as are taken."""

    def wait(self) -> None:
        """Wait until the next event is due."""
        ahead = self._began + next(self._events) / self._rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)


def attack(  # noqa: PLR0913 - what an attack is made of, by name
    address: tuple[str, int],
    kinds: Sequence[Kind],
    many: int,
    seconds: float,
    *,
    again: bool,
    rate: float = math.inf,
) -> int:
    """Hold `many` connections for so many seconds, and send on each what it is let send.

    With `again` a connection that was closed is replaced. `rate` limits how often in a second one
    is opened or sent `SEGMENT` bytes. The bytes that were taken.
    """
    ends, sent = time.monotonic() + seconds, 0
    pace = _Pace(rate)
    with selectors.DefaultSelector() as ready, contextlib.ExitStack() as opened:
        numbers = itertools.count()

        def connect() -> None:
            pace.wait()
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
                    pace.wait()
                    taken = hostile.connected.send(hostile.left[: pace.most])
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


if __name__ == "__main__":
    host, port, *numbers = sys.argv[1:]
    taken = attack(
        (host, int(port)),
        list(KINDS.values()),
        int(numbers[0]),
        float(numbers[1]),
        again=True,
        rate=float(numbers[2]),
    )
    sys.stdout.write(f"{taken}\n")
