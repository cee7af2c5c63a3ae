"""Remembered answers are what would be answered anyway, in every order of events.

One gateway gets requests whose answers are remembered whole, one in a way (a parameter on
the media type) that always executes. Everything else about them is the same.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any

import httpx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO, GRACE
from tests.clockwork import VirtualLoop, virtually
from tests.gateway.conftest import HERE
from tests.gateway.conftest import settings as ours
from tests.in_process import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

PEOPLE = (DEMO, GRACE)
QUERIES = (
    "{ __typename }",
    "{ clients(first: 3) { totalCount edges { cursor node { id email status version } } } }",
    "{ clients(first: 2, filter: { status: ACTIVE }) { totalCount edges { node { id status } } } }",
    "{ clients { totalCount } }",
    "query ($id: ID!) { client(id: $id) { id email notes status version } }",
    "query ($id: ID!) { nodes(ids: [$id]) { id ... on Client { status version } } }",
    """{ clients(search: "e", orderBy: [{ field: EMAIL }], first: 3) {
      totalCount edges { cursor node { id email } } facets { status { value count } } } }""",
)
CHANGE = """mutation ($id: ID!, $email: String) {
  updateClient(input: { id: $id, email: $email }) {
    __typename ... on UpdateClientSuccess { client { id email version } }
  }
}"""
DELETE = "mutation ($id: ID!) { deleteClient(input: { id: $id }) { __typename } }"

SETTLED = 0.001
"""Virtual seconds after each step: time passes only once what runs behind an answer has ended.

A background refresh takes turns of the loop, and an answer that is executed takes more turns than
a remembered one, so that the next question would find it ended in one way and not in the other.
"""

WHO = st.sampled_from([0, 0, 0, 0, 1])
WHICH = st.sampled_from([0, 0, 0, 1])
WHAT = st.sampled_from([0, 1, 1, 2, 3, 4, 4, 4, 5, 6, 6])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), WHAT, WHO, WHICH, st.integers(2, 3)),
        st.tuples(st.just("ask"), WHAT, WHO, WHICH, st.integers(2, 3)),
        st.tuples(st.just("change"), WHO, WHICH, st.integers(0, 99)),
        st.tuples(st.just("delete"), WHO, WHICH),
        st.tuples(st.just("elsewhere"), WHO, WHICH, st.integers(0, 99)),
        st.tuples(st.just("wait"), st.sampled_from([0.2, 4.0, 6.0, 20.0, 31.0, 61.0, 400.0])),
    ),
    min_size=6,
    max_size=16,
)


def one_by_one(steps: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield each step, a request once for each time that it is sent."""
    for step in steps:
        if step[0] == "ask":
            yield from repeat(step[:-1], step[-1])
        else:
            yield step


class Side:
    """One gateway before a sandbox of its own."""

    def __init__(self, loop: VirtualLoop, content_type: str) -> None:
        self.sandbox = Sandbox(
            clock=loop.time, now=lambda: datetime.fromtimestamp(loop.time(), UTC)
        )
        self.elsewhere = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.sandbox), base_url=HERE
        )
        self.content_type = content_type
        app = create_app(
            ours(),
            wire=InProcess(self.sandbox),
            clock=loop.time,
        )
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE)

    async def ask(self, query: str, who: int, **variables: Any) -> Any:
        answer = await self.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"X-API-Key": PEOPLE[who].api_key, "Content-Type": self.content_type},
        )
        return answer.json()

    async def take(self, step: tuple[Any, ...], ids: list[list[str]]) -> Any:
        match step:
            case "ask", query, who, which:
                return await self.ask(QUERIES[query], who, id=ids[who][which])
            case "change", who, which, number:
                email = f"changed{number}@example.com"
                return await self.ask(CHANGE, who, id=ids[who][which], email=email)
            case "delete", who, which:
                return await self.ask(DELETE, who, id=ids[who][which])
            case "elsewhere", who, which, number:
                await self.elsewhere.put(
                    f"/v1/clients/{ids[who][which]}",
                    json={"email": f"elsewhere{number}@example.com"},
                    headers={"X-API-Key": PEOPLE[who].api_key},
                )
        return None


@given(STEPS)
@example([("ask", 4, 0, 0, 3), ("change", 0, 0, 7), ("ask", 4, 0, 0, 2)])
@example([("ask", 4, 0, 0, 3), ("elsewhere", 0, 0, 7), ("wait", 61.0), ("ask", 4, 0, 0, 2)])
@example([("ask", 1, 0, 0, 3), ("wait", 31.0), ("ask", 1, 0, 0, 2), ("wait", 61.0)])
@settings(max_examples=25, deadline=None)
def test_what_is_remembered_whole_is_what_would_be_answered_anyway(
    steps: list[tuple[Any, ...]],
) -> None:
    async def play(loop: VirtualLoop) -> None:
        sides = (
            Side(loop, "application/json"),
            Side(loop, "application/json; charset=utf-8"),
        )
        ids = [[row["id"] for row in sides[0].sandbox.rows_of(person)[:4]] for person in PEOPLE]
        for step in one_by_one(steps):
            if step[0] == "wait":
                await asyncio.sleep(step[1])
            remembering, executing = [await side.take(step, ids) for side in sides]
            assert remembering == executing, step
            await asyncio.sleep(SETTLED)
        assert sides[0].sandbox.calls == sides[1].sandbox.calls

    virtually(play)
