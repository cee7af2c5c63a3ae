"""While webhooks are proven to arrive readings stay fresh longer, and never beyond the bound."""

import logging
import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from gateway.cache.policy.delivery_proof import WITHIN
from gateway.sandbox.catalogue import named
from tests.adversary.world import Reply
from tests.webhooks.office import (
    ACTIVE,
    CLIENT,
    CREATE,
    DELETE,
    FRESH,
    GRACE,
    LIST,
    STALE,
    Office,
)

STEPS = int(os.environ.get("WEBHOOK_STEPS", "120"))
"""Operations for each fault of deliveries."""


@pytest.fixture
def office() -> Iterator[Office]:
    world = Office()
    yield world
    world.close()


def shown(reply: Reply) -> dict[str, Any]:
    """What the receipt says of the age."""
    return {name: reply.receipt[name] for name in ("calls", "coherent", "stale")} | {
        "age": round(reply.age)
    }


def test_readings_stay_fresh_for_the_time_set_once_a_write_has_come_back(office: Office) -> None:
    office.prove()
    office.ask("grace", LIST)
    began = office.now
    office.wait(FRESH / 2)
    office.prove()
    office.wait(began + FRESH - 1 - office.now)

    held = office.ask("grace", LIST)
    office.prove()
    office.wait(began + FRESH + GRACE - office.now)
    stale = office.ask("grace", LIST)
    office.wait(1)
    renewed = office.ask("grace", LIST)

    assert shown(held) == {"calls": 0, "coherent": True, "stale": False, "age": 899}
    assert shown(stale) == {"calls": 0, "coherent": False, "stale": True, "age": 930}
    assert shown(renewed)["stale"] is False
    assert shown(renewed)["coherent"] is True


def test_without_proof_they_are_fresh_for_as_long_as_without_webhooks(office: Office) -> None:
    office.ask("grace", LIST)
    office.wait(STALE)

    later = office.ask("grace", LIST)

    assert later.calls == ["GET /clients?page=1&limit=100"]
    assert later.receipt["coherent"] is False
    assert office.freshness["reason"].startswith("no write")


def test_the_receipt_says_as_of_when_the_oldest_part_was_read(office: Office) -> None:
    assert office.ask("ada", LIST).receipt["asOf"] is None
    held = office.ask("ada", LIST).receipt["asOf"]
    assert len(held) == len("2026-11-26T10:51:12Z")
    assert held.endswith("Z")


def test_an_own_write_that_comes_back_costs_no_read(office: Office) -> None:
    mine = office.rows("ada")[0]["id"]
    for who in ("ada", "grace"):
        office.ask(who, LIST)
        office.ask(who, ACTIVE)
    spent = len(office.sandbox.calls)
    office.write("ada", mine, status="CLOSED")
    made = office.ask("ada", CREATE).data["createClient"]["client"]["id"]
    office.ask("ada", DELETE, id=made)
    office.wait(1)

    replies = [office.ask(who, query) for who in ("ada", "grace") for query in (LIST, ACTIVE)]
    office.wait(1)

    assert [shown(reply)["stale"] for reply in replies] == [False] * 4
    assert len(office.sandbox.calls) == spent + 3


