"""Any search, filter, order, window and count is what a program would find that read everything.

SEARCH_CASES says how many questions are compared, SEARCH_SEED which.
"""

from __future__ import annotations

import math
import os
from random import Random
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from tests.gateway.conftest import Gateway, before
from tests.search import model, questions
from tests.search.office import Office

CASES = int(os.environ.get("SEARCH_CASES", "80"))
SEED = int(os.environ.get("SEARCH_SEED", "1"))
EACH = 20
"""Questions about one collection, with a write between some of them."""

ARGUMENTS = """$search: String, $searchIn: [ClientSearchField!], $orderBy: [ClientOrder!],
  $filter: ClientFilter, $first: Int, $after: String, $last: Int, $before: String, $offset: Int"""
GIVEN = """search: $search, searchIn: $searchIn, orderBy: $orderBy, filter: $filter,
  first: $first, after: $after, last: $last, before: $before, offset: $offset"""
PAGE = f"""query ({ARGUMENTS}) {{ clients({GIVEN}) {{
  totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
  edges {{ cursor node {{ id }} }}
}} }}"""
FACETS = f"""query ({ARGUMENTS}) {{ clients({GIVEN}) {{ totalCount facets {{
  status {{ value count }} clientType {{ value count }} source {{ value count }}
  tags(first: 100) {{ value count }} budget {{ count min max average median }}
}} }} }}"""
CREATE = """mutation ($input: CreateClientInput!) {
  createClient(input: $input) { ... on CreateClientSuccess { client { id } } } }"""
UPDATE = """mutation ($input: UpdateClientInput!) {
  updateClient(input: $input) { ... on UpdateClientSuccess { client { id } } } }"""
DELETE = """mutation ($input: DeleteClientInput!) {
  deleteClient(input: $input) { ... on DeleteClientSuccess { deletedClientId } } }"""


