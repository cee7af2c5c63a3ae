"""Workload R: what an app sends. 100 callers of 60 clients each, 20 operations, 2 % writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from bench.api import OWN_ROWS, clients
from bench.work import LISTED, NAMED, WORKS, Work, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.side import Side
    from bench.work import Dialect

CALLERS = 100
REQUESTS = 20_000
"""Different requests, sent in turn."""
WRITES = 0.02
CLOSED = 0.02
"""The part of the requests after which the connection is closed."""
ORIGINS = tuple(f"https://app{number}.example.com" for number in range(5))
LINE, HOST = "\x01", "\x02"
"""Stand for the end of a line and for the contender's address in a file of requests."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the app, and the ids of the clients that its answer holds."""

    name: str
    body: Callable[[Dialect, Random], tuple[dict[str, Any], list[str]]]


@cache
def rows() -> list[dict[str, Any]]:
    """Return the clients of each caller."""
    return clients()[:OWN_ROWS]


def _list(
    names: str, size: int | None, *, fragment: bool = False, **filters: str
) -> Callable[[Dialect, Random], tuple[dict[str, Any], list[str]]]:
    """Return a list operation; without `size`, the size is a variable that differs each time."""

    def body(dialect: Dialect, dice: Random) -> tuple[dict[str, Any], list[str]]:
        count = dice.randrange(1, OWN_ROWS + 1) if size is None else size
        shown = [row for row in rows() if all(row[name] == filters[name] for name in filters)]
        argument = {"connection": "first", "page": "limit", "envelope": "limit"}[dialect]
        return {
            "query": f"query List($n: Int!) {{ clients({argument}: $n{_filter(dialect, filters)})"
            f" {_rows(dialect, fields_of(names, dialect), fragment=fragment)} }}"
            + (_fragment(dialect, names) if fragment else ""),
            "variables": {"n": count},
        }, [row["id"] for row in shown[:count]]

    return body


def _filter(dialect: Dialect, filters: dict[str, str]) -> str:
    if not filters:
        return ""
    if dialect == "connection":
        names = {"status": "status", "client_type": "clientType"}
        inner = ", ".join(f"{names[name]}: {value.upper()}" for name, value in filters.items())
        return f", filter: {{{inner}}}"
    names = {"status": "status", "client_type": "clientType"}
    if dialect == "envelope":
        names = {name: name for name in names}
    return "".join(f", {names[name]}: {value}" for name, value in filters.items())


def _rows(dialect: Dialect, shown: str, *, fragment: bool) -> str:
    shown = "...Shown" if fragment else shown
    return {
        "connection": f"{{ edges {{ node {{ {shown} }} }} totalCount }}",
        "page": f"{{ nodes {{ {shown} }} meta {{ total }} }}",
        "envelope": f"{{ data {{ clients {{ {shown} }} meta {{ total }} }} }}",
    }[dialect]


def _fragment(dialect: Dialect, names: str) -> str:
    return f" fragment Shown on Client {{ {fields_of(names, dialect)} }}"


def _client(
    names: str, *, fragment: bool = False, literal: bool = False
) -> Callable[[Dialect, Random], tuple[dict[str, Any], list[str]]]:
    def body(dialect: Dialect, dice: Random) -> tuple[dict[str, Any], list[str]]:
        id = _one_of(dice)
        shown = "...Shown" if fragment else fields_of(names, dialect)
        selection = f"{{ data {{ {shown} }} }}" if dialect == "envelope" else f"{{ {shown} }}"
        kind = "String!" if dialect == "envelope" else "ID!"
        head, argument = f"query One($id: {kind})", "$id"
        if literal:
            head, argument = "", f'"{id}"'
        end = _fragment(dialect, names) if fragment else ""
        query = f"{head} {{ client(id: {argument}) {selection} }}{end}"
        return {"query": query} if literal else {"query": query, "variables": {"id": id}}, [id]

    return body


