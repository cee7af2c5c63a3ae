"""Unknown credentials, through the whole gateway in virtual time."""

import asyncio
import hashlib
from collections import Counter

import httpx
import pytest

from bench.window import post
from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DemoUser
from tests.gateway.conftest import HERE, settings
from tests.in_process import InProcess

QUERY = "{ clients(first: 5) { totalCount } }"
COUNT = {"query": QUERY}
AGENTS = [DemoUser(f"Agent {number}", 3) for number in range(100)]


def random_key(number: int) -> str:
    return hashlib.sha256(f"random {number}".encode()).hexdigest()


class Office:
    """A gateway, the API behind it, and what came of every caller."""

    def __init__(self) -> None:
        self.sandbox = Sandbox(AGENTS, clock=asyncio.get_running_loop().time)
        app = create_app(
            settings(), wire=InProcess(self.sandbox), clock=asyncio.get_running_loop().time
        )
        self.app = app
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE)
        self.ends: Counter[str] = Counter()

    async def ask(self, key: str) -> httpx.Response:
        return await self.http.post("/graphql", json=COUNT, headers={"X-API-Key": key})

    async def strange(self, number: int, at: float) -> None:
        """Somebody tries a random key, once, past the client library: it takes most of the time."""
        await asyncio.sleep(at)
        answer = await post(self.app, random_key(number), QUERY, {})
        self.ends[answer["errors"][0]["extensions"]["code"]] += 1

    async def genuine(self, person: DemoUser, at: float) -> float:
        """A new caller sends, and waits for each `retryAfter`; when it was served."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(at)
        began = loop.time()
        while True:
            answer = await self.ask(person.api_key)
            if "errors" not in answer.json():
                assert answer.json()["data"] == {"clients": {"totalCount": 3}}
                return round(loop.time() - began, 3)
            await asyncio.sleep(int(answer.headers["Retry-After"]))


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Run once: nothing here depends on what executes an operation."""


async def test_a_flood_of_random_keys_is_cheap_and_drowns_no_new_caller_who_asks_again() -> None:
    office = Office()

    _, waited = await asyncio.gather(
        asyncio.gather(*(office.strange(number, number * 0.006) for number in range(10_000))),
        asyncio.gather(
            *(office.genuine(person, number * 0.6) for number, person in enumerate(AGENTS))
        ),
    )

    assert office.ends == {"UNAUTHENTICATED": 25, "RATE_LIMITED": 9_975}
    assert len(office.sandbox.calls) == 25 + 100
    # The first asks before the failures are used up; the others are sent away for a second or two,
    # and are served when they come back.
    assert (waited[0], max(waited), set(waited[45:])) == (0.0, 3.866, {1.0})


@pytest.mark.parametrize(("genuine_first", "longest"), [(True, 0.8), (False, 4.9)])
async def test_where_all_come_at_the_same_moment_every_new_caller_is_served(
    genuine_first: bool,  # noqa: FBT001 - a parameter of the test
    longest: float,
) -> None:
    office = Office()
    office.sandbox.fail(Fault(times=1_000, latency=0.1))

    strange = [asyncio.create_task(office.strange(number, 0.001)) for number in range(500)]
    at = 0.0 if genuine_first else 0.002
    waited = await asyncio.gather(*(office.genuine(person, at) for person in AGENTS))
    await asyncio.wait(strange)

    assert office.ends == {"UNAUTHENTICATED": 16, "RATE_LIMITED": 484}
    assert len(office.sandbox.calls) == 16 + 100
    assert max(waited) == longest


async def test_once_a_flood_is_over_new_callers_are_not_even_sent_away() -> None:
    office = Office()
    await asyncio.gather(*(office.strange(number, 0) for number in range(1_000)))
    await asyncio.sleep(1)

    first = await asyncio.gather(*(office.ask(person.api_key) for person in AGENTS))

    assert all(answer.json().get("data") for answer in first)
    assert office.ends["UNAUTHENTICATED"] <= 25


async def test_a_hundred_new_callers_alone_get_in_without_being_sent_away() -> None:
    office = Office()
    office.sandbox.fail(Fault(times=100, latency=0.3))

    waited = await asyncio.gather(*(office.genuine(person, 0) for person in AGENTS))

    assert len(office.sandbox.calls) == 100
    assert max(waited) == 2.4
