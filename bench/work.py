"""The requests in the dialect of each contender, and what a right answer holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import orjson

from bench.api import clients

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Dialect = Literal["connection", "page", "envelope"]
"""Our graph; a page with `nodes` and `meta`; the API's own shape and names."""

LISTED = "id first_name last_name email phone client_type status source budget_min budget_max"
NAMED = "id first_name last_name email"
PAGE = 25
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
    spread: bool = False
    """Whether contenders and load use all cores, and only our own sides take part."""

    @property
    def cores(self) -> str:
        """The cores of the contenders."""
        return _ALL_CORES if self.spread else "0"

    @property
    def load_cores(self) -> str:
        """The cores of the load."""
        return _ALL_CORES if self.spread else "1"

    def lines(self, dialect: Dialect) -> bytes:
        """Return the bodies, one a line."""
        return b"".join(orjson.dumps(body) + b"\n" for body in self.bodies(dialect))

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
    return " ".join(
        head + "".join(word.capitalize() for word in rest)
        for head, *rest in (name.split("_") for name in names.split())
    )


def _list(dialect: Dialect) -> list[dict[str, Any]]:
    fields = fields_of(LISTED, dialect)
    query = {
        "connection": "query List($at: Int!) { clients(first: 25, offset: $at)"
        f" {{ edges {{ node {{ {fields} }} }} totalCount pageInfo {{ hasNextPage }} }} }}",
        "page": "query List($at: Int!) { clients(page: $at, limit: 25)"
        f" {{ nodes {{ {fields} }} meta {{ total hasMore }} }} }}",
        "envelope": "query List($at: Int!) { clients(page: $at, limit: 25)"
        f" {{ data {{ clients {{ {fields} }} meta {{ total hasMore }} }} }} }}",
    }[dialect]
    pages = range(len(clients()) // PAGE)
    return [
        {
            "query": query,
            "variables": {"at": page * PAGE if dialect == "connection" else page + 1},
        }
        for page in pages
    ]


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
    if "clients" not in data:
        rows = [value["data"] if dialect == "envelope" else value for value in data.values()]
    elif dialect == "connection":
        rows = [edge["node"] for edge in data["clients"]["edges"]]
    else:
        rows = data["clients"]["nodes"] if dialect == "page" else data["clients"]["data"]["clients"]
    return [[_plain(name, value) for name, value in row.items()] for row in rows]


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    return value.lower() if name in {"clientType", "client_type", "status"} else value


@cache
def _records(names: str) -> list[list[Any]]:
    return [[row[name] for name in names.split()] for row in clients()]


def _page_of(index: int) -> list[list[Any]]:
    return _records(LISTED)[index * PAGE : (index + 1) * PAGE]


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
    Work("W6", "W2 by several processes, on all cores", _list, _page_of, cached=True, spread=True),
)
