"""One key, one client: sent again, sent fifty times at once, or sent after a restart."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from gateway.api.source import RestClientSource
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, GRACE, DemoUser
from gateway.storage.database import Database, StorageError
from gateway.writes.idempotency import IdempotentWriter
from gateway.writes.idempotency_store import HOUR, KEPT_SECONDS, IdempotencyStore
from gateway.writes.recovery import RecoveringWriter
from schema.source.errors import (
    ClientError,
    Forbidden,
    IdempotencyUnavailable,
    InvalidInput,
    NotFound,
    Unauthenticated,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.records import ClientRecord
from schema.source.request_context import Caller, Credential, RequestContext
from schema.source.writes import NewClient, WriteResult
from tests.upstream.recovery.conftest import REFUSAL, URL, Desk, Fate, Unlucky

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
            raise StorageError("disk full")
        return await super().run(work)


@dataclass
class Gateway:
    """What stands between a caller and the sandbox, and can be stopped and started again."""

    sandbox: Sandbox = field(default_factory=Sandbox)
    database: Database = field(default_factory=Database)
    passed: float = 0.0
    """Seconds that the machine's clock is ahead of the true time."""
    ran: float = 0.0
    """Seconds by a clock that cannot be set."""
    unknown: set[str] = field(default_factory=set)
    """Hashes of credentials that the API has not accepted within minutes."""

    def __post_init__(self) -> None:
        self.wire = Unlucky(self.sandbox)
        self.start()

    def start(self) -> None:
        rest = RestClientSource(self.wire, URL, now=self.now)
        self.source = IdempotentWriter(
            rest,
            RecoveringWriter(rest, now=self.now),
            IdempotencyStore(self.database, uptime=lambda: self.ran, now=self.now),
            secret=b"the same after a restart",
            clock=time.monotonic,
            vouched=lambda credential: credential not in self.unknown,
            now=self.now,
        )

    def now(self) -> float:
        return time.time() + self.passed

    async def create(
        self,
        new: NewClient = OTTOLINE,
        person: DemoUser = ADA,
        caller: Caller | None = None,
        seconds: float = 10,
    ) -> tuple[str, str] | ClientError:
        try:
            written = await self.written(new, person, caller, seconds)
        except ClientError as failure:
            return failure
        return written.confirmed_by.name, written.record.id

    async def written(
        self,
        new: NewClient = OTTOLINE,
        person: DemoUser = ADA,
        caller: Caller | None = None,
        seconds: float = 10,
    ) -> WriteResult:
        caller = caller or Caller(person.name, Credential("X-API-Key", person.api_key))
        operation = RequestContext(caller, deadline=time.monotonic() + seconds)
        return await self.source.create(operation, new)

    @property
    def read(self) -> str:
        """The call that reads the one client there is."""
        return f"GET /clients/{self.ottolines[0]}"

    @property
    def ottolines(self) -> list[str]:
        return [row["id"] for row in self.sandbox.rows_of(ADA) if row["first_name"] == "Ottoline"]

    async def change(self, id: str, method: str = "PUT", **fields: str) -> None:
        desk = Desk(self.sandbox, Unlucky(self.sandbox))
        await desk.somebody(method, f"/{id}", fields)

    def on_record(self) -> str:
        connection: sqlite3.Connection = self.database._connection  # noqa: SLF001 - what is on disk
        return "\n".join(connection.iterdump())


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


async def test_a_replay_is_the_same_client_for_one_read(gateway: Gateway) -> None:
    first = await gateway.create()
    again = await gateway.create()

    assert first == again == ("ANSWER", *gateway.ottolines)
    assert gateway.sandbox.calls == [CREATED, gateway.read]


async def test_a_replay_shows_the_client_as_it_is_now_and_says_that_it_is_one(
    gateway: Gateway,
) -> None:
    first = await gateway.written()
    await gateway.change(first.record.id, email="changed@example.com")
    gateway.start()

    again = await gateway.written()

    assert (first.replayed, again.replayed) == (False, True)
    assert (again.record.id, again.record.email) == (first.record.id, "changed@example.com")


