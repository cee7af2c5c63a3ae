"""Turns between connections: what one client sends ahead is no wait for another."""

import asyncio
from typing import Any

import pytest

from gateway.server.http1.limits import ConnectionLimits
from gateway.server.http1.reader import RequestReader
from gateway.server.http1.turns import BURST, SHARE, SLICE, CPUAllowance, TurnQueue

CHUNKED = b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"


class Connection:
    """Takes so many turns, and notes each."""

    def __init__(self, name: str, turns: int, queue: TurnQueue, noted: list[str]) -> None:
        self.name, self.left, self.noted = name, turns, noted
        self.queue = queue

    def join(self) -> None:
        self.queue.join(asyncio.get_running_loop(), self.turn)

    def turn(self) -> None:
        self.noted.append(self.name)
        self.left -= 1
        if self.left:
            self.join()


async def test_connections_take_turns_one_in_each_iteration_of_the_loop() -> None:
    queue, noted = TurnQueue(), list[str]()
    for name, turns in (("a", 3), ("b", 1), ("c", 2)):
        Connection(name, turns, queue, noted).join()
    taken = list[int]()
    for _ in range(6):
        await asyncio.sleep(0)
        taken.append(len(noted))

    assert noted == ["a", "b", "c", "a", "c", "a"]
    assert taken == [1, 2, 3, 4, 5, 6]


def test_turns_take_their_share_of_a_core_and_a_little_at_once() -> None:
    allowance, now, at = CPUAllowance(0.0), 0.0, list[float]()
    for _ in range(500):
        at.append(now)
        now += allowance.spend(0.002, now)

    assert at[:5] == [0.0] * 5
    taken = 500 * 0.002
    assert taken == pytest.approx(BURST + SHARE * at[-1], abs=3 * SLICE)


def test_what_turns_did_not_take_is_not_kept_beyond_that() -> None:
    allowance = CPUAllowance(0.0)

    assert allowance.spend(BURST, 1_000.0) == pytest.approx(SLICE / SHARE)


async def test_turns_that_joined_during_a_pause_follow_it() -> None:
    taken = 0.0
    queue, noted = TurnQueue(cpu=lambda: taken), list[str]()

    def costly() -> None:
        nonlocal taken
        taken += BURST

    queue.join(asyncio.get_running_loop(), costly)
    await asyncio.sleep(0)
    Connection("a", 1, queue, noted).join()
    await asyncio.sleep(0)
    paused = noted.copy()
    await asyncio.sleep(SLICE / SHARE)

    assert (paused, noted) == ([], ["a"])


async def test_a_turn_that_fails_takes_no_turn_from_others() -> None:
    queue, noted, failed = TurnQueue(), list[str](), list[Any]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failed.append(context["exception"]))

    def fails() -> None:
        raise ValueError

    queue.join(loop, fails)
    Connection("a", 2, queue, noted).join()
    for _ in range(3):
        await asyncio.sleep(0)

    assert noted == ["a", "a"]
    assert [type(each) for each in failed] == [ValueError]


@pytest.mark.parametrize("chunk", [b"1\r\n \r\n", b"40\r\n" + b" " * 64 + b"\r\n"])
def test_a_chunked_body_is_read_in_turns(chunk: bytes) -> None:
    body = chunk * 1_500
    reader = RequestReader(ConnectionLimits(max_framing_bytes=64 * 1024))
    reader.feed(CHUNKED + body + b"0\r\n\r\n")
    request, read = None, list[int]()
    while request is None:
        before = reader.waiting
        request = reader.next()
        read.append(before - reader.waiting)
        assert reader.interrupted is (request is None)

    assert len(request.body) == 1_500 * chunk.count(b" ")
    assert max(read) <= len(CHUNKED) + 4 * 1024
    assert sum(read) == len(CHUNKED + body) + 5
