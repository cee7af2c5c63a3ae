"""What a gateway does when the log has what it cannot parse."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.storage.journal.journal import RETRY_SECONDS, Journal
from gateway.storage.shared.contract import LogEntry


class OtherServer:
    """A server without entries."""

    is_reachable = True

    async def call_on(
        self, keys: Sequence[str], function: str, *arguments: str | bytes
    ) -> list[bytes]:
        del keys, function, arguments
        return [b"incarnation", b"0", b"100.0", b"1"]

    async def is_on_disk(self) -> bool:
        return True


class UnreadableLog:
    """A log whose entries lack a field from the second read on."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self, after: bytes, *, blocks: bool) -> list[LogEntry]:
        del after, blocks
        self.reads += 1
        await asyncio.sleep(0)
        if self.reads > 1:
            raise KeyError(b"number")
        return []

    async def aclose(self) -> None: ...


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_entries_that_cannot_be_parsed_are_read_again_only_after_a_pause() -> None:
    log = UnreadableLog()
    journal = Journal(OtherServer(), log, "prefix", lambda: 100.0)
    await journal.start()
    await asyncio.sleep(3 * RETRY_SECONDS)
    await journal.aclose()

    assert 2 <= log.reads <= 10
