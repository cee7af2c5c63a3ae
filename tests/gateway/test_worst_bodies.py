"""What the most expensive bodies and variables cost, in CPU time, from the socket to the answer."""

import json
import time
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from tests.gateway.conftest import Gateway

pytestmark = pytest.mark.alone  # measures CPU time

CPU_SECONDS = 0.050
TRIES = 5
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
CREATE = "mutation ($input: CreateClientInput!) { createClient(input: $input) { __typename } }"
ENTITIES = "query ($all: [_Any!]!) { _entities(representations: $all) { __typename } }"
LARGE = 128 * 1024


def asking(query: str, **variables: Any) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


WORST = {
    "no JSON": b"[" * LARGE,
    "no JSON at the end": b'{"query":"{ __typename }", "a":"' + b"x" * (LARGE - 60),
    "a list of nothing": b'{"query":"{ __typename }","a":[' + b"0," * 60_000 + b"0]}",
    "lists in lists": b'{"query":"{ __typename }","a":' + b"[" * 900 + b"]" * 900 + b"}",
    "many names": b'{"query":"{ __typename }",'
    + b",".join(b'"%d":0' % number for number in range(10_000))
    + b"}",
    "one name again and again": b'{"query":"{ __typename }"' + b',"a":0' * 18_000 + b"}",
    "escaped quotes": b'{"query":"{ __typename }","a":"' + b'\\":' * 40_000 + b'"}',
    "escapes": b'{"query":"{ __typename }","a":"' + b"\\u00e9" * 20_000 + b'"}',
    "one long string": asking("{ __typename }", a="x" * (LARGE - 100)),
    "as many ids as allowed": asking(NODES, ids=["0"] * 4_900),
    "as many wrong ids as allowed": asking(NODES, ids=[0.5] * 4_900),
    "as many nulls as allowed": asking(NODES, ids=[None] * 4_900),
    "unknown names": asking(CREATE, input={f"f{number}": 1 for number in range(4_000)}),
    "nearly known names": asking(CREATE, input={f"firstNam{number}": 1 for number in range(4_000)}),
    "lists where none belongs": asking(CREATE, input={"firstName": [[["x"]]] * 1_500}),
    "representations": asking(ENTITIES, all=[{"__typename": "Client", "id": "0"}] * 1_500),
    "a number of many digits": asking(f"{{ clients(first: {'9' * 16_000}) {{ totalCount }} }}"),
    "unused variables": asking("{ __typename }", **{f"v{number}": 1 for number in range(4_000)}),
}


@pytest.mark.parametrize("body", WORST.values(), ids=WORST)
async def test_the_worst_bodies_are_answered_at_little_cost(
    gateway: Gateway, sandbox: Sandbox, body: bytes
) -> None:
    headers = {"X-API-Key": DEMO.api_key, "Content-Type": "application/json"}
    least, content = float("inf"), ""
    for _ in range(TRIES):
        began = time.process_time()
        answer = await gateway.http.post("/graphql", content=body, headers=headers)
        least = min(least, time.process_time() - began)
        content = answer.text
        if least <= CPU_SECONDS:
            break

    assert least <= CPU_SECONDS
    assert len(content) < 20_000
    assert '"INTERNAL"' not in content
    assert sandbox.calls == []