def _several(
    names: str, count: int
) -> Callable[[Dialect, Random], tuple[dict[str, Any], list[str]]]:
    def body(dialect: Dialect, dice: Random) -> tuple[dict[str, Any], list[str]]:
        ids = [_one_of(dice) for _ in range(count)]
        kind = "String!" if dialect == "envelope" else "ID!"
        shown = fields_of(names, dialect)
        selection = f"{{ data {{ {shown} }} }}" if dialect == "envelope" else f"{{ {shown} }}"
        head = ", ".join(f"$i{place}: {kind}" for place in range(count))
        parts = " ".join(f"c{place}: client(id: $i{place}) {selection}" for place in range(count))
        variables = {f"i{place}": id for place, id in enumerate(ids)}
        return {"query": f"query Several({head}) {{ {parts} }}", "variables": variables}, ids

    return body


def _start(dialect: Dialect, dice: Random) -> tuple[dict[str, Any], list[str]]:
    """Return the app's first page: a list, the number of active clients, and one client."""
    id = _one_of(dice)
    names = fields_of(NAMED, dialect)
    argument = "first" if dialect == "connection" else "limit"
    kind = "String!" if dialect == "envelope" else "ID!"
    active = {
        "connection": "clients(first: 1, filter: {status: ACTIVE}) { totalCount }",
        "page": "clients(limit: 1, status: active) { meta { total } }",
        "envelope": "clients(limit: 1, status: active) { data { meta { total } } }",
    }[dialect]
    selection = f"{{ data {{ {names} }} }}" if dialect == "envelope" else f"{{ {names} }}"
    query = (
        f"query Start($id: {kind}) {{ recent: clients({argument}: 10)"
        f" {_rows(dialect, names, fragment=False)} active: {active}"
        f" open: client(id: $id) {selection} }}"
    )
    return {"query": query, "variables": {"id": id}}, [*(row["id"] for row in rows()[:10]), id]


def _update(dialect: Dialect, dice: Random) -> tuple[dict[str, Any], list[str]]:
    """Return the write: another address of one client."""
    id, address = _one_of(dice), f"new.{dice.randrange(10**9)}@example.com"
    if dialect == "connection":
        query = (
            "mutation Change($id: ID!, $email: String)"
            " { updateClient(input: {id: $id, email: $email})"
            " { ... on UpdateClientSuccess { client { id } } } }"
        )
    else:
        kind = "String!" if dialect == "envelope" else "ID!"
        selection = "{ data { id } }" if dialect == "envelope" else "{ id }"
        query = (
            f"mutation Change($id: {kind}, $email: String)"
            f" {{ updateClient(id: $id, email: $email) {selection} }}"
        )
    return {"query": query, "variables": {"id": id, "email": address}}, [id]


def _one_of(dice: Random) -> str:
    return str(rows()[_zipf(dice, OWN_ROWS)]["id"])


def _zipf(dice: Random, count: int) -> int:
    return dice.choices(range(count), [1 / (1 + rank) for rank in range(count)])[0]


READS: Sequence[Operation] = (
    Operation("list", _list(LISTED, 25)),
    Operation("client", _client(LISTED)),
    Operation("active clients", _list(LISTED, 25, status="active")),
    Operation("client by a fragment", _client(LISTED, fragment=True)),
    Operation("first page of the app", _start),
    Operation("buyers", _list(NAMED, 25, client_type="buyer")),
    Operation("names", _list(NAMED, 60)),
    Operation("name of a client", _client(NAMED)),
    Operation("list of a size that differs", _list(NAMED, None)),
    Operation("list by a fragment", _list(LISTED, 25, fragment=True)),
    Operation("several clients", _several(NAMED, 5)),
    Operation("active buyers", _list(NAMED, 25, status="active", client_type="buyer")),
    Operation("whole list", _list(LISTED, 60)),
    Operation("client with its id in the text", _client(NAMED, literal=True)),
    Operation("short list", _list(NAMED, 5)),
    Operation("closed clients", _list(NAMED, 25, status="closed")),
    Operation("telephone numbers", _list("id phone", 60)),
    Operation("two clients", _several(LISTED, 2)),
    Operation("sellers", _list(LISTED, 25, client_type="seller")),
)
"""The most frequent first."""
WRITE = Operation("change an address", _update)


