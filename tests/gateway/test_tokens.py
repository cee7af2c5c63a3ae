"""Bearer tokens that come and go, through the whole gateway."""

import asyncio
import time
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import ADA, GRACE
from tests.gateway.conftest import Gateway, before
from tests.upstream.recovery.conftest import REFUSAL

NAMES = "{ clients(first: 3) { edges { node { fullName } } } }"
CALL = "GET /clients?page=1&limit=100"
LATER = int(time.time()) + 3_600


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox([ADA, GRACE])


async def ask(gateway: Gateway, token: str) -> Any:
    """The names, or the code of what was wrong; and the calls it took."""
    answer = (
        await gateway.http.post(
            "/graphql", json={"query": NAMES}, headers={"Authorization": f"Bearer {token}"}
        )
    ).json()
    if "errors" in answer:
        refused = "extensions" not in answer  # before anything was looked at
        calls = 0 if refused else answer["extensions"]["upstream"]["calls"]
        return answer["errors"][0]["extensions"]["code"], calls
    names = [edge["node"]["fullName"] for edge in answer["data"]["clients"]["edges"]]
    return names, answer["extensions"]["upstream"]["calls"]


def names(of: Any) -> list[str]:
    return [f"{row['first_name']} {row['last_name']}" for row in of.clients()[:3]]


async def test_a_refreshed_token_keeps_what_was_remembered_for_its_user(sandbox: Sandbox) -> None:
    old, new = ADA.token_until(LATER), ADA.token_until(LATER + 900)
    async with before(sandbox) as gateway:
        answers = [await ask(gateway, token) for token in (old, old, new, new)]

    # Each token is shown to the API once; from then on it shares what its user remembers. The
    # first answer was kept for the token alone: its user was not known yet.
    assert answers == [(names(ADA), calls) for calls in (1, 1, 1, 0)]
    assert len(sandbox.calls) == 3


async def test_a_forged_token_sees_nothing_of_the_user_it_names(sandbox: Sandbox) -> None:
    token = ADA.token_until(LATER)
    head, body, _ = ADA.token_until(LATER, kid="forged").split(".")
    forged = f"{head}.{body}.{'A' * 43}"
    async with before(sandbox) as gateway:
        for _ in range(2):
            await ask(gateway, token)
        sandbox.calls.clear()
        answers = [await ask(gateway, forged) for _ in range(3)]
        mine = await ask(gateway, token)

    assert answers == [("UNAUTHENTICATED", 1), ("UNAUTHENTICATED", 0), ("UNAUTHENTICATED", 0)]
    assert mine == (names(ADA), 0)
    assert len(sandbox.calls) == 1


async def test_two_users_with_tokens_of_one_issuer_never_meet(sandbox: Sandbox) -> None:
    async with before(sandbox) as gateway:
        answers = [
            await ask(gateway, person.token_until(LATER))
            for person in (ADA, GRACE, ADA, GRACE, ADA, GRACE)
        ]

    assert [seen for seen, _ in answers] == [names(ADA), names(GRACE)] * 3


async def test_a_refused_key_is_not_shown_to_the_api_again_for_a_minute(sandbox: Sandbox) -> None:
    async with before(sandbox) as gateway:
        codes = [await gateway.errors(NAMES, key="0" * 64) for _ in range(5)]

    # While the refusal is believed, nothing of the question is looked at.
    assert codes == [[("clients", "UNAUTHENTICATED")], *[[("", "UNAUTHENTICATED")]] * 4]
    assert len(sandbox.calls) == 1


async def test_a_revoked_key_gets_its_401_before_any_memory_or_record(sandbox: Sandbox) -> None:
    create = """mutation { createClient(input: {
      firstName: "Ottoline", lastName: "Lee", clientType: BUYER, idempotencyKey: "one click"
    }) { __typename } }"""
    ask_for = {"query": NAMES}, {"query": create}, {"query": "{ __typename }"}
    headers = {"X-API-Key": ADA.api_key}
    async with before(sandbox) as gateway:
        for body in ask_for:
            await gateway.http.post("/graphql", json=body, headers=headers)
        sandbox.fail(Fault(status=401, body=REFUSAL, times=1_000, instead=True))
        sandbox.calls.clear()
        fresh = {**headers, "Cache-Control": "no-cache"}
        await gateway.http.post("/graphql", json=ask_for[0], headers=fresh)
        refused = [
            await gateway.http.post("/graphql", json=body, headers=headers) for body in ask_for
        ]
        await asyncio.sleep(61)
        later = await gateway.http.post("/graphql", json=ask_for[1], headers=headers)

    assert [answer.status_code for answer in refused] == [401] * 3
    assert later.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert [call.split("?")[0].split()[0] for call in sandbox.calls] == ["GET", "GET"]


TOTAL = "{ clients(first: 3) { totalCount } }"
CREATE = """
mutation { createClient(input: {firstName: "Ottoline", lastName: "Lee", clientType: BUYER}) {
  __typename
} }
"""


async def posted(gateway: Gateway, token: str, text: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return (await gateway.http.post("/graphql", json={"query": text}, headers=headers)).json()


async def test_what_a_refreshed_token_writes_first_is_seen_by_its_users_others(
    sandbox: Sandbox,
) -> None:
    old, new = ADA.token_until(LATER), ADA.token_until(LATER + 900)
    async with before(sandbox) as gateway:
        for _ in range(2):
            await posted(gateway, old, TOTAL)
        await posted(gateway, new, CREATE)
        totals = [
            (await posted(gateway, token, TOTAL))["data"]["clients"]["totalCount"]
            for token in (old, new)
        ]

    assert totals == [ADA.rows + 1] * 2
    assert [call.split()[0] for call in sandbox.calls] == ["GET", "GET", "POST", "GET"]


async def test_what_a_forged_token_tried_to_write_costs_the_user_it_names_nothing(
    sandbox: Sandbox,
) -> None:
    old = ADA.token_until(LATER)
    head, body, _ = ADA.token_until(LATER, kid="forged").split(".")
    async with before(sandbox) as gateway:
        for _ in range(2):
            await posted(gateway, old, TOTAL)
        await posted(gateway, f"{head}.{body}.{'A' * 43}", CREATE)
        sandbox.calls.clear()
        again = await posted(gateway, old, TOTAL)

    assert again["data"]["clients"]["totalCount"] == ADA.rows
    assert sandbox.calls == []
