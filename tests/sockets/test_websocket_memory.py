"""What one WebSocket may have the gateway hold, frame by frame, without a network."""

import asyncio
import tracemalloc
from typing import Any

import pytest

from gateway.server.http1.limits import ConnectionCounter, ConnectionLimits, ConnectionSlot
from gateway.server.http1.turns import TurnQueue
from gateway.server.undocumented import ServerState
from gateway.server.websocket import WebSocketConnection

BEGINNING = b"\x01\x81\0\0\0\0x"
"""The first fragment of a message."""
EMPTY = b"\0\x80\0\0\0\0"
"""An empty fragment that is not the last one."""
PING = b"\x89\x80\0\0\0\0"


class Unread(asyncio.Transport):
    """A transport whose client reads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.is_aborted = False

    def write(self, data: Any) -> None:
        self.written += len(data)

    def get_write_buffer_size(self) -> int:
        return self.written

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        """Do nothing: the test sends what it has at once."""

    def resume_reading(self) -> None:
        """Do nothing."""


class Upgraded:
    """A connection after its upgrade, alone among those that are counted."""

    def __init__(self, **limits: Any) -> None:
        bounds = ConnectionLimits(**limits)
        self.counter = ConnectionCounter(bounds)
        slot = ConnectionSlot(self.counter)
        slot.acquire("192.0.2.1")
        self.transport = Unread()
        self.connection = WebSocketConnection(
            self.transport,
            slot,
            TurnQueue(),
            bounds,
            ServerState(),
            asyncio.get_running_loop(),
        )


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.anyio
async def test_fragments_without_content_take_no_memory() -> None:
    peer = Upgraded()
    peer.connection.data_received(BEGINNING)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        peer.connection.data_received(EMPTY * 100)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert held < 20_000
    assert peer.counter.held_bytes == 1
    peer.connection.connection_lost(None)


@pytest.mark.anyio
async def test_frames_that_wait_when_the_connection_ends_are_not_counted_any_longer() -> None:
    peer = Upgraded()
    peer.connection.data_received(BEGINNING + PING * 1_000)
    assert peer.counter.held_bytes > 0

    peer.transport.abort()
    peer.connection.connection_lost(None)
    await turns(50)

    assert (peer.counter.held_bytes, peer.counter.open) == (0, 0)


@pytest.mark.anyio
async def test_each_message_that_is_not_read_is_counted() -> None:
    peer = Upgraded(max_held_bytes=10_000)
    peer.connection.pause_writing()
    for _ in range(9):
        peer.connection.send(b"x" * 1_000)
    assert (peer.counter.held_bytes > 9_000, peer.transport.is_aborted) == (True, False)

    peer.connection.send(b"x" * 1_000)
    assert peer.transport.is_aborted
    peer.connection.connection_lost(None)
    assert peer.counter.held_bytes == 0


@pytest.mark.anyio
async def test_a_client_that_closes_its_side_and_reads_nothing_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.server.websocket.CLOSE_SECONDS", 0.01)
    peer = Upgraded()
    peer.connection.eof_received()
    await asyncio.sleep(0.05)

    assert peer.transport.is_aborted
    peer.connection.connection_lost(None)


@pytest.mark.anyio
async def test_a_client_is_closed_for_silence_only_after_a_ping_that_it_could_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.server.websocket.HEARTBEAT_SECONDS", 0.01)
    peer = Upgraded()
    peer.connection.pause_writing()
    await asyncio.sleep(0.05)
    assert peer.transport.written == 0

    peer.connection.resume_writing()
    await asyncio.sleep(0.05)
    assert peer.transport.written > len(PING)  # a ping, and then the close frame
    peer.connection.connection_lost(None)
