"""One row that a strict parser refuses costs its field or its place, and no other row anything."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.faults import ALWAYS, Fault, SandboxRequest, SandboxResponse
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway, before

PAGE = "{ clients(first: 3) { totalCount edges { cursor node { id firstName %s } } } }"
ONE = "query ($id: ID!) { client(id: $id) { firstName %s } }"
CODE = "UPSTREAM_BAD_RESPONSE"


def rewritten(
    name: str = "",
    raw: bytes = b"",
    outer: Callable[[bytes], bytes] = bytes,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Fault:
    """Replace `name` in the second row of a list, and in a client read by id, by raw bytes."""

    def mark(_: SandboxRequest, answer: SandboxResponse) -> None:
        if name and answer.records:
            answer.records[min(1, len(answer.records) - 1)][name] = "(here)"

    return Fault(
        "GET",
        times=ALWAYS,
        headers=dict(headers),
        change=mark,
        encode=lambda content: outer(content.replace(b'"(here)"', raw)),
    )


def deep(levels: int) -> bytes:
    return b'{"more":' + b"[" * levels + b"]" * levels + b"}"


UNREADABLE = [
    ("notes", b'"\\ud83d"', "notes"),
    ("notes", b'"half \\ude00 of it"', "notes"),
    ("notes", b'"\xff\xfe"', "notes"),
    ("notes", b"NaN", "notes"),
    ("budget_min", b"NaN", "budgetMin"),
    ("budget_min", b"-Infinity", "budgetMin"),
    ("budget_min", b"1e999", "budgetMin"),
    ("budget_min", b"9" * 5_000, "budgetMin"),
    ("tags", b'["hot","\\udfff"]', "tags"),
    ("property_preferences", deep(100_000), "propertyPreferences { bedroomsMin }"),
]


@pytest.mark.parametrize(("name", "raw", "field"), UNREADABLE)
async def test_a_value_that_cannot_be_read_costs_its_field(
    gateway: Gateway, sandbox: Sandbox, name: str, raw: bytes, field: str
) -> None:
    sandbox.fail(rewritten(name=name, raw=raw))
    rows = sandbox.rows_of(DEMO)
    key = field.split(maxsplit=1)[0]

    answer = await gateway.post(PAGE % field)
    one = await gateway.post(ONE % field, id=rows[1]["id"])

    edges = answer["data"]["clients"]["edges"]
    assert [edge["node"]["firstName"] for edge in edges] == [r["first_name"] for r in rows[:3]]
    assert edges[1]["node"][key] is None
    path = ["clients", "edges", 1, "node", key]
    assert [(e["path"], e["extensions"]["code"]) for e in answer["errors"]] == [(path, CODE)]
    assert one["data"] == {"client": {"firstName": rows[1]["first_name"], key: None}}
    assert [(e["path"], e["extensions"]["code"]) for e in one["errors"]] == [
        (["client", key], CODE)
    ]
    assert len(sandbox.calls) <= 2


READABLE: list[tuple[bytes, Any, Any]] = [
    (b'"two\nlines\x01"', bytes, "two\nlines\x01"),
    (b'"x"', lambda content: b"\xef\xbb\xbf" + content, "x"),
    (b'"x"', gzip.compress, "x"),
    (b'"x"', zlib.compress, "x"),
    (b'"x"', lambda content: zlib.compress(content, wbits=-15), "x"),
    (b'"x"', lambda content: content.decode().encode("utf-16"), "x"),
    (b'"lost","notes":"x"', bytes, "x"),
]


@pytest.mark.parametrize(("raw", "outer", "notes"), READABLE)
async def test_what_can_be_read_is_read_however_it_was_written(
    gateway: Gateway, sandbox: Sandbox, raw: bytes, outer: Any, notes: str
) -> None:
    sandbox.fail(rewritten(name="notes", raw=raw, outer=outer))
    rows = sandbox.rows_of(DEMO)

    page = await gateway.query(PAGE % "notes")
    one = await gateway.query(ONE % "notes", id=rows[-1]["id"])

    assert page["clients"]["edges"][1]["node"]["notes"] == notes
    assert one["client"]["firstName"] == rows[-1]["first_name"]
    assert sandbox.calls == ["GET /clients?page=1&limit=100"]


async def test_a_charset_that_is_declared_is_honoured_where_the_text_is_no_utf_8(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    latin = {"content-type": "application/json; charset=ISO-8859-1"}
    sandbox.fail(rewritten(name="notes", raw='"Café"'.encode("latin-1"), headers=latin))

    page = await gateway.query(PAGE % "notes")

    assert page["clients"]["edges"][1]["node"]["notes"] == "Café"


async def test_a_body_that_unfolds_without_end_is_not_unfolded(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.fail(rewritten(outer=lambda _: gzip.compress(b" " * 50_000_000)))

    assert await gateway.errors(PAGE % "notes") == [("clients", CODE)]


def other_row(row: Any, place: int = 1) -> Fault:
    """Replace one row of every list, by default the second."""

    def put(_: SandboxRequest, answer: SandboxResponse) -> None:
        if "meta" in answer.data and len(answer.records) > 2:
            rows = answer.data["clients"]
            rows[place] = rows[0] if row == "twice" else row

    return Fault(times=ALWAYS, change=put)


@pytest.mark.parametrize(
    "row", [None, 7, "row", [], {}, {"id": None}, {"id": 7}, {"id": "7"}, {"id": ""}, "twice"]
)
async def test_a_row_that_is_no_client_of_its_own_costs_its_edge(row: Any) -> None:
    sandbox = Sandbox()
    sandbox.fail(other_row(row))
    rows = sandbox.rows_of(DEMO)
    async with before(sandbox) as gateway:
        for _ in range(2):
            answer = await gateway.post(PAGE % "")
            whole = await gateway.post(
                "query ($after: String) { clients(first: 50, after: $after)"
                " { totalCount edges { cursor node { __typename } } pageInfo { hasNextPage } } }",
                after=answer["data"]["clients"]["edges"][1]["cursor"],
            )

    assert answer["data"]["clients"]["totalCount"] == len(rows)
    nodes = [edge["node"] for edge in answer["data"]["clients"]["edges"]]
    assert [node and node["id"] for node in nodes] == [rows[0]["id"], None, rows[2]["id"]]
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["clients", "edges", 1, "node"], CODE)
    assert "errors" not in whole
    assert len(whole["data"]["clients"]["edges"]) == len(rows) - 2
    assert sandbox.calls == ["GET /clients?page=1&limit=100"]


@pytest.mark.parametrize("place", [0, 1, 20, -1])
async def test_pages_are_counted_from_a_row_without_an_id_in_both_directions(place: int) -> None:
    sandbox = Sandbox()
    rows = sandbox.rows_of(DEMO)
    index = place % len(rows)
    sandbox.fail(other_row(None, index))
    side = "{ edges { node { id } } pageInfo { hasNextPage hasPreviousPage } }"
    async with before(sandbox) as gateway:
        page = await gateway.post("{ clients(first: 100) { edges { cursor } } }")
        cursor = page["data"]["clients"]["edges"][index]["cursor"]
        after = await gateway.query(
            f"query ($at: String) {{ clients(first: 50, after: $at) {side} }}", at=cursor
        )
        back = await gateway.query(
            f"query ($at: String) {{ clients(last: 50, before: $at) {side} }}", at=cursor
        )

    ids = [row["id"] for row in rows]
    shown = [[edge["node"]["id"] for edge in half["clients"]["edges"]] for half in (back, after)]
    assert shown == [ids[:index], ids[index + 1 :]]
    assert sandbox.calls == ["GET /clients?page=1&limit=100"]


@pytest.mark.parametrize("fault", ["row-null", "row-twice"])
async def test_named_faults_of_rows_cost_one_edge_a_page(fault: str) -> None:
    sandbox = Sandbox()
    sandbox.fail(named(fault))
    async with before(sandbox) as gateway:
        answer = await gateway.post(PAGE % "")

    nodes = [edge["node"] is None for edge in answer["data"]["clients"]["edges"]]
    assert nodes == ([True, False, False] if fault == "row-null" else [False, True, False])
    assert len(answer["errors"]) == 1


async def test_rows_and_counts_are_found_where_other_lists_have_them(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    def moved(content: bytes) -> bytes:
        envelope = orjson.loads(content)
        data = envelope["data"]
        return orjson.dumps({"success": True, "data": data["clients"], "meta": data["meta"]})

    sandbox.fail(rewritten(outer=moved))

    page = await gateway.query(PAGE % "")

    assert page["clients"]["totalCount"] == len(sandbox.rows_of(DEMO))
