"""What a gateway deletes in the server after a create whose record it got no reply for."""

import time
from collections.abc import Sequence

import pytest

from gateway.storage.database import Database, StorageError
from gateway.storage.shared.contract import ServerUnreachable
from gateway.storage.shared.sealing import Sealer
from gateway.writes.idempotency_store import IdempotencyRecord, IdempotencyStore
from gateway.writes.shared_creates import SharedCreates


class LosingServer:
    """A server whose replies to the begin of a create are lost, or are errors."""

    def __init__(self) -> None:
        self.is_reachable = True
        self.error = ""
        self.deleted: list[str | bytes] = []

    async def call_on(
        self, keys: Sequence[str], function: str, *arguments: str | bytes
    ) -> list[bytes]:
        del keys
        if function == "create_begin":
            self.is_reachable = bool(self.error)
            raise ServerUnreachable(self.error or "no reply in time")
        if function == "create_delete":
            self.deleted.append(arguments[0])
        return [b"epoch", b"0.0", repr(time.time()).encode()]

    async def is_on_disk(self) -> bool:
        return True


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> LosingServer:
    return LosingServer()


@pytest.fixture
def creates(server: LosingServer) -> SharedCreates:
    return SharedCreates(server, IdempotencyStore(Database()), Sealer(b"secret", b"creates"))


async def refused(creates: SharedCreates, attempt: str) -> None:
    with pytest.raises(StorageError):
        await creates.begin(IdempotencyRecord(b"name", "caller", b"payload", attempt, 1.0, 2.0))


async def test_every_attempt_that_the_server_may_have_recorded_is_deleted(
    server: LosingServer, creates: SharedCreates
) -> None:
    for attempt in ("first", "second"):
        server.is_reachable = True
        await refused(creates, attempt)

    await creates.beat()
    await creates.beat()

    assert server.deleted == ["first", "second"], "each once: another's attempt is none of these"


async def test_a_record_that_was_not_sent_or_was_refused_is_not_kept_to_be_deleted(
    server: LosingServer, creates: SharedCreates
) -> None:
    server.is_reachable = False
    await refused(creates, "unsent")
    server.is_reachable, server.error = True, "OOM command not allowed"
    await refused(creates, "refused")

    await creates.beat()

    assert server.deleted == []
