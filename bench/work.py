"""The requests in the dialect of each contender, and what a right answer holds."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any, Literal

import orjson

from bench.api import ROWS, clients

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Dialect = Literal["connection", "page", "envelope"]
"""Our graph; a page with `nodes` and `meta`; the API's own shape and names."""

LISTED = "id first_name last_name email phone client_type status source budget_min budget_max"
NAMED = "id first_name last_name email"
WHOLE = (
    f"{LISTED} user_id preferred_locations"
    " property_preferences { bedrooms_min bathrooms_min square_feet_min property_types }"
    " pre_approved pre_approval_amount notes tags version created_at updated_at"
)
PAGE = 25
LARGE = 100
ENTITY_REQUESTS = 2_000
_ALL_CORES = f"0-{(os.cpu_count() or 2) - 1}"


@dataclass(frozen=True, slots=True)
class Work:
    """One workload. `cached`: whether each system's own cache is on."""

    name: str
    what: str
    bodies: Callable[[Dialect], list[dict[str, Any]]]
    right: Callable[[int], list[list[Any]]]
    """The rows that the answer to the body with this index must hold."""
    cached: bool = False
    held: bool = False
    """Whether our own cache is on although the rivals need none: they have nothing to ask."""
    connections: int = 64
    alone: bool = False
    """Whether only our own sides take part."""
    spread: bool = False
    """Whether contenders and load use all cores."""
    complete: bool = False
    """Whether it needs all fields of a client."""
    beside: str = ""
    """The workload that a second program sends meanwhile."""

    @property
    def cores(self) -> str:
        """The cores of the contenders."""
        return _ALL_CORES if self.spread else "0"

    @property
    def load_cores(self) -> str:
        """The cores of the load."""
        return _ALL_CORES if self.spread else "1"

    @property
    def warmed(self) -> bool:
        """Whether each run follows a load that is not counted, so that caches hold everything."""
        return self.cached

    def lines(self, dialect: Dialect) -> bytes:
        """Return the bodies, one a line."""
        return b"".join(orjson.dumps(body) + b"\n" for body in self.bodies(dialect))

    def checked(self, dialect: Dialect) -> Sequence[int]:
        """Return the indices of the bodies whose answers are compared."""
        count = len(self.bodies(dialect))
        return sorted({0, count // 2, count - 1})

    def wrong(self, dialect: Dialect, index: int, answer: dict[str, Any]) -> str | None:
        """Return what is wrong with an answer to the body with this index."""
        if answer.get("errors") or not isinstance(answer.get("data"), dict):
            return f"{self.name}: {orjson.dumps(answer)[:300].decode()}"
        rows, right = _rows(dialect, answer["data"]), self.right(index)
        return None if rows == right else f"{self.name}: got {rows[:1]}, not {right[:1]}"


def fields_of(names: str, dialect: Dialect) -> str:
    """Return a selection of these fields, by the API's names, in a dialect."""
    if dialect == "envelope":
        return names
    camel = " ".join(
        head + "".join(word.capitalize() for word in rest)
        for head, *rest in (name.split("_") for name in names.split())
    )
    return camel.replace("userId", "owner { id }") if dialect == "connection" else camel


def _list(dialect: Dialect, names: str = LISTED, size: int = PAGE) -> list[dict[str, Any]]:
    fields = fields_of(names, dialect)
    query = {
        "connection": f"query List($at: Int!) {{ clients(first: {size}, offset: $at)"
        f" {{ edges {{ node {{ {fields} }} }} totalCount pageInfo {{ hasNextPage }} }} }}",
        "page": f"query List($at: Int!) {{ clients(page: $at, limit: {size})"
        f" {{ nodes {{ {fields} }} meta {{ total hasMore }} }} }}",
        "envelope": f"query List($at: Int!) {{ clients(page: $at, limit: {size})"
        f" {{ data {{ clients {{ {fields} }} meta {{ total hasMore }} }} }} }}",
    }[dialect]
    pages = range(len(clients()) // size)
    return [
        {
            "query": query,
            "variables": {"at": page * size if dialect == "connection" else page + 1},
        }
        for page in pages
    ]


def _whole(dialect: Dialect) -> list[dict[str, Any]]:
    return _list(dialect, WHOLE, LARGE)


def _entities(_: Dialect) -> list[dict[str, Any]]:
    """Return requests of a router, each for other clients: no response to them is stored."""
    query = (
        "query Entities($those: [_Any!]!) { _entities(representations: $those)"
        f" {{ ... on Client {{ {fields_of(LISTED, 'connection')} }} }} }}"
    )
    ids = [id for [id] in _records("id")]
    return [
        {
            "query": query,
            "variables": {
                "those": [{"__typename": "Client", "id": ids[place]} for place in _places(index)]
            },
        }
        for index in range(ENTITY_REQUESTS)
    ]


def _places(index: int) -> list[int]:
    return Random(index).sample(range(ROWS), LARGE)  # noqa: S311 - the same every time


def _one(dialect: Dialect) -> list[dict[str, Any]]:
    kind = "String!" if dialect == "envelope" else "ID!"
    selection = f"{{ {fields_of(LISTED, dialect)} }}"
    if dialect == "envelope":
        selection = f"{{ data {selection} }}"
    query = f"query One($id: {kind}) {{ client(id: $id) {selection} }}"
    return [{"query": query, "variables": {"id": row["id"]}} for row in clients()]


def _fifty(dialect: Dialect) -> list[dict[str, Any]]:
    kind = "String!" if dialect == "envelope" else "ID!"
    selection = f"{{ {fields_of(NAMED, dialect)} }}"
    if dialect == "envelope":
        selection = f"{{ data {selection} }}"
    variables = ", ".join(f"$i{n}: {kind}" for n in range(PAGE))
    aliases = " ".join(f"c{n}: client(id: $i{n % PAGE}) {selection}" for n in range(2 * PAGE))
    query = f"query Fifty({variables}) {{ {aliases} }}"
    ids = [row["id"] for row in clients()]
    return [
        {"query": query, "variables": {f"i{n}": ids[begin + n] for n in range(PAGE)}}
        for begin in range(0, len(ids), PAGE)
    ]


def _nothing(_: Dialect) -> list[dict[str, Any]]:
    return [{"query": "{ __typename }"}]


def _rows(dialect: Dialect, data: dict[str, Any]) -> list[list[Any]]:
    if "__typename" in data:
        return [[data["__typename"]]]
    rows: list[dict[str, Any]]
    if "_entities" in data:
        rows = data["_entities"]
    elif "clients" not in data:
        rows = [value["data"] if dialect == "envelope" else value for value in data.values()]
    elif dialect == "connection":
        rows = [edge["node"] for edge in data["clients"]["edges"]]
    else:
        rows = data["clients"]["nodes"] if dialect == "page" else data["clients"]["data"]["clients"]
    return [[_plain(name, value) for name, value in row.items()] for row in rows]


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    match name:
        case "clientType" | "client_type" | "status":
            return value.lower()
        case "createdAt" | "created_at" | "updatedAt" | "updated_at":
            return datetime.fromisoformat(value)
        case "owner":
            return value["id"]
        case "propertyPreferences" | "property_preferences":
            return list(value.values())
        case _:
            return value


@cache
def _records(names: str) -> list[list[Any]]:
    shown = re.sub(r" \{.*?\}", "", names).split()
    return [[_plain(name, row[name]) for name in shown] for row in clients()]


def _page_of(index: int) -> list[list[Any]]:
    return _records(LISTED)[index * PAGE : (index + 1) * PAGE]


def _whole_page_of(index: int) -> list[list[Any]]:
    return _records(WHOLE)[index * LARGE : (index + 1) * LARGE]


def _entities_of(index: int) -> list[list[Any]]:
    return [_records(LISTED)[place] for place in _places(index)]


def _client_at(index: int) -> list[list[Any]]:
    return [_records(LISTED)[index]]


def _named(index: int) -> list[list[Any]]:
    return 2 * _records(NAMED)[index * PAGE : (index + 1) * PAGE]


WORKS: Sequence[Work] = (
    Work("W1", "a list of 25 x 10 fields, nothing held", _list, _page_of),
    Work("W2", "the same, each system's cache on", _list, _page_of, cached=True),
    Work("W3", "a client by id, nothing held", _one, _client_at),
    Work("W3c", "the same, each system's cache on", _one, _client_at, cached=True),
    Work("W4", "50 aliases over 25 ids, nothing held", _fifty, _named, connections=16),
    Work("W5", "`{ __typename }`", _nothing, lambda _: [["Query"]], held=True),
    Work(
        "W6",
        "W2 by several processes, on all cores",
        _list,
        _page_of,
        cached=True,
        alone=True,
        spread=True,
    ),
    Work(
        "L1",
        "a list of 100 rows x all fields, nothing held",
        _whole,
        _whole_page_of,
        connections=16,
        complete=True,
    ),
    Work(
        "L2",
        "100 `_entities` of 10 fields, their rows held, their responses not",
        _entities,
        _entities_of,
        cached=True,
        alone=True,
        connections=16,
        complete=True,
    ),
    Work(
        "L3",
        "W3 by 4 connections while 4 others send L1 (CPU and calls are those of both)",
        _one,
        _client_at,
        connections=4,
        complete=True,
        beside="L1",
    ),
)
