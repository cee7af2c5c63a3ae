"""The same source over the sandbox: the calls, their cost, and what was done."""

from dataclasses import replace

import pytest

from gateway.api.source import RestClientSource
from gateway.sandbox.api import Behaviour, Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, GRACE, READER, WITHOUT_SCOPES, DemoUser
from schema.source.errors import (
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    WriteUnconfirmed,
)
from schema.source.records import FIELDS, ClientFilter, ClientId, ClientRecord, Window
from schema.source.request_context import Priority, RequestContext
from schema.source.writes import ClientPatch, Confirmation, NewClient
from tests.in_process import InProcess
from tests.upstream.rest.conftest import asking

ALL = ClientFilter()
NEW = NewClient("Jordan", "Lee", "buyer", email="j.lee@example.test")


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
def clients(sandbox: Sandbox) -> RestClientSource:
    return RestClientSource(InProcess(sandbox), "http://sandbox.test/v1")


def by(person: DemoUser) -> RequestContext:
    return asking(person.api_key)


def first_of(sandbox: Sandbox, person: DemoUser = ADA) -> ClientId:
    return ClientId(sandbox.rows_of(person)[0]["id"])


async def detail(clients: RestClientSource, id: ClientId) -> ClientRecord | ClientError:
    (found,) = await clients.fetch(by(ADA), [id], FIELDS, Priority.INTERACTIVE)
    return found


@pytest.mark.parametrize(
    ("window", "call", "begin", "end"),
    [
        (Window(0, 25), "GET /clients?page=1&limit=25", 0, 25),
        (Window(40, 20), "GET /clients?page=3&limit=20", 40, 60),
        (Window(137, 25), "GET /clients?page=6&limit=27", 137, 137),
    ],
)
async def test_a_window_is_one_call_and_tells_its_rows(  # noqa: PLR0913, PLR0917 - a row of a table
    sandbox: Sandbox, clients: RestClientSource, window: Window, call: str, begin: int, end: int
) -> None:
    page = await clients.read_page(by(GRACE), ALL, window, FIELDS)

    first = begin - page.offset
    ids = [record.id for record in page.records[first : first + end - begin]]
    assert ids == [row["id"] for row in sandbox.rows_of(GRACE)[begin:end]]
    assert page.total == 137
    assert sandbox.calls == [call]


async def test_a_whole_record_comes_through_as_the_api_tells_it(
    sandbox: Sandbox, clients: RestClientSource
) -> None:
    found = await detail(clients, first_of(sandbox))

    row = sandbox.rows_of(ADA)[0]
    assert isinstance(found, ClientRecord)
    assert {name: getattr(found, name) for name in FIELDS} == row | {
        "preferred_locations": tuple(row["preferred_locations"]),
        "tags": tuple(row["tags"]),
    }
    assert (found.complete, found.malformed) == (True, frozenset())


async def test_a_trimmed_row_lacks_what_a_detail_read_would_tell(
    sandbox: Sandbox, clients: RestClientSource
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")

    page = await clients.read_page(by(ADA), ALL, Window(0, 1), FIELDS)

    assert page.records[0].is_missing(frozenset({"version"})) is True
    assert page.records[0].is_missing(frozenset({"first_name"})) is False


async def test_ids_are_answered_in_order_with_a_failure_where_one_failed(
    sandbox: Sandbox, clients: RestClientSource
) -> None:
    known = [ClientId(row["id"]) for row in sandbox.rows_of(ADA)[:2]]
    other = first_of(sandbox, GRACE)

    one, missing, two = await clients.fetch(
        by(ADA), [known[0], other, known[1]], FIELDS, Priority.ENTITIES
    )

    assert [one.id, two.id] == known  # type: ignore[union-attr]  # a failure has no id
    assert isinstance(missing, NotFound)
    assert sorted(sandbox.calls) == sorted(f"GET /clients/{id}" for id in (*known, other))


async def test_filters_choose_rows(sandbox: Sandbox, clients: RestClientSource) -> None:
    page = await clients.read_page(by(ADA), ClientFilter("buyer", "active"), Window(0, 50), FIELDS)

    chosen = [
        row["id"]
        for row in sandbox.rows_of(ADA)
        if (row["client_type"], row["status"]) == ("buyer", "active")
    ]
    assert [record.id for record in page.records] == chosen
    assert page.total == len(chosen) > 0


async def test_a_client_is_made_changed_and_deleted(
    sandbox: Sandbox, clients: RestClientSource
) -> None:
    made = await clients.create(by(ADA), NEW)
    id = ClientId(made.record.id)
    changed = await clients.update(by(ADA), id, ClientPatch({"phone": "1"}, made.record.version))  # type: ignore[arg-type]  # it has a version
    gone = await clients.delete(by(ADA), id)

    assert (made.record.first_name, made.record.version) == ("Jordan", 1)
    assert (changed.record.phone, changed.record.version) == ("1", 2)
    assert gone is Confirmation.ANSWER
    assert isinstance(await detail(clients, id), NotFound)
    assert sandbox.calls[:3] == ["POST /clients", f"PUT /clients/{id}", f"DELETE /clients/{id}"]


@pytest.mark.parametrize("status", [409, 412, 400])
async def test_a_stale_version_is_a_conflict_with_the_client_as_it_is(
    sandbox: Sandbox, clients: RestClientSource, status: int
) -> None:
    sandbox.behaviour = Behaviour(conflict_status=status)
    id, before = first_of(sandbox), sandbox.rows_of(ADA)

    with pytest.raises(Conflict) as conflict:
        await clients.update(by(ADA), id, ClientPatch({"phone": "1"}, expected_version=999))

    assert conflict.value.expected_version == 999
    assert conflict.value.current == await detail(clients, id)
    assert sandbox.calls[:2] == [f"PUT /clients/{id}", f"GET /clients/{id}"]
    assert sandbox.rows_of(ADA) == before


async def test_what_the_api_refuses_is_reported_by_field(
    sandbox: Sandbox, clients: RestClientSource
) -> None:
    before = sandbox.rows_of(ADA)

    with pytest.raises(InvalidInput) as refused:
        await clients.create(by(ADA), NewClient("", "Lee", "tenant"))

    assert {issue.field for issue in refused.value.issues} == {"firstName", "clientType"}
    assert sandbox.rows_of(ADA) == before


async def test_a_write_whose_answer_is_lost_was_sent_once_and_is_unknown(
    sandbox: Sandbox, clients: RestClientSource
) -> None:
    sandbox.fail(Fault(method="POST", lost=True))

    with pytest.raises(WriteUnconfirmed):
        await clients.create(by(ADA), NEW)

    assert sandbox.calls == ["POST /clients"]
    assert len(sandbox.rows_of(ADA)) == ADA.rows + 1


@pytest.mark.parametrize("person", [READER, WITHOUT_SCOPES])
async def test_a_key_without_scope_is_forbidden_and_nothing_is_written(
    sandbox: Sandbox, clients: RestClientSource, person: DemoUser
) -> None:
    with pytest.raises(Forbidden):
        await clients.create(by(person), NEW)

    assert len(sandbox.rows_of(person)) == person.rows


async def test_an_enumeration_that_grew_breaks_nothing(
    sandbox: Sandbox, clients: RestClientSource
) -> None:
    sandbox.fail(Fault(record={"status": "dreaming", "novel": {"a": 1}, "budget_min": "1250.50"}))

    found = await detail(clients, first_of(sandbox))

    assert isinstance(found, ClientRecord)
    assert (found.status, found.budget_min, found.malformed) == ("dreaming", "1250.50", frozenset())
