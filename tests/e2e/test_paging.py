"""An official Python client pages through everything, over real sockets."""

from typing import Any

import httpx
from gql import Client, GraphQLRequest
from gql.transport.httpx import HTTPXAsyncTransport

from gateway.sandbox.users import EDSGER
from tests.e2e.conftest import Running

FORWARDS = """query ($after: String) { clients(first: 100, after: $after) {
      pageInfo { hasNextPage endCursor } edges { node { id } } } }"""
BACKWARDS = """query ($before: String) { clients(last: 100, before: $before) {
      pageInfo { hasPreviousPage startCursor } edges { node { id } } } }"""


def calls(demo: Running) -> list[str]:
    origin = demo.output.split("Sandbox")[1].split()[0].removesuffix("/v1/clients")
    found: list[str] = httpx.get(f"{origin}/_sandbox/calls", trust_env=False).json()
    return found


def talk(demo: Running) -> Client:
    transport = HTTPXAsyncTransport(
        url=f"{demo.url}/graphql", headers={"X-API-Key": EDSGER.api_key}, trust_env=False
    )
    return Client(transport=transport, fetch_schema_from_transport=True)


async def clients(session: Any, query: str, **variables: Any) -> Any:
    return (await session.execute(GraphQLRequest(query, variable_values=variables)))["clients"]


def ids(page: Any) -> list[str]:
    return [edge["node"]["id"] for edge in page["edges"]]


async def test_2500_clients_are_paged_through_in_25_calls_and_backwards_too(demo: Running) -> None:
    forwards: list[str] = []
    backwards: list[str] = []
    async with talk(demo) as session:
        after = None
        for _ in range(30):
            page = await clients(session, FORWARDS, after=after)
            forwards += ids(page)
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        spent = len(calls(demo))

        before = None
        for _ in range(30):
            page = (
                await session.execute(GraphQLRequest(BACKWARDS, variable_values={"before": before}))
            )["clients"]
            backwards = ids(page) + backwards
            before = page["pageInfo"]["startCursor"]
            if not page["pageInfo"]["hasPreviousPage"]:
                break

    assert spent == 25
    assert len(forwards) == len(set(forwards)) == 2500
    assert backwards == forwards