class Comparison:
    """A gateway whose answers are compared with the model's over the sandbox's rows."""

    def __init__(self, gateway: Gateway, sandbox: Sandbox, user: Office, chance: Random) -> None:
        self.gateway, self.sandbox, self.user, self.chance = gateway, sandbox, user, chance
        self.created: set[str] = set()

    async def clients(self, query: str, **variables: Any) -> Any:
        data = await self.gateway.query(query, key=self.user.api_key, **variables)
        return data["clients"]

    def expected(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        rows = self.sandbox.rows_of(self.user)
        for row in rows:
            if row["id"] in self.created:
                row |= {"pre_approved": None}
        return model.answer(rows, given)

    async def compare_pages(self, given: dict[str, Any]) -> None:
        """All pages forwards or backwards, and one by an offset."""
        ids = [row["id"] for row in self.expected(given)]
        size = self.chance.choice([1, 3, 10, 100] if len(ids) <= 30 else [30, 100])
        seen: list[str] = []
        cursor = None
        forwards = self.chance.random() < 0.5
        for _ in range(len(ids) + 2):
            ends = (
                {"first": size, "after": cursor} if forwards else {"last": size, "before": cursor}
            )
            page = await self.clients(PAGE, **given, **ends)
            assert page["totalCount"] == len(ids), given
            found = [edge["node"]["id"] for edge in page["edges"]]
            info = page["pageInfo"]
            seen = [*seen, *found] if forwards else [*found, *seen]
            cursor = info["endCursor"] if forwards else info["startCursor"]
            if not info["hasNextPage" if forwards else "hasPreviousPage"]:
                break
        assert seen == ids, given
        offset = self.chance.randrange(len(ids) + 2)
        page = await self.clients(PAGE, **given, first=size, offset=offset)
        assert [edge["node"]["id"] for edge in page["edges"]] == ids[offset : offset + size], given

    async def compare_facets(self, given: dict[str, Any]) -> None:
        rows = self.expected(given)
        found = await self.clients(FACETS, **given)
        facets, right = found["facets"], model.facets(rows)
        assert found["totalCount"] == len(rows)
        for name in ("status", "clientType", "source", "tags"):
            counts = [each["count"] for each in facets[name]]
            assert counts == sorted(counts, reverse=True)
            assert {each["value"]: each["count"] for each in facets[name]} == right[name], given
        for name, value in right["budget"].items():
            theirs = facets["budget"][name]
            same = theirs == value or math.isclose(theirs, value, rel_tol=1e-9)
            assert same, (name, theirs, value)

    async def write(self) -> None:
        """The caller's own write, which costs one call."""
        rows, chance = self.sandbox.rows_of(self.user), self.chance
        kind = chance.choice(["create", "update", "delete"]) if rows else "create"
        calls = len(self.sandbox.calls)
        if kind == "create":
            names = {"firstName": chance.choice(["Ana", "Zoë"]), "lastName": "Torres"}
            given = {**names, "clientType": "BUYER", "email": chance.choice([None, "z@ex.test"])}
            done = await self.gateway.query(CREATE, key=self.user.api_key, input=given)
        elif kind == "update":
            given = {"id": chance.choice(rows)["id"], "status": chance.choice(["ACTIVE", "CLOSED"])}
            done = await self.gateway.query(UPDATE, key=self.user.api_key, input=given)
        else:
            given = {"id": chance.choice(rows)["id"]}
            done = await self.gateway.query(DELETE, key=self.user.api_key, input=given)
        assert all(done.values()), done
        if kind == "create":  # the API's response to a create does not have all fields
            self.created.add(done["createClient"]["client"]["id"])
        else:
            self.created.discard(given["id"])
        assert len(self.sandbox.calls) == calls + 1


@pytest.mark.parametrize("rows", [0, 1, 30, 250])
async def test_an_answer_is_what_reading_everything_would_find(rows: int) -> None:
    for case in range(max(1, CASES // EACH // 4)):
        chance = Random(f"{SEED} {rows} {case}")
        user = Office("Office", rows, seed=chance.randrange(2**32))
        sandbox = Sandbox([user], limit=10**6)
        async with before(sandbox) as gateway:
            compared = Comparison(gateway, sandbox, user, chance)
            writes = 0
            for _ in range(EACH):
                ids = [row["id"] for row in sandbox.rows_of(user)]
                given = questions.question(chance, ids)
                await compared.compare_pages(given)
                await compared.compare_facets(given)
                if chance.random() < 0.3:
                    await compared.write()
                    writes += 1
            assert len(sandbox.calls) <= max(1, -(-rows // 100)) + writes


async def test_own_writes_between_two_pages_neither_repeat_nor_skip_a_client() -> None:
    for case in range(max(1, CASES // EACH)):
        chance = Random(f"{SEED} between {case}")
        user = Office("Office", 60, seed=chance.randrange(2**32))
        sandbox = Sandbox([user], limit=10**6)
        async with before(sandbox) as gateway:
            compared = Comparison(gateway, sandbox, user, chance)
            for _ in range(EACH // 4):
                given = questions.question(chance, [row["id"] for row in sandbox.rows_of(user)])
                await _scroll_and_write(compared, given)


async def _scroll_and_write(compared: Comparison, given: dict[str, Any]) -> None:
    forwards = compared.chance.random() < 0.5
    stayed = {row["id"]: row for row in compared.expected(given)}
    seen: list[str] = []
    cursor, more = None, True
    while more:
        ends = {"first": 7, "after": cursor} if forwards else {"last": 7, "before": cursor}
        page = await compared.clients(PAGE, **given, **ends)
        info = page["pageInfo"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        cursor = info["endCursor"] if forwards else info["startCursor"]
        more = info["hasNextPage" if forwards else "hasPreviousPage"]
        await compared.write()
        now = {row["id"]: row for row in compared.expected(given)}
        stayed = {id: row for id, row in stayed.items() if now.get(id) == row}
    assert {id: seen.count(id) for id in stayed} == dict.fromkeys(stayed, 1), given