@pytest.mark.parametrize("fault", ["webhook-lost", "webhook-late:11", "webhook-forged"])
def test_a_write_whose_event_does_not_come_in_time_ends_it_within_seconds(
    office: Office, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    office.prove()
    office.ask("grace", LIST)
    office.wait(FRESH / 2)
    name, _, latency = fault.partition(":")
    office.sandbox.fail(named(name, **({"latency": float(latency)} if latency else {})))
    office.write("ada", office.rows("ada")[0]["id"], email="lost@example.com")
    began = office.now

    office.wait(began + WITHIN - 0.5 - office.now)
    assert office.ask("grace", LIST).receipt["coherent"] is True
    office.wait(1)
    ended = office.ask("grace", LIST)

    assert ended.calls == ["GET /clients?page=1&limit=100"]
    assert ended.receipt["coherent"] is False
    assert "did not come" in office.freshness["reason"]
    assert [line.message.partition(":")[0] for line in caplog.records][-1:] == [
        "webhooks are not proven to arrive"
    ]
    office.sandbox.faults.clear()
    office.prove()


def test_silence_ends_it_once_the_last_proof_is_as_old_as_readings_may_be(office: Office) -> None:
    office.prove()
    office.sandbox.fail(named("webhook-lost"))
    office.wait(FRESH - 1)
    assert office.ask("ada", LIST).receipt["coherent"] is True
    office.wait(2)

    assert office.ask("ada", LIST).receipt["coherent"] is False
    assert office.freshness["reason"] == "no write has come back as a webhook for 900 s"


def test_a_change_of_which_no_webhook_came_ends_it_when_a_reading_shows_it(office: Office) -> None:
    office.prove()
    theirs = office.rows("grace")[0]["id"]
    office.ask("grace", CLIENT, id=theirs)
    office.sandbox.fail(named("webhook-lost", times=1))
    office.write_behind("grace", theirs, email="unreported@example.com")
    office.wait(FRESH / 2)
    office.prove()
    office.wait(FRESH / 2 + 1)
    assert office.ask("grace", CLIENT, id=theirs).receipt["stale"] is True
    office.wait(WITHIN - 1)
    assert office.ask("grace", CLIENT, id=theirs).receipt["coherent"] is True
    office.wait(2)

    assert office.ask("grace", CLIENT, id=theirs).receipt["coherent"] is False


@pytest.mark.parametrize(
    "fault",
    [
        None,
        ("webhook-late", {}),
        ("webhook-late", {"latency": 60, "share": 0.5}),
        ("webhook-lost", {"share": 0.3}),
        ("webhook-lost", {}),
        ("webhook-twice", {}),
        ("webhook-reordered", {}),
        ("webhook-forged", {"share": 0.3}),
    ],
    ids=str,
)
def test_no_answer_is_older_than_the_bound_however_webhooks_fail(
    office: Office, fault: tuple[str, dict[str, Any]] | None
) -> None:
    if fault is not None:
        office.sandbox.fail(named(fault[0], **fault[1]))
    chance = Random(str(fault))  # noqa: S311 - the same every time
    proven = 0
    for step in range(STEPS):
        who = chance.choice(["ada", "grace"])
        ids = [row["id"] for row in office.rows(who)[:6]]
        if chance.random() < 0.2:
            office.write(who, chance.choice(ids), email=f"own{step}@example.com")
        if chance.random() < 0.2:
            fields = {
                "email": f"other{step}@example.com",
                "status": chance.choice(["active", "closed"]),
            }
            office.write_behind(who, chance.choice(ids), **fields)
        bound = FRESH + GRACE if office.freshness["proven"] else STALE
        proven += bound > STALE
        reply = office.ask(
            who,
            *[(LIST,), (ACTIVE,), (CLIENT,)][step % 3],
            **({"id": ids[0]} if step % 3 == 2 else {}),
        )
        check(office, who, reply, bound)
        office.wait(chance.expovariate(1 / 40))
    if fault is None or fault[0] in {"webhook-twice", "webhook-reordered"}:
        assert proven > STEPS / 3


def check(office: Office, who: str, reply: Reply, bound: float) -> None:
    """Every row was so at some time within the bound."""
    assert reply.codes == []
    assert reply.age <= bound + 1
    page = reply.data.get("clients")
    rows = [reply.data["client"]] if page is None else [edge["node"] for edge in page["edges"]]
    for row in rows:
        past = office.history[who].since(row["id"], office.now - bound - 1)
        assert any(
            state is not None
            and (state["email"], state["status"].upper()) == (row["email"], row["status"])
            for state in past
        ), (row, past)
