"""Bearer tokens that come and go, through the whole gateway."""

import time
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.people import ADA, GRACE
from tests.gateway.conftest import Gateway, before

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
        return answer["errors"][0]["extensions"]["code"], answer["extensions"]["upstream"]["calls"]
    names = [edge["node"]["fullName"] for edge in answer["data"]["clients"]["edges"]]
    return names, answer["extensions"]["upstream"]["calls"]


def names(of: Any) -> list[str]:
    return [f"{row['first_name']} {row['last_name']}" for row in of.clients()[:3]]


async def test_a_refreshed_token_keeps_what_was_remembered_for_its_user(sandbox: Sandbox) -> None:
    old, new = ADA.token_until(LATER), ADA.token_until(LATER + 900)
    async with before(sandbox) as gateway:
        asked = [await ask(gateway, token) for token in (old, old, new, new)]

    # Each token is shown to the API once; from then on it shares what its user remembers. The
    # first answer was kept for the token alone: nobody knew yet whose it was.
    assert asked == [(names(ADA), calls) for calls in (1, 1, 1, 0)]
    assert len(sandbox.calls) == 3


async def test_a_forged_token_sees_nothing_of_the_user_it_names(sandbox: Sandbox) -> None:
    token = ADA.token_until(LATER)
    head, body, _ = ADA.token_until(LATER, kid="forged").split(".")
    forged = f"{head}.{body}.{'A' * 43}"
    async with before(sandbox) as gateway:
        for _ in range(2):
            await ask(gateway, token)
        sandbox.calls.clear()
        asked = [await ask(gateway, forged) for _ in range(3)]
        mine = await ask(gateway, token)

    assert asked == [("UNAUTHENTICATED", 1), ("UNAUTHENTICATED", 0), ("UNAUTHENTICATED", 0)]
    assert mine == (names(ADA), 0)
    assert len(sandbox.calls) == 1


async def test_two_users_with_tokens_of_one_issuer_never_meet(sandbox: Sandbox) -> None:
    async with before(sandbox) as gateway:
        asked = [
            await ask(gateway, person.token_until(LATER))
            for person in (ADA, GRACE, ADA, GRACE, ADA, GRACE)
        ]

    assert [told for told, _ in asked] == [names(ADA), names(GRACE)] * 3


async def test_a_refused_key_is_not_shown_to_the_api_again_for_a_minute(sandbox: Sandbox) -> None:
    async with before(sandbox) as gateway:
        codes = [await gateway.errors(NAMES, key="0" * 64) for _ in range(5)]

    assert codes == [[("clients", "UNAUTHENTICATED")]] * 5
    assert len(sandbox.calls) == 1