async def test_a_replay_of_a_client_that_is_gone_says_so_and_makes_no_other(
    gateway: Gateway,
) -> None:
    first = await gateway.written()
    await gateway.change(first.record.id, method="DELETE")

    gone = await gateway.create()

    assert isinstance(gone, NotFound)
    assert "no longer there" in gone.message
    assert gateway.sandbox.calls.count(CREATED) == 1


async def test_a_replay_that_cannot_be_read_is_what_the_caller_knows_of_it(
    gateway: Gateway,
) -> None:
    first = await gateway.written()
    gateway.wire.unreadable = True

    again = await gateway.written()

    assert again == WriteResult(
        ClientRecord(
            id=first.record.id, first_name="Ottoline", last_name="Lee", client_type="buyer"
        )
    )
    assert again.replayed


@pytest.mark.parametrize("refusal", [401, 403])
async def test_a_key_that_was_revoked_gets_its_refusal_before_any_record(
    gateway: Gateway, refusal: int
) -> None:
    await gateway.create()
    gateway.unknown.add("Ada")
    gateway.sandbox.fail(Fault(status=refusal, body=REFUSAL, times=99))

    replayed = await gateway.create()
    reused = await gateway.create(replace(OTTOLINE, email="ottoline@example.com"))

    expected = Unauthenticated if refusal == 401 else Forbidden
    assert isinstance(replayed, expected)
    assert isinstance(reused, expected)


def token(name: str, *, claimed: bool) -> Caller:
    """One of a user's tokens, before and after the API has vouched for it."""
    credential = Credential("X-API-Key", ADA.api_key)
    if claimed:
        return Caller(name, credential, claimed="the user")
    return Caller("the user", credential, token=name)


@pytest.mark.parametrize("second", ["a token", "a refreshed token"])
@pytest.mark.parametrize("proven", [True, False], ids=["proven since", "not proven since"])
async def test_a_tokens_first_keyed_create_is_found_by_the_same_token_and_by_a_refreshed_one(
    gateway: Gateway, second: str, *, proven: bool
) -> None:
    gateway.unknown = {"a token", "a refreshed token"}
    first = await gateway.create(caller=token("a token", claimed=True))
    if proven:
        gateway.unknown.clear()

    again = await gateway.create(caller=token(second, claimed=not proven))

    assert first == again == ("ANSWER", *gateway.ottolines)
    assert gateway.sandbox.calls == [CREATED, gateway.read]


async def test_a_lost_create_of_a_new_token_is_looked_for_by_a_refreshed_one(
    gateway: Gateway,
) -> None:
    gateway.unknown = {"a token", "a refreshed token"}
    gateway.wire.fates, gateway.wire.unreadable = ["answer lost"], True
    await gateway.create(caller=token("a token", claimed=True))
    gateway.wire.unreadable = False

    again = await gateway.create(caller=token("a refreshed token", claimed=True))

    assert again == ("READBACK", *gateway.ottolines)
    assert gateway.sandbox.calls.count(CREATED) == 1


async def test_who_only_claims_to_be_a_user_learns_nothing_and_shares_no_ones_end(
    gateway: Gateway,
) -> None:
    gateway.unknown = {"a forged token"}
    forged = Caller("a forged token", Credential("X-API-Key", "f" * 64), claimed="the user")

    theirs, ours = await asyncio.gather(
        gateway.create(caller=forged), gateway.create(caller=token("a token", claimed=False))
    )
    later = await gateway.create(caller=forged)
    reused = await gateway.create(replace(OTTOLINE, last_name="Other"), caller=forged)

    assert ours == ("ANSWER", *gateway.ottolines)
    assert [type(end) for end in (theirs, later, reused)] == [Unauthenticated] * 3


async def test_a_create_waits_for_another_credentials_until_its_own_deadline_only(
    gateway: Gateway,
) -> None:
    gateway.sandbox.fail(Fault(latency=0.3, times=1))
    first = asyncio.create_task(gateway.create(caller=token("a token", claimed=True)))
    await asyncio.sleep(0)

    late = await gateway.create(caller=token("a refreshed token", claimed=True), seconds=0.01)

    assert not first.done()
    assert isinstance(late, Unavailable)
    assert (late.code, await first) == ("UPSTREAM_TIMEOUT", ("ANSWER", *gateway.ottolines))
    assert gateway.sandbox.calls == [CREATED]


