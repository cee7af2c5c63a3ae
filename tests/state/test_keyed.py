"""One key, one client: asked again, asked fifty times at once, or asked after a restart."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.people import ADA, GRACE, Person
from gateway.state.database import Database, Unkept
from gateway.state.intents import KEPT_SECONDS, Intents
from gateway.state.keyed import KeyedClients
from gateway.upstream.recovery import Recovering
from gateway.upstream.rest import RestClients
from schema.failures import Failure, Invalid, Unconfirmed, Unrecorded
from schema.operation import Caller, Credential, Operation
from schema.source import NewClient, Written
from tests.upstream.recovery.conftest import REFUSAL, URL, Fate, Unlucky

T = TypeVar("T")
OTTOLINE = NewClient("Ottoline", "Lee", "buyer", idempotency_key="click 1")
CREATED = "POST /clients"
LOOKED = "GET /clients?page=1&limit=100&client_type=buyer"


class FullDisk(Database):
    """Takes nothing from some transaction on."""

    def __init__(self, takes: int) -> None:
        super().__init__()
        self.takes = takes

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.takes -= 1
        if self.takes < 0:
            raise Unkept("disk full")
        return await super().run(work)


@dataclass
class Gateway:
    """What stands between a caller and the sandbox, and can be stopped and started again."""

    sandbox: Sandbox = field(default_factory=Sandbox)
    database: Database = field(default_factory=Database)
    passed: float = 0.0

    def __post_init__(self) -> None:
        self.wire = Unlucky(self.sandbox)
        self.start()

    def start(self) -> None:
        rest = RestClients(self.wire, URL, now=self.now)
        self.source = KeyedClients(
            Recovering(rest, lead=lambda: rest.lead, now=self.now),
            Intents(self.database),
            secret=b"the same after a restart",
            clock=time.monotonic,
            now=self.now,
        )

    def now(self) -> float:
        return time.time() + self.passed

    async def create(
        self, new: NewClient = OTTOLINE, person: Person = ADA
    ) -> tuple[str, str] | Failure:
        caller = Caller(person.name, Credential("X-API-Key", person.api_key))
        operation = Operation(caller, deadline=time.monotonic() + 10)
        try:
            written = await self.source.create(operation, new)
        except Failure as failure:
            return failure
        return written.confirmed_by.name, written.record.id

    @property
    def ottolines(self) -> list[str]:
        return [row["id"] for row in self.sandbox.rows_of(ADA) if row["first_name"] == "Ottoline"]

    def on_record(self) -> str:
        connection: sqlite3.Connection = self.database._connection  # noqa: SLF001 - what is on disk
        return "\n".join(connection.iterdump())


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


async def test_asked_again_it_is_the_same_answer_for_nothing(gateway: Gateway) -> None:
    first = await gateway.create()
    again = await gateway.create()

    assert first == again == ("ANSWER", *gateway.ottolines)
    assert gateway.sandbox.calls == [CREATED]


async def test_the_answer_is_the_same_record(gateway: Gateway) -> None:
    caller = Caller("Ada", Credential("X-API-Key", ADA.api_key))
    operation = Operation(caller, deadline=time.monotonic() + 10)

    first = await gateway.source.create(operation, OTTOLINE)
    gateway.start()

    assert await gateway.source.create(operation, OTTOLINE) == first
    assert isinstance(first, Written)
    assert first.record.created_at


async def test_fifty_at_once_are_one_client(gateway: Gateway) -> None:
    ends = await asyncio.gather(*(gateway.create() for _ in range(50)))

    assert set(ends) == {("ANSWER", *gateway.ottolines)}
    assert gateway.sandbox.calls == [CREATED]


@pytest.mark.parametrize("fates", [["answer lost"], ["never arrived"]])
async def test_fifty_at_once_share_an_unknown_end_too(gateway: Gateway, fates: list[Fate]) -> None:
    gateway.wire.fates = list(fates)

    ends = await asyncio.gather(*(gateway.create() for _ in range(50)))

    assert len({id(end) if isinstance(end, Failure) else end for end in ends}) == 1
    assert isinstance(ends[0], Unconfirmed) == (not gateway.ottolines)


async def test_two_keys_are_two_clients(gateway: Gateway) -> None:
    await gateway.create()
    await gateway.create(replace(OTTOLINE, idempotency_key="click 2"))

    assert len(gateway.ottolines) == 2


async def test_without_a_key_each_create_is_a_client(gateway: Gateway) -> None:
    for _ in range(2):
        await gateway.create(replace(OTTOLINE, idempotency_key=None))

    assert len(gateway.ottolines) == 2
    assert "INSERT" not in gateway.on_record()


async def test_one_callers_key_is_nothing_to_another(gateway: Gateway) -> None:
    first = await gateway.create()
    other = await gateway.create(person=GRACE)

    assert first != other
    assert gateway.sandbox.calls == [CREATED, CREATED]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_key_used_for_another_client_is_refused(gateway: Gateway, *, at_once: bool) -> None:
    other = replace(OTTOLINE, email="ottoline@example.com")
    if at_once:
        _, refused = await asyncio.gather(gateway.create(), gateway.create(other))
    else:
        await gateway.create()
        refused = await gateway.create(other)

    assert isinstance(refused, Invalid)
    assert [(issue.field, issue.code) for issue in refused.issues] == [("idempotencyKey", "REUSED")]
    assert gateway.sandbox.calls == [CREATED]


async def test_null_and_absent_are_two_payloads(gateway: Gateway) -> None:
    await gateway.create()

    assert isinstance(await gateway.create(replace(OTTOLINE, email=None)), Invalid)


@pytest.mark.parametrize("refusal", [429, 400, 401, 403])
async def test_a_create_that_was_refused_may_be_sent_again(gateway: Gateway, refusal: int) -> None:
    gateway.sandbox.fail(
        Fault(method="POST", status=refusal, body=REFUSAL, headers={"Retry-After": "9"})
    )

    first = await gateway.create()
    again = await gateway.create()

    assert isinstance(first, Failure)
    assert not isinstance(first, Unconfirmed)
    assert isinstance(again, tuple)
    assert gateway.sandbox.calls == [CREATED, CREATED]


@pytest.mark.parametrize("status", [408, 425, 499, 500, 503, 520, 302, 204, 429, 401, 404, 200])
@pytest.mark.parametrize("body", ["", "404 page not found", "<html>"])
async def test_a_create_that_something_else_answered_after_the_deed_keeps_its_key(
    gateway: Gateway, status: int, body: str
) -> None:
    gateway.sandbox.fail(Fault(method="POST", status=status, body=body))

    first = await gateway.create()
    again = await gateway.create()

    assert first == ("READBACK", *gateway.ottolines)
    assert again == first
    assert gateway.sandbox.calls.count(CREATED) == 1


@pytest.mark.parametrize("status", [408, 425, 499, 500, 503, 418])
async def test_a_status_that_the_api_documents_for_no_refusal_keeps_the_key(
    gateway: Gateway, status: int
) -> None:
    gateway.sandbox.fail(Fault(method="POST", status=status, body=REFUSAL))

    assert await gateway.create() == ("READBACK", *gateway.ottolines)
    assert gateway.sandbox.calls.count(CREATED) == 1


async def test_a_create_that_never_left_may_be_sent_again(gateway: Gateway) -> None:
    gateway.wire.fates = ["never sent"]

    first, again = await gateway.create(), await gateway.create()

    assert isinstance(first, Failure)
    assert again == ("ANSWER", *gateway.ottolines)


async def test_an_unknown_end_is_looked_for_again_and_never_sent_again(gateway: Gateway) -> None:
    gateway.wire.fates, gateway.wire.unreadable = ["answer lost"], True
    first = await gateway.create()
    gateway.wire.unreadable = False

    again = await gateway.create()

    assert isinstance(first, Unconfirmed)
    assert again == ("READBACK", *gateway.ottolines)
    assert gateway.sandbox.calls == [CREATED, LOOKED]


async def test_a_create_that_never_arrived_stays_unknown_under_its_name(gateway: Gateway) -> None:
    gateway.wire.fates = ["never arrived"]
    first = await gateway.create()
    gateway.start()
    again = await gateway.create()

    assert isinstance(first, Unconfirmed)
    assert isinstance(again, Unconfirmed)
    assert first.attempt_id == again.attempt_id
    assert gateway.ottolines == []


async def test_after_a_restart_another_keys_client_is_not_mistaken_for_ones_own(
    gateway: Gateway,
) -> None:
    gateway.wire.fates = ["never arrived", "answered"]
    await gateway.create()
    await gateway.create(replace(OTTOLINE, idempotency_key="click 2"))
    gateway.start()

    again = await gateway.create()

    assert isinstance(again, Unconfirmed)
    assert again.candidates == ()
    assert len(gateway.ottolines) == 1


async def test_after_a_day_a_key_is_new_again(gateway: Gateway) -> None:
    await gateway.create()
    gateway.passed = KEPT_SECONDS - 60
    await gateway.create()
    assert len(gateway.ottolines) == 1

    gateway.passed = KEPT_SECONDS + 60
    await gateway.create()

    assert len(gateway.ottolines) == 2


async def test_a_create_that_cannot_be_recorded_is_not_sent() -> None:
    gateway = Gateway(database=FullDisk(takes=0))

    assert isinstance(await gateway.create(), Unrecorded)
    assert gateway.sandbox.calls == []


async def test_without_a_store_keys_are_refused_and_the_rest_goes_on(gateway: Gateway) -> None:
    rest = RestClients(gateway.wire, URL)
    recovering = Recovering(rest, lead=lambda: rest.lead)
    gateway.source = KeyedClients(recovering, None, secret=b"s", clock=time.monotonic)

    assert isinstance(await gateway.create(), Unrecorded)
    assert gateway.sandbox.calls == []
    unkeyed = await gateway.create(replace(OTTOLINE, idempotency_key=None))
    assert unkeyed == ("ANSWER", *gateway.ottolines)


async def test_an_end_that_could_not_be_recorded_is_told_and_looked_for_later() -> None:
    disk = FullDisk(takes=1)
    gateway = Gateway(database=disk)
    first = await gateway.create()
    disk.takes = 99
    gateway.start()

    again = await gateway.create()

    assert first == ("ANSWER", *gateway.ottolines)
    assert again == ("READBACK", *gateway.ottolines)


async def test_a_caller_who_leaves_takes_no_create_along(gateway: Gateway) -> None:
    writing = asyncio.create_task(gateway.create())
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    await gateway.source.aclose()

    assert await gateway.create() == ("ANSWER", *gateway.ottolines)
    assert gateway.sandbox.calls == [CREATED]


async def test_neither_keys_nor_credentials_are_on_record(gateway: Gateway) -> None:
    await gateway.create()

    kept = gateway.on_record()
    assert "Ottoline" in bytes.fromhex(kept.split("X'")[3].split("'")[0]).decode()
    assert "click 1" not in kept
    assert ADA.api_key not in kept
    assert b"click 1".hex().upper() not in kept
