"""One caller asks a hundred times as often as the rest, through the whole gateway."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DemoUser
from gateway.transport.messages import Request, Response
from tests.gateway.conftest import HERE, settings
from tests.in_process import InProcess

LIST = "{ clients(first: 20) { edges { node { id fullName } } } }"
ONE = "query One($id: ID!) { client(id: $id) { id notes } }"
CHANGE = """mutation Change($id: ID!) {
  updateClient(input: { id: $id, phone: "1" }) { __typename }
}"""
NORMAL = [DemoUser(f"Agent {number}", 60) for number in range(20)]
FLOOD = DemoUser("Flood", 2_500)


class Answers(InProcess):
    """The API, and what its answers' statuses were."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.statuses: Counter[int] = Counter()

    async def handle(self, request: Request[Any]) -> Response:
        response = await super().handle(request)
        self.statuses[response.status_code] += 1
        return response


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Run once: nothing here depends on what executes an operation."""


@pytest.mark.parametrize("floods", [False, True])
async def test_a_caller_at_a_hundred_times_the_rest_costs_them_nothing(
    floods: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    loop, chance = asyncio.get_running_loop(), Random(1)  # noqa: S311 - the same trace every time
    sandbox = Sandbox([*NORMAL, FLOOD], clock=loop.time)
    wire = Answers(sandbox)
    app = create_app(settings(), wire=wire, clock=loop.time)
    ids = {person: [row["id"] for row in sandbox.rows_of(person)] for person in (*NORMAL, FLOOD)}
    ends: Counter[tuple[str, str]] = Counter()

    async def ask(person: DemoUser, query: str, **headers: str) -> None:
        variables = {} if query is LIST else {"id": chance.choice(ids[person])}
        answer = await http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"X-API-Key": person.api_key, **headers},
        )
        ends["flood" if person is FLOOD else "normal", _end(answer.json())] += 1

    moments = [
        (chance.uniform(0, 899), person, chance.choices([LIST, ONE, CHANGE], [70, 27, 3])[0])
        for person in NORMAL
        for _ in range(30)
    ]
    if floods:
        # It takes no remembered answer, and asks for another client every time.
        moments += [(chance.uniform(0, 899), FLOOD, ONE) for _ in range(3_000)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE) as http:
        began, requests = loop.time(), []
        for at, person, query in sorted(moments, key=lambda moment: moment[0]):
            await asyncio.sleep(began + at - loop.time())
            headers = {"Cache-Control": "no-cache"} if person is FLOOD else {}
            requests.append(asyncio.create_task(ask(person, query, **headers)))
        await asyncio.wait(requests)

    assert {end: count for (who, end), count in ends.items() if who == "normal"} == {
        "answered": 600
    }
    assert 429 not in wire.statuses
    assert wire.statuses.total() <= 500
    if floods:
        assert ends["flood", "RATE_LIMITED"] > 2_500


def _end(answer: Any) -> str:
    for error in answer.get("errors", ()):
        return str(error["extensions"]["code"])
    changed = answer["data"].get("updateClient")
    return "answered" if changed is None or changed["__typename"] == "UpdateClientSuccess" else "?"