@pytest.mark.parametrize(
    ("one", "other", "clients"),
    [
        ("3f2b8c1e-0d4a-4c6f-9a77-0a1b2c3d4e5f", "3F2B8C1E-0D4A-4C6F-9A77-0A1B2C3D4E5F", 1),
        ("order-7a", "order-7A", 2),
        ("{3f2b8c1e-0d4a-4c6f-9a77-0a1b2c3d4e5f}", "{3F2B8C1E-0D4A-4C6F-9A77-0A1B2C3D4E5F}", 2),
    ],
)
async def test_keys_are_compared_exactly_but_for_the_letter_case_of_uuids(
    gateway: Gateway, one: str, other: str, clients: int
) -> None:
    await gateway.create(replace(OTTOLINE, idempotency_key=one))
    await gateway.create(replace(OTTOLINE, idempotency_key=other))

    assert len(gateway.ottolines) == clients


async def test_fifty_at_once_are_one_client(gateway: Gateway) -> None:
    ends = await asyncio.gather(*(gateway.create() for _ in range(50)))

    assert set(ends) == {("ANSWER", *gateway.ottolines)}
    assert gateway.sandbox.calls == [CREATED]


@pytest.mark.parametrize("fates", [["answer lost"], ["never arrived"]])
async def test_fifty_at_once_share_an_unknown_end_too(gateway: Gateway, fates: list[Fate]) -> None:
    gateway.wire.fates = list(fates)

    ends = await asyncio.gather(*(gateway.create() for _ in range(50)))

    assert len({id(end) if isinstance(end, ClientError) else end for end in ends}) == 1
    assert isinstance(ends[0], WriteUnconfirmed) == (not gateway.ottolines)


async def test_two_keys_are_two_clients(gateway: Gateway) -> None:
    await gateway.create()
    await gateway.create(replace(OTTOLINE, idempotency_key="click 2"))

    assert len(gateway.ottolines) == 2


async def test_without_a_key_each_create_is_a_client(gateway: Gateway) -> None:
    for _ in range(2):
        await gateway.create(replace(OTTOLINE, idempotency_key=None))

    assert len(gateway.ottolines) == 2
    assert 'INSERT INTO "creates"' not in gateway.on_record()


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

    assert isinstance(refused, InvalidInput)
    assert [(issue.field, issue.code) for issue in refused.issues] == [("idempotencyKey", "REUSED")]
    assert gateway.sandbox.calls == [CREATED]


async def test_null_and_absent_are_two_payloads(gateway: Gateway) -> None:
    await gateway.create()

    assert isinstance(await gateway.create(replace(OTTOLINE, email=None)), InvalidInput)


@pytest.mark.parametrize("refusal", [429, 400, 401, 403])
async def test_a_create_that_was_refused_may_be_sent_again(gateway: Gateway, refusal: int) -> None:
    gateway.sandbox.fail(
        Fault(method="POST", status=refusal, body=REFUSAL, headers={"Retry-After": "9"})
    )

    first = await gateway.create()
    again = await gateway.create()

    assert isinstance(first, ClientError)
    assert not isinstance(first, WriteUnconfirmed)
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

    assert isinstance(first, ClientError)
    assert again == ("ANSWER", *gateway.ottolines)


async def test_an_unknown_end_is_looked_for_again_and_never_sent_again(gateway: Gateway) -> None:
    gateway.wire.fates, gateway.wire.unreadable = ["answer lost"], True
    first = await gateway.create()
    gateway.wire.unreadable = False

    again = await gateway.create()

    assert isinstance(first, WriteUnconfirmed)
    assert again == ("READBACK", *gateway.ottolines)
    assert gateway.sandbox.calls == [CREATED, LOOKED]


async def test_a_create_that_never_arrived_stays_unknown_under_its_name(gateway: Gateway) -> None:
    gateway.wire.fates = ["never arrived"]
    first = await gateway.create()
    gateway.start()
    again = await gateway.create()

    assert isinstance(first, WriteUnconfirmed)
    assert isinstance(again, WriteUnconfirmed)
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

    assert isinstance(again, WriteUnconfirmed)
    assert again.candidates == ()
    assert len(gateway.ottolines) == 1


