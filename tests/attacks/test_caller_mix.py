"""Two callers through every feature at once: their values are tagged, and none crosses."""

import asyncio
import os
import random
import sys
from typing import Any

import httpx
import orjson
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, GRACE, DemoUser
from tests.gateway.conftest import HERE, settings
from tests.in_process import InProcess

ROUNDS = int(os.environ.get("CALLER_MIX_ROUNDS", "60"))
LATER = 4_000_000_000
FIELDS = "id firstName lastName email phone version notes owner { id }"
ENTITIES = """
query ($r: [_Any!]!) { _entities(representations: $r) { ... on Client { id email } } }
"""
CREATE = f"""
mutation ($input: CreateClientInput!) {{
  createClient(input: $input) {{
    __typename ... on CreateClientSuccess {{ replayed client {{ {FIELDS} }} }}
  }}
}}
"""
UPDATE = f"""
mutation ($input: UpdateClientInput!) {{
  updateClient(input: $input) {{
    __typename
    ... on UpdateClientSuccess {{ client {{ {FIELDS} }} mergedOver {{ version }} }}
    ... on ClientVersionConflict {{ current {{ {FIELDS} }} changedFields }}
    ... on ClientWriteUnconfirmed {{ candidates {{ {FIELDS} }} }}
  }}
}}
"""
KEYS = [f"key {number}" for number in range(4)]
"""Idempotency keys that both use."""


def questions(own: str, others: str, tag: str) -> list[tuple[str, dict[str, Any]]]:
    """Every feature, with the caller's own ids and the other's."""
    ids = [own, others]
    return [
        (f"{{ clients(first: 4) {{ totalCount edges {{ cursor node {{ {FIELDS} }} }} }} }}", {}),
        (f"{{ clients(last: 3, status: ACTIVE) {{ edges {{ node {{ {FIELDS} }} }} }} }}", {}),
        (f"query ($id: ID!) {{ client(id: $id) {{ {FIELDS} }} }}", {"id": others}),
        (f"query ($id: ID!) {{ client(id: $id) {{ {FIELDS} }} }}", {"id": own}),
        (
            f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Client {{ {FIELDS} }} }} }}",
            {"ids": ids},
        ),
        (
            ENTITIES,
            {"r": [{"__typename": "Client", "id": id} for id in ids]},
        ),
        *[
            (
                CREATE,
                {
                    "input": {
                        "firstName": tag,
                        "lastName": tag,
                        "clientType": "BUYER",
                        "email": f"{tag}@example.com",
                        "idempotencyKey": key,
                    }
                },
            )
            for key in KEYS
        ],
        *[
            (
                UPDATE,
                {
                    "input": {
                        "id": id,
                        "email": f"{tag}@example.com",
                        "expectedVersion": version,
                        "onConflict": "MERGE",
                    }
                },
            )
            for id in ids
            for version in (1, 2)
        ],
        (
            "mutation ($id: ID!) { deleteClient(input: {id: $id}) { __typename } }",
            {"id": others},
        ),
    ]


def marks(sandbox: Sandbox, person: DemoUser, tag: str) -> set[bytes]:
    """What only this caller may be given: ids, and the tag in what it writes."""
    return {tag.encode(), *(row["id"].encode() for row in sandbox.rows_of(person))}


def encoded(variables: dict[str, Any]) -> bytes:
    return orjson.dumps(variables)


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_of_one_callers_is_in_any_answer_to_another(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same every time
    loop = asyncio.get_running_loop()
    sandbox = Sandbox([ADA, GRACE], clock=loop.time, limit=1_000_000)
    app = create_app(
        settings(upstream_rate_limit=1_000_000), wire=InProcess(sandbox), clock=loop.time
    )
    people = {"tagada": ADA, "taggrace": GRACE}
    first = {tag: sandbox.rows_of(person)[0]["id"] for tag, person in people.items()}
    crossed, answered = [], 0

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE) as http:

        async def ask(tag: str) -> None:
            nonlocal answered
            person = people[tag]
            [other] = set(people) - {tag}
            text, variables = chance.choice(questions(first[tag], first[other], tag))
            shown = chance.choice(
                [
                    {"X-API-Key": person.api_key},
                    {"Authorization": f"Bearer {person.token_until(LATER)}"},
                    {"Authorization": f"Bearer {person.token_until(LATER + 900)}"},
                ]
            )
            answer = await http.post(
                "/graphql", json={"query": text, "variables": variables}, headers=shown
            )
            answered += b'"data"' in answer.content
            theirs = marks(sandbox, people[other], other)
            # An id that was requested comes back in an error's words or not at all.
            found = {mark for mark in theirs if mark in answer.content}
            if found - {first[other].encode()} or (
                found and first[other].encode() not in encoded(variables)
            ):
                crossed.append((text, variables, answer.text))

        for _ in range(ROUNDS):
            await asyncio.gather(*(ask(chance.choice(list(people))) for _ in range(6)))
            await asyncio.sleep(chance.choice([0, 1, 20, 70]))

    sys.stdout.write(f"\n{answered} answers with data to two callers, {len(crossed)} crossed\n")
    assert crossed == []
    assert answered > ROUNDS * 3
    for tag, person in people.items():
        made = [row for row in sandbox.rows_of(person) if row["first_name"] == tag]
        # One for each key and identity: the key, and the user of both tokens.
        assert len(made) <= 2 * len(KEYS)
        assert made
