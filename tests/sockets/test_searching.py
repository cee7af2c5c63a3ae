"""A search box over a socket: what is typed is answered from memory, and the receipt says so."""

import json
from typing import Any

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.serving import Way, Wire, post, serving

SEARCH = """query ($search: String, $after: String) {
  clients(search: $search, orderBy: [{ field: LAST_NAME }], first: 3, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } edges { node { id lastName } }
    facets { status { value count } tags(first: 2) { count } } } }"""


def ask(wire: Wire, query: str, **variables: Any) -> Any:
    answer = wire.ask(post(json.dumps({"query": query, "variables": variables}).encode()))
    assert answer.status == 200, answer.content
    return json.loads(answer.content)


def test_typing_and_paging_cost_one_call_in_all(way: Way) -> None:
    with serving(Sandbox(), way) as gateway, gateway.connection() as wire:
        receipts = []
        for length in range(1, 4):
            answer = ask(wire, SEARCH, search="ana"[:length])
            receipts.append(answer["extensions"]["upstream"]["calls"])
        seen, cursor, total = [], None, 0
        while total == 0 or cursor is not None:
            page = ask(wire, SEARCH, search="ana", after=cursor)["data"]["clients"]
            seen += [edge["node"] for edge in page["edges"]]
            total, info = page["totalCount"], page["pageInfo"]
            cursor = info["endCursor"] if info["hasNextPage"] else None
        rows = gateway.sandbox.rows_of(DEMO)
        calls = gateway.sandbox.calls

    assert receipts == [1, 0, 0]
    assert calls == ["GET /clients?page=1&limit=100"]
    assert [each["lastName"] for each in seen] == sorted(each["lastName"] for each in seen)
    named = [row for row in rows if row["first_name"] == "Ana" or "ana." in row["email"]]
    assert {each["id"] for each in seen} >= {row["id"] for row in named}
    assert total == len(seen)
