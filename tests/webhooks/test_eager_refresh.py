"""What a caller looks at is read again as soon as an event ages it, within calls to spare."""

from collections.abc import Iterator

import pytest

from gateway.cache.read.eager_refresh import EVERY
from tests.webhooks.office import ACTIVE, CLIENT, LIST, Office

PAGE = "GET /clients?page=1&limit=100"
SEARCH = """{ clients(first: 1, orderBy: [{field: EMAIL, direction: DESC}]) {
  edges { node { id email } }
} }"""


@pytest.fixture
def office() -> Iterator[Office]:
    world = Office()
    world.ask("ada", LIST)
    world.wait(60)  # more is left of the calls than of the time
    world.sandbox.calls.clear()
    yield world
    world.close()


def test_a_change_by_another_writer_is_shown_without_a_request_that_waits_or_is_stale(
    office: Office,
) -> None:
    office.ask("ada", LIST)
    office.ask("ada", ACTIVE)
    theirs = office.rows("ada")[0]["id"]
    office.write_behind("ada", theirs, email="new@example.com")
    assert office.ask("ada", LIST).receipt["stale"] is True
    office.wait(2)

    seen = office.ask("ada", LIST)

    assert seen.data["clients"]["edges"][0]["node"]["email"] == "new@example.com"
    assert (seen.receipt["stale"], seen.calls) == (False, [])
    assert office.ask("ada", ACTIVE).receipt["stale"] is False
    assert office.sandbox.calls == [PAGE] * 2


def test_a_client_by_id_is_read_again_too(office: Office) -> None:
    theirs = office.rows("grace")[-1]["id"]
    office.ask("grace", CLIENT, id=theirs)
    office.wait(60)
    office.write_behind("grace", theirs, email="new@example.com")
    office.wait(2)

    assert office.ask("grace", CLIENT, id=theirs).receipt["calls"] == 1
    assert office.sandbox.calls == [f"GET /clients/{theirs}"] * 2


def test_nothing_is_read_for_a_caller_without_a_request_in_the_last_minutes(
    office: Office,
) -> None:
    office.wait(301)
    office.write_behind("ada", office.rows("ada")[0]["id"], email="new@example.com")
    office.wait(30)

    assert office.sandbox.calls == []


def test_events_keep_no_caller_active(office: Office) -> None:
    office.ask("ada", LIST)
    for number in range(9):
        office.wait(100)
        office.prove()
        office.write_behind("ada", office.rows("ada")[0]["id"], email=f"new{number}@example.com")
    office.wait(30)

    assert office.sandbox.calls.count(PAGE) <= 4


def test_what_is_too_old_to_be_served_is_not_read_again(office: Office) -> None:
    office.wait(30)
    office.write_behind("ada", office.rows("ada")[0]["id"], email="new@example.com")
    office.wait(30)

    assert office.sandbox.calls == []


def test_nothing_is_read_without_calls_to_spare() -> None:
    office = Office(upstream_rate_limit=10)
    office.ask("ada", LIST)
    office.write_behind("ada", office.rows("ada")[0]["id"], email="new@example.com")
    office.wait(EVERY)

    assert office.sandbox.calls == [PAGE]
    office.close()


def test_a_flood_of_events_costs_a_bounded_number_of_calls(office: Office) -> None:
    office.ask("ada", LIST)
    theirs = [row["id"] for row in office.rows("ada")]
    for number in range(600):
        office.write_behind("ada", theirs[number % 9], email=f"new{number}@example.com")
        office.wait(0.1)
    office.wait(2 * EVERY)

    assert set(office.sandbox.calls) == {PAGE}
    assert len(office.sandbox.calls) <= 60 / EVERY + 2
    assert office.ask("ada", LIST).receipt["stale"] is False


def test_a_search_is_stale_after_an_event_and_read_again(office: Office) -> None:
    office.ask("ada", SEARCH)
    theirs = office.rows("ada")[3]["id"]
    office.write_behind("ada", theirs, email="zz-new@example.com")
    aged = office.ask("ada", SEARCH)
    office.wait(2)

    seen = office.ask("ada", SEARCH)

    assert (aged.receipt["stale"], aged.calls) == (True, [])
    assert (seen.receipt["stale"], seen.calls) == (False, [])
    assert seen.data["clients"]["edges"][0]["node"]["email"] == "zz-new@example.com"
    assert office.sandbox.calls == [PAGE] * 2


def test_an_event_about_one_client_of_a_large_collection_costs_one_call(office: Office) -> None:
    office.ask("grace", SEARCH)
    theirs = office.rows("grace")[120]["id"]
    read = len(office.sandbox.calls)
    office.write_behind("grace", theirs, email="zz-new@example.com")
    aged = office.ask("grace", SEARCH)
    office.wait(2)

    seen = office.ask("grace", SEARCH)

    assert aged.receipt["stale"] is True
    assert seen.receipt["stale"] is False
    assert seen.data["clients"]["edges"][0]["node"] == {"id": theirs, "email": "zz-new@example.com"}
    assert office.sandbox.calls[read:] == ["GET /clients?page=2&limit=100"]  # theirs is on it