async def test_after_a_day_a_key_is_new_again(gateway: Gateway) -> None:
    await gateway.create()
    gateway.passed = gateway.ran = KEPT_SECONDS - 60
    await gateway.create()
    assert len(gateway.ottolines) == 1

    gateway.passed = gateway.ran = KEPT_SECONDS + 60
    await gateway.create()

    assert len(gateway.ottolines) == 2


@pytest.mark.parametrize("hours", [25, -25, 24 * 365])
@pytest.mark.parametrize("restarted", [True, False])
async def test_no_step_of_the_machines_clock_lets_a_key_create_twice(
    gateway: Gateway, hours: int, *, restarted: bool
) -> None:
    first = await gateway.create()
    gateway.passed = hours * 3600
    if restarted:
        gateway.start()

    assert await gateway.create() == first
    assert len(gateway.ottolines) == 1


async def test_two_processes_on_one_record_do_not_count_a_day_twice_as_fast(
    gateway: Gateway,
) -> None:
    first = await gateway.create()
    gateway.passed = gateway.ran = KEPT_SECONDS / 2 + 60
    beside = IdempotencyStore(
        gateway.database, uptime=lambda: gateway.ran - KEPT_SECONDS, now=gateway.now
    )
    gateway.ran += KEPT_SECONDS
    await beside.expire()

    assert await gateway.create() == first


@pytest.mark.parametrize("at_start", [True, False])
async def test_what_has_expired_is_deleted_at_the_start_and_hourly(
    gateway: Gateway, *, at_start: bool
) -> None:
    intents = IdempotencyStore(gateway.database, uptime=lambda: gateway.ran, now=gateway.now)
    await gateway.create()
    gateway.ran = KEPT_SECONDS + 1
    await intents.expire()  # only the one clock says that a day has passed
    kept = 'INSERT INTO "creates"' in gateway.on_record()
    gateway.passed = KEPT_SECONDS + 1

    if at_start:
        IdempotencyStore(gateway.database, uptime=lambda: gateway.ran, now=gateway.now)
    else:
        hourly = asyncio.create_task(intents.expire_hourly())
        await asyncio.sleep(HOUR + 1)
        hourly.cancel()
        await asyncio.wait([hourly])

    assert kept
    assert 'INSERT INTO "creates"' not in gateway.on_record()


async def test_a_create_that_cannot_be_recorded_is_not_sent() -> None:
    gateway = Gateway(database=FullDisk(takes=0))

    assert isinstance(await gateway.create(), IdempotencyUnavailable)
    assert gateway.sandbox.calls == []


async def test_without_a_store_keys_are_refused_and_the_rest_goes_on(gateway: Gateway) -> None:
    rest = RestClientSource(gateway.wire, URL)
    gateway.source = IdempotentWriter(
        rest, RecoveringWriter(rest), None, secret=b"s", clock=time.monotonic
    )

    assert isinstance(await gateway.create(), IdempotencyUnavailable)
    assert gateway.sandbox.calls == []
    unkeyed = await gateway.create(replace(OTTOLINE, idempotency_key=None))
    assert unkeyed == ("ANSWER", *gateway.ottolines)


async def test_an_end_that_could_not_be_recorded_is_returned_and_looked_for_later() -> None:
    disk = FullDisk(takes=1)
    gateway = Gateway(database=disk)
    first = await gateway.create()
    disk.takes = 99
    gateway.start()

    again = await gateway.create()

    assert first == ("ANSWER", *gateway.ottolines)
    assert again == ("READBACK", *gateway.ottolines)


async def test_neither_keys_nor_credentials_are_on_record(gateway: Gateway) -> None:
    await gateway.create()

    kept = gateway.on_record()
    for value in ("Ottoline", "Lee"):
        assert value not in kept
        assert value.encode().hex().upper() not in kept
    assert "click 1" not in kept
    assert ADA.api_key not in kept
    assert b"click 1".hex().upper() not in kept
