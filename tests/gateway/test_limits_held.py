"""No operation sends more calls than it may: held where calls are sent, not only where planned."""

from dataclasses import replace

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import ALWAYS, Fault
from schema.source.request_context import CallBudget, CallLimit
from tests.gateway.conftest import Gateway, before
from tests.gateway.test_prices import NODES, NOTES, price
from tests.gateway.test_reading import NAME, truth


@pytest.mark.parametrize(("rows", "calls"), [(25, 26), (26, 1), (42, 1)])
async def test_rows_first_seen_to_lack_a_field_are_completed_up_to_the_cap_or_not_at_all(
    gateway: Gateway, sandbox: Sandbox, rows: int, calls: int
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")

    answer = await gateway.post(NOTES, first=rows)

    assert len(sandbox.calls) == answer["extensions"]["upstream"]["calls"] == calls
    codes = {(e["extensions"]["code"], e["extensions"]["limit"]) for e in answer.get("errors", ())}
    assert codes == ({("TOO_EXPENSIVE", 25)} if calls == 1 else set())
    assert len(answer["data"]["clients"]["edges"]) == rows


async def test_pages_are_not_read_in_hope_where_clients_could_then_not_be_requested(
    sandbox: Sandbox,
) -> None:
    async with before(sandbox, max_operation_cost=3) as gateway:
        await gateway.query("{ clients(first: 2) { edges { node { firstName } } } }")
        sandbox.calls.clear()
        unknown = [f"00000000-0000-4000-8000-{number:012}" for number in range(3)]

        answer = await gateway.post(NODES, ids=unknown)

    assert "errors" not in answer
    assert sandbox.calls == [f"GET /clients/{id}" for id in unknown]


async def test_as_many_clients_as_are_allowed_cost_the_one_page_that_shows_them(
    sandbox: Sandbox,
) -> None:
    async with before(sandbox, max_operation_cost=3) as gateway:
        ids = truth(sandbox)[:3]

        assert await price(gateway, NODES, ids=ids) == (1, 1, 5)
        answer = await gateway.post(NODES, ids=ids)

    assert [node["id"] for node in answer["data"]["nodes"]] == ids
    assert sandbox.calls == ["GET /clients?page=1&limit=100"]


async def test_clients_that_no_page_shows_are_requested_until_the_cap_is_reached(
    sandbox: Sandbox,
) -> None:
    async with before(sandbox, max_operation_cost=3) as gateway:
        unknown = [f"00000000-0000-4000-8000-{number:012}" for number in range(3)]

        answer = await gateway.post(NODES, ids=unknown)

    assert answer["data"] == {"nodes": [None] * 3}
    codes = [
        (e["path"], e["extensions"]["code"], e["extensions"]["limit"]) for e in answer["errors"]
    ]
    assert codes == [(["nodes", 2], "TOO_EXPENSIVE", 3)]
    assert sandbox.calls == [
        "GET /clients?page=1&limit=100",
        *(f"GET /clients/{id}" for id in unknown[:2]),
    ]


async def test_no_more_is_sent_than_the_cap_however_many_clients_no_page_shows(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    unknown = [f"00000000-0000-4000-8000-{number:012}" for number in range(25)]

    answer = await gateway.post(NODES, ids=unknown)

    assert len(sandbox.calls) == answer["extensions"]["upstream"]["calls"] == 25


async def test_pages_and_the_details_of_their_rows_are_held_to_the_cap_together(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")
    query = """query ($ids: [ID!]!) {
      clients(first: 20) { edges { node { notes } } }
      nodes(ids: $ids) { ... on Client { createdAt notes } }
    }"""

    answer = await gateway.post(query, ids=truth(sandbox)[20:28])

    assert len(sandbox.calls) == 9, "one page and eight that are named; then 20 would be 29"
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"TOO_EXPENSIVE"}
    assert all(answer["data"]["nodes"])


async def test_writes_whose_answers_are_lost_are_held_to_the_cap_together(
    sandbox: Sandbox,
) -> None:
    new = 'createClient(input: {firstName: "A", lastName: "B", clientType: BUYER})'
    ten = " ".join(f"c{number}: {new} {{ __typename }}" for number in range(10))
    sandbox.fail(Fault(status=502, method="POST", times=ALWAYS))
    async with before(sandbox, max_operation_cost=11) as gateway:
        answer = await gateway.post(f"mutation {{ {ten} }}")

    ends = [result and result["__typename"] for result in answer["data"].values()]
    assert ends == ["CreateClientSuccess"] * 5 + ["ClientWriteUnconfirmed"] + [None] * 4
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["TOO_EXPENSIVE"] * 4
    look = "GET /clients?page=1&limit=100&client_type=buyer"
    assert sandbox.calls == ["POST /clients", look] * 5 + ["POST /clients"]


async def test_a_call_that_failed_excuses_one_more_and_no_more_than_the_cap(
    sandbox: Sandbox,
) -> None:
    async with before(sandbox, max_operation_cost=1) as gateway:
        id = truth(sandbox)[0]
        assert await price(gateway, NAME, id=id) == (1, 1, 1)
        sandbox.fail(Fault(status=503, times=1))

        errors = await gateway.errors(NAME, id=id)

    assert errors == [("client", "UPSTREAM_UNAVAILABLE")]
    assert sandbox.calls == [f"GET /clients/{id}"]


def test_what_is_spent_is_held_to_the_price_and_after_a_failure_to_the_cap() -> None:
    call_budget = CallBudget(lambda: CallLimit(estimate=2, cap=4, details=0))

    assert [call_budget.take() for _ in range(3)] == [True, True, False]
    call_budget.give_back()
    assert [call_budget.take() for _ in range(2)] == [True, False]
    call_budget.may_exceed_estimate = True
    assert [call_budget.take() for _ in range(3)] == [True, True, False]
    assert (call_budget.sent, call_budget.room) == (4, 0)


def test_clients_that_are_named_complete_no_rows() -> None:
    call_budget = CallBudget(lambda: CallLimit(9, 9, details=2, named=frozenset({"a", "b", "c"})))

    assert call_budget.take_details(["a", "b", "c"])
    assert call_budget.take_details(["a", "x"])
    assert not call_budget.take_details(["y", "z"])
    assert call_budget.take_details(["y"])


def test_an_operation_without_a_limit_is_held_by_none() -> None:
    call_budget = CallBudget()

    assert all(call_budget.take() for _ in range(1_000))
    assert call_budget.take_details(map(str, range(1_000)))
    assert call_budget.apart().limit is None


def test_what_is_read_in_the_background_is_held_to_the_same_cap_on_its_own() -> None:
    call_budget = CallBudget(lambda: CallLimit(estimate=1, cap=2, details=0))
    call_budget.take()

    assert [call_budget.apart().take() for _ in range(2)] == [True, True]
    assert call_budget.apart().limit == CallLimit(2, 2, 2)
