"""What gateways send one another of the cache."""

from random import Random
from typing import Any

import pytest

from gateway.cache.coherence.events import (
    MAX_BYTES,
    ClientsRead,
    Event,
    Forgotten,
    WriteEnded,
    decode_event,
    encode_event,
)
from gateway.cache.coherence.replicated import ReplicatedCache
from gateway.storage.journal.commands import Append
from gateway.storage.shared.contract import ServerUnreachable
from gateway.storage.shared.sealing import Sealer
from gateway.storage.shared.server_clock import ServerClock
from schema.source.records import ClientRecord

SEALER = Sealer(b"secret", b"journal")
RECORD = ClientRecord(id="1", first_name="Ada", budget_min=2**40, tags=("a", "b"), version=3)
HUGE = ClientRecord(id="1", budget_min=2**70)


def clock() -> float:
    return 100.0


class Unreachable:
    """A journal whose server does not reply."""

    def __init__(self) -> None:
        self.clock = ServerClock(clock)
        self.follower: Any = None
        self.unannounced: list[Append] = []
        self.sent: list[Append] = []

    async def append(self, entry: Append) -> int:
        self.sent.append(entry)
        raise ServerUnreachable("stopped")

    async def announce_later(self, entry: Append) -> None:
        self.unannounced.append(entry)


def events(entries: list[Append]) -> list[Event]:
    return [decode_event(SEALER.open(each.content, b"journal"))[1] for each in entries]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def ended(record: ClientRecord) -> WriteEnded:
    return WriteEnded("w", "caller", "1", "user", "updated", 90.0, 99.0, record, record)


def a_cache(journal: Unreachable) -> ReplicatedCache:
    return ReplicatedCache(
        journal,  # type: ignore[arg-type]
        SEALER,
        lambda: False,
        clock,
        attempt_seconds=3.0,
    )


def test_an_event_arrives_as_it_was_sent() -> None:
    event = ClientsRead("caller", "hash", 99.0, {"1": RECORD, "2": None})
    data = encode_event("id", event)

    assert data is not None
    assert decode_event(data) == ("id", event)


def test_other_data_and_too_large_ones_are_no_events() -> None:
    noise = ClientRecord(id="1", notes=Random(1).randbytes(MAX_BYTES).hex())

    for record in (HUGE, noise):
        assert encode_event("id", ClientsRead("caller", "hash", 0.0, {"1": record})) is None
    with pytest.raises(ValueError, match="incorrect header check"):
        decode_event(b"other data")


async def test_a_write_that_cannot_be_encoded_has_an_unknown_outcome_elsewhere() -> None:
    journal = Unreachable()
    await a_cache(journal).write(ended(HUGE), lambda: None)

    [sent] = events(journal.sent)
    assert isinstance(sent, WriteEnded)
    assert (sent.kind, sent.record, sent.claimed) == ("unknown", None, "user")


async def test_a_write_that_is_not_announced_is_forgotten_for_its_caller_and_its_user() -> None:
    journal = Unreachable()
    await a_cache(journal).write(ended(RECORD), lambda: None)

    assert events(journal.unannounced) == [Forgotten("caller"), Forgotten("user")]