@dataclass(frozen=True)
class Traffic:
    """A workload whose requests differ in headers, too."""

    name: str = "R"
    what: str = "an app's traffic: 100 callers of 60 clients, 20 operations, 2 % writes"
    cached: bool = True
    held: bool = False
    connections: int = 64
    cores: str = "0"
    load_cores: str = "1"
    alone: bool = False
    spread: bool = False
    complete: bool = True
    beside: str = ""
    warmed: bool = False
    requests: int = REQUESTS

    def bodies(self, dialect: Dialect) -> list[dict[str, Any]]:
        """Return one body of each operation."""
        return [body for body, _ in self._samples(dialect)]

    def checked(self, dialect: Dialect) -> Sequence[int]:
        """Return the indices of the bodies whose answers are compared: all."""
        return range(len(self.bodies(dialect)))

    def wrong(self, dialect: Dialect, index: int, answer: dict[str, Any]) -> str | None:
        """Return what is wrong with an answer to the body with this index."""
        right, found = self._samples(dialect)[index][1], ids_in(answer.get("data"))
        if answer.get("errors") or found != right:
            return f"R: {orjson.dumps(answer)[:300].decode()}, not {right[:2]}"
        return None

    @staticmethod
    def _samples(dialect: Dialect) -> list[tuple[dict[str, Any], list[str]]]:
        dice = Random(1)  # noqa: S311 - the same requests every time
        return [operation.body(dialect, dice) for operation in (*READS, WRITE)]

    def lines(self, dialect: Dialect) -> bytes:
        """Return the requests, one a line."""
        dice = Random(2)  # noqa: S311 - the same requests every time
        lines = []
        for number in range(self.requests):
            operation = READS[_zipf(dice, len(READS))]
            if number % round(1 / WRITES) == 0:
                operation = WRITE
            body = orjson.dumps(operation.body(dialect, dice)[0]).decode()
            lines.append(_request(body, dice, closed=dice.random() < CLOSED))
        return "\n".join(lines).encode()

    def for_side(self, side: Side) -> Side:
        """Return a side whose pages of other origins may call."""
        if side.kind != "ours":
            return side
        origins = {"GATEWAY_CORS_ORIGINS": ",".join(ORIGINS)}
        return replace(side, environment={**side.environment, **origins})


Workload = Work | Traffic
WORKLOADS: Sequence[Workload] = (
    Traffic(),
    Traffic("R16", "the same with fewer waiting for each other", connections=16),
    *WORKS,
)


def _request(body: str, dice: Random, *, closed: bool) -> str:
    head = [
        "POST /graphql HTTP/1.1",
        f"Host: {HOST}",
        "Content-Type: application/json",
        "Accept: application/json",
        f"X-API-Key: {dice.randrange(CALLERS):064x}",
        f"Origin: {dice.choice(ORIGINS)}",
        f"traceparent: 00-{dice.getrandbits(128):032x}-{dice.getrandbits(64):016x}-01",
        *(["Connection: close"] if closed else []),
        f"Content-Length: {len(body.encode())}",
    ]
    return LINE.join([*head, "", body])


def ids_in(value: object) -> list[str]:
    """Return the ids in an answer, in order."""
    if isinstance(value, dict):
        return [
            id
            for name, inner in value.items()
            for id in ([str(inner)] if name == "id" else ids_in(inner))
        ]
    return [id for each in value for id in ids_in(each)] if isinstance(value, list) else []
