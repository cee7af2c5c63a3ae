"""A loopback TCP proxy that spoils connections: cuts, resets, delays, drips, swallows."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HARD = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends a reset instead of a goodbye."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a connection. Bytes are counted from its beginning, each way by itself."""

    request_bytes: int | None = None
    """Cut once so many bytes went to the server."""
    response_bytes: int | None = None
    """Cut once so many bytes went back."""
    reset: bool = False
    """Cut by a reset, as a crash does, instead of a goodbye."""
    delay: float = 0.0
    """Seconds before anything goes back."""
    drip: float | None = None
    """Seconds between single bytes going back."""
    swallow: bool = False
    """Accept and read everything, and pass nothing on."""


class TcpProxy:
    """Stands before `port` on loopback; `fault` holds for connections made from then on."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.fault = Fault()
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Cut the connections that there are."""
        for task in self._tasks:
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer, self.fault))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also if it was cancelled unbegun

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault
    ) -> None:
        try:
            if fault.swallow:
                while await reader.read(65536):
                    pass
                return
            back, forth = await asyncio.open_connection("127.0.0.1", self._upstream)
            ways = {
                asyncio.create_task(_pour(reader, forth, Fault(), fault.request_bytes)),
                asyncio.create_task(_pour(back, writer, fault, fault.response_bytes)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                try:
                    await asyncio.wait(ways)
                finally:
                    # What went to the server must arrive there, however rudely we leave.
                    _close(forth, reset=False)
        except OSError:
            pass
        finally:
            _close(writer, reset=fault.reset)


async def _pour(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault, most: int | None
) -> None:
    poured = 0
    with contextlib.suppress(OSError):
        while most is None or poured < most:
            wanted = 65536 if most is None else most - poured
            chunk = await reader.read(1 if fault.drip is not None else wanted)
            if not chunk:
                return
            await asyncio.sleep(fault.drip or fault.delay)
            writer.write(chunk)
            await writer.drain()
            poured += len(chunk)


def _close(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset and (raw := writer.get_extra_info("socket")) is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD)
    writer.close()
