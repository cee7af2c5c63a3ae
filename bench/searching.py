"""`python -m bench.searching`: what a search, a sort and a count take where the rows are held.

In process, the API answering at once, on one CPU. Exits with 1 if a new search takes more than 3 ms
or a repeated page more than 1.2 times what a repeated page of the list takes.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import orjson
from uvicorn.loops.auto import auto_loop_factory

from bench.stages import Instant, in_process
from gateway.app import create_app
from gateway.sandbox.users import EDSGER
from gateway.settings import load_settings

ROWS = (1_000, 2_500)
MOST_MILLISECONDS, MOST_TIMES = 3.0, 1.2
TIMES = 100
ROUNDS = 5

PAGE = """query Page($search: String, $orderBy: [ClientOrder!], $filter: ClientFilter) {
  clients(first: 25, search: $search, orderBy: $orderBy, filter: $filter) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { id fullName email phone status } } FACETS } }"""
FACETS = """facets { status { value count } clientType { value count } source { value count }
    tags { value count } budget { min max median } }"""
SORTED = [{"field": "LAST_NAME"}, {"field": "CREATED_AT", "direction": "DESC"}]
_NUMBERS = itertools.count()
WORDS = ("an", "torres", "661 555", "example", "ngu", "wei", "lee 55", "be", "hot", "chl")


def body(facets: str = "", **variables: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return the body of a request."""
    return orjson.dumps({"query": PAGE.replace("FACETS", facets), "variables": variables})


def never_seen(facets: str = "", **variables: Any) -> Iterator[bytes]:  # noqa: ANN401 - any JSON
    """Yield bodies whose search was never seen: the e-mail address of one client has the number."""
    for number in _NUMBERS:
        word = WORDS[number % len(WORDS)]
        yield body(facets, search=f"{word} {number}", **variables)


async def milliseconds(send: Callable[[bytes], Awaitable[Any]], bodies: Iterator[bytes]) -> float:
    """Return the CPU of one request, the least of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        some = list(itertools.islice(bodies, TIMES))
        began = time.process_time()
        for each in some:
            await send(each)
        best = min(best, (time.process_time() - began) / TIMES * 1e3)
    return best


async def measured(rows: int) -> dict[str, float]:
    """Return the CPU of each kind of request, in milliseconds."""
    settings = load_settings({}, _env_file=None, upstream_url="http://127.0.0.1:9/v1")
    app = create_app(settings, wire=Instant(EDSGER.clients()[:rows]))

    async def send(each: bytes) -> None:
        await in_process(app, [each])(0)

    plain = orjson.dumps({"query": "{ clients(first: 25) { edges { node { id fullName } } } }"})
    await send(body(search="an", orderBy=SORTED))
    await send(plain)
    began = time.process_time()
    await send(body(orderBy=[{"field": "FULL_NAME"}]))
    sort = (time.process_time() - began) * 1e3
    chips = {"statusIn": ["ACTIVE", "INACTIVE"], "budget": {"min": 300_000}}
    repeated = [body(search="an", orderBy=SORTED)]
    return {
        "the first sort by a name": sort,
        "a new search": await milliseconds(send, never_seen()),
        "a new search, sorted": await milliseconds(send, never_seen(orderBy=SORTED)),
        "the same with two filters": await milliseconds(
            send, never_seen(orderBy=SORTED, filter=chips)
        ),
        "the same with all facets": await milliseconds(
            send, never_seen(FACETS, orderBy=SORTED, filter=chips)
        ),
        "a repeated page of a sorted search": await milliseconds(send, itertools.cycle(repeated)),
        "a repeated page of the list": await milliseconds(send, itertools.cycle([plain])),
    }


def main() -> int:
    """Print the table, and return 1 if something takes too long."""
    os.sched_setaffinity(0, {0})
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        columns = {rows: runner.run(measured(rows)) for rows in ROWS}
    print(f"| CPU, ms | {' | '.join(f'{rows:,} rows' for rows in ROWS)} |\n|---|--:|--:|")
    for name in columns[ROWS[0]]:
        print(f"| {name} | {' | '.join(f'{each[name]:.3f}' for each in columns.values())} |")
    return int(
        any(
            each["a new search, sorted"] > MOST_MILLISECONDS
            or each["a repeated page of a sorted search"]
            > MOST_TIMES * each["a repeated page of the list"]
            for each in columns.values()
        )
    )


if __name__ == "__main__":
    sys.exit(main())
