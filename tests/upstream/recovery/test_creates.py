"""A create is sent once; where its answer is lost, the client is looked for."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, EDSGER
from gateway.transport.messages import Request, Response
from gateway.writes.recovery import CREATE_CALLS
from schema.source.errors import RateLimited, Unavailable, WriteUnconfirmed
from schema.source.records import FIELDS, ClientFilter, Window
from schema.source.writes import Confirmation, NewClient, WriteResult
from tests.upstream.recovery.conftest import REFUSAL, Desk, Fate, Unlucky
from tests.wires import respond

JORDAN = NewClient("Jordan", "Lee", "buyer", email="jordan@example.com")
BUYERS = "client_type=buyer"
SENT = {
    "first_name": "Jordan",
    "last_name": "Lee",
    "client_type": "buyer",
    "email": "jordan@example.com",
}


def jordans(desk: Desk) -> list[str]:
    return [row["id"] for row in desk.rows if row["email"] == "jordan@example.com"]


async def create(desk: Desk, new: NewClient = JORDAN) -> WriteResult | WriteUnconfirmed:
    try:
        return await desk.source.create(desk.operation, new)
    except WriteUnconfirmed as unknown:
        return unknown


def candidates(unknown: WriteResult | WriteUnconfirmed) -> list[str]:
    assert isinstance(unknown, WriteUnconfirmed)
    return [record.id for record in unknown.candidates]


async def test_an_answered_create_costs_one_call(desk: Desk) -> None:
    written = await create(desk)

    assert isinstance(written, WriteResult)
    assert (written.confirmed_by, [written.record.id]) == (Confirmation.ANSWER, jordans(desk))
    assert desk.calls == ["POST all"]


async def test_a_lost_answer_is_found_again_by_looking(desk: Desk) -> None:
    desk.wire.fates = ["answer lost"]

    written = await create(desk)

    assert isinstance(written, WriteResult)
    assert (written.confirmed_by, [written.record.id]) == (Confirmation.READBACK, jordans(desk))
    assert desk.calls == ["POST all", f"GET all?page=1&limit=100&{BUYERS}"]


async def test_a_create_that_never_arrived_stays_unknown_and_is_not_sent_again(desk: Desk) -> None:
    desk.wire.fates = ["never arrived"]

    assert candidates(await create(desk)) == []
    assert jordans(desk) == []
    assert desk.calls == [f"GET all?page=1&limit=100&{BUYERS}"]


async def test_a_create_that_never_left_is_not_looked_for(desk: Desk) -> None:
    desk.wire.fates = ["never sent"]

    with pytest.raises(Unavailable):
        await desk.source.create(desk.operation, JORDAN)

    assert (desk.calls, jordans(desk)) == ([], [])


async def test_a_refused_create_is_not_looked_for(desk: Desk) -> None:
    desk.sandbox.fail(Fault(method="POST", status=429, body=REFUSAL, headers={"Retry-After": "9"}))

    with pytest.raises(RateLimited):
        await desk.source.create(desk.operation, JORDAN)

    assert desk.calls == ["POST all"]


async def test_one_just_like_it_from_before_is_not_mistaken_for_it() -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    desk = desk_at(lambda: long_ago)
    await desk.somebody("POST", "", SENT)
    desk.wire.fates = ["never arrived"]

    assert candidates(await create(desk)) == jordans(desk), "whose clock is an hour off?"


async def test_one_just_like_it_that_was_seen_before_cannot_be_it() -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    desk = desk_at(lambda: long_ago)
    await desk.somebody("POST", "", SENT)
    await desk.source.read_page(desk.operation, ClientFilter(), Window(0, 100), FIELDS)
    desk.wire.fates = ["never arrived"]

    assert candidates(await create(desk)) == []


@pytest.mark.parametrize(
    "tidied",
    [
        {"phone": "+16615550123"},
        {"email": "jordan@example.com", "first_name": "JORDAN"},
        {"first_name": "Jordan ", "phone": "661.555.0123"},
    ],
)
async def test_a_lost_create_whose_values_were_tidied_is_found(
    desk: Desk, tidied: dict[str, str]
) -> None:
    rewriting = Rewriting(desk, tidied)

    written = await create(rewriting.desk, replace(JORDAN, phone="(661) 555-0123"))

    assert isinstance(written, WriteResult)
    assert written.confirmed_by is Confirmation.READBACK


class Rewriting(Unlucky):
    """Loses the answer to the create, and shows the client that it made with other values."""

    def __init__(self, desk: Desk, values: dict[str, str]) -> None:
        super().__init__(desk.sandbox, fates=["answer lost"])
        self.values = values
        self.known = {row["id"] for row in desk.rows}
        self.desk = Desk(desk.sandbox, self)

    async def handle(self, request: Request[Any]) -> Response:
        response = await super().handle(request)
        body = orjson.loads(response.content)
        for row in body["data"]["clients"]:
            if row["id"] not in self.known:
                row.update(self.values)
        return respond(200, json=body, headers={"date": response.headers.get("date", "")})


@pytest.mark.parametrize("seconds", [-20, 20, -3600, 7200])
async def test_a_lost_create_stored_by_a_clock_that_is_off_is_a_candidate(seconds: int) -> None:
    desk = desk_at(lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    desk.wire.fates = ["answer lost"]

    assert candidates(await create(desk)) == jordans(desk)
    assert len(desk.calls) <= CREATE_CALLS


@pytest.mark.parametrize(
    "values",
    [
        {"first_name": "Jo", "phone": "none"},
        {"email": "jordan.lee@elsewhere.example"},
        {"last_name": "Lee-Smith"},
    ],
    ids=["same address", "same name", "same address, other name"],
)
async def test_a_client_of_the_same_address_or_name_that_was_not_seen_before_is_a_candidate(
    desk: Desk, values: dict[str, str]
) -> None:
    rewriting = Rewriting(desk, values)

    [candidate] = candidates(await create(rewriting.desk, replace(JORDAN, phone="(661) 555-0123")))

    assert candidate in {row["id"] for row in desk.rows} - rewriting.known


async def test_a_namesake_of_long_ago_is_no_candidate() -> None:
    desk = desk_at(lambda: datetime.now(UTC) - timedelta(days=3))
    await desk.somebody("POST", "", SENT)
    desk.wire.fates = ["never arrived"]

    assert candidates(await create(desk)) == []
    assert len(jordans(desk)) == 1


async def test_two_just_like_it_at_the_same_time_cannot_be_distinguished(desk: Desk) -> None:
    desk.wire.fates = ["answer lost"]
    await desk.somebody("POST", "", SENT)

    unknown = await create(desk)

    assert sorted(candidates(unknown)) == sorted(jordans(desk))
    assert len(jordans(desk)) == 2


@pytest.mark.parametrize(
    ("fates", "made"),
    [
        (["answer lost", "answer lost"], 2),
        (["answer lost", "answered"], 2),
        (["answered", "answer lost"], 2),
        (["answer lost", "never arrived"], 1),
        (["answered", "never arrived"], 1),
        (["never arrived", "answer lost"], 1),
    ],
)
async def test_of_two_alike_at_once_neither_gets_the_others_client(
    desk: Desk, fates: list[Fate], made: int
) -> None:
    desk.wire.fates = fates

    ends = await asyncio.gather(create(desk), create(desk))

    ids = [end.record.id for end in ends if isinstance(end, WriteResult)]
    assert sorted(ids) == sorted(jordans(desk))
    assert len(ids) == made
    assert all(candidates(end) == [] for end in ends if not isinstance(end, WriteResult))


async def test_what_cannot_be_looked_at_is_unknown(desk: Desk) -> None:
    desk.wire.fates, desk.wire.unreadable = ["answer lost"], True

    assert candidates(await create(desk)) == []


@pytest.mark.parametrize(
    ("behaviour", "calls"),
    [
        ({"order": "created_desc"}, [f"GET all?page=1&limit=100&{BUYERS}"]),
        (
            {"order": "created_asc"},
            [f"GET all?page=1&limit=100&{BUYERS}", f"GET all?page=15&limit=55&{BUYERS}"],
        ),
    ],
)
async def test_the_newest_rows_are_enough_wherever_the_api_puts_them(
    desk: Desk, behaviour: dict[str, Any], calls: list[str]
) -> None:
    desk.person = EDSGER
    desk.sandbox.behaviour = replace(desk.sandbox.behaviour, **behaviour)
    desk.wire.fates = ["answer lost"]

    written = await create(desk)

    assert isinstance(written, WriteResult)
    assert [written.record.id] == jordans(desk)
    assert desk.calls == ["POST all", *calls]


async def test_rows_that_do_not_say_when_are_read_in_detail(desk: Desk) -> None:
    desk.sandbox.behaviour = replace(desk.sandbox.behaviour, list_rows="trimmed")
    desk.wire.fates = ["answer lost"]

    written = await create(desk)

    assert isinstance(written, WriteResult)
    assert [written.record.id] == jordans(desk)
    assert desk.calls == ["POST all", f"GET all?page=1&limit=100&{BUYERS}", "GET one"]


async def test_a_long_list_in_no_order_tells_candidates_only(desk: Desk) -> None:
    desk.person = EDSGER
    desk.sandbox.behaviour = replace(desk.sandbox.behaviour, list_rows="trimmed")
    desk.wire.fates = ["answer lost"]

    assert candidates(await create(desk)) == jordans(desk)
    assert len(desk.calls) <= CREATE_CALLS


async def test_a_client_that_never_says_when_it_was_created_is_a_candidate_only(
    desk: Desk,
) -> None:
    desk.sandbox.fail(Fault(method="GET", times=9, without=("created_at",)))
    desk.wire.fates = ["answer lost"]

    assert candidates(await create(desk)) == jordans(desk)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_the_apis_clock_may_be_wrong_as_long_as_it_tells_the_time(hours: int) -> None:
    def then() -> datetime:
        return datetime.now(UTC) + timedelta(hours=hours)

    desk = desk_at(then)
    date = format_datetime(then(), usegmt=True)
    desk.sandbox.fail(Fault(method="GET", times=9, headers={"Date": date}))

    written = await create(desk)

    assert isinstance(written, WriteResult)
    assert [written.record.id] == jordans(desk)


async def test_a_wrong_clock_that_does_not_tell_leaves_it_unknown() -> None:
    desk = desk_at(lambda: datetime.now(UTC) + timedelta(hours=1))

    assert candidates(await create(desk)) == jordans(desk)
    assert len(jordans(desk)) == 1


def desk_at(now: Any) -> Desk:
    sandbox = Sandbox([ADA], now=now)
    return Desk(sandbox, Unlucky(sandbox, ["answer lost"]))


async def test_a_caller_who_leaves_takes_no_create_along(desk: Desk) -> None:
    writing = asyncio.create_task(create(desk))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    await desk.tasks.aclose(10)

    assert writing.cancelled()
    assert len(jordans(desk)) == 1
