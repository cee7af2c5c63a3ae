"""Operations of every kind, with failures of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gateway.sandbox.catalogue import named
from gateway.sandbox.users import DEMO
from tests.telemetry.samples import LIST, query

if TYPE_CHECKING:
    from gateway.sandbox.api import Sandbox
    from tests.serving import Wire

ONE = "query One($id: ID!) { client(id: $id) { id version notes } }"
RESULT = "{ __typename ... on ClientMutationError { code } }"
CREATE = f"mutation ($input: CreateClientInput!) {{ createClient(input: $input) {RESULT} }}"
UPDATE = f"mutation ($input: UpdateClientInput!) {{ updateClient(input: $input) {RESULT} }}"
DELETE = f"mutation ($id: ID!) {{ deleteClient(input: {{ id: $id }}) {RESULT} }}"
UNLISTED = "00000000-0000-4000-8000-{:012}"
"""Ids of no client."""
NEW = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "email": "ada@example.com",
    "clientType": "BUYER",
}


def mixed_trace(wire: Wire, sandbox: Sandbox) -> list[Any]:
    """Answers to operations of every kind, and failures of every kind."""
    ids = [row["id"] for row in sandbox.rows_of(DEMO)[:4]]
    answers: list[Any] = []

    def send(document: str, **variables: object) -> None:
        answers.append(orjson.loads(query(wire, document, variables=variables).content))

    for _ in range(3):
        send(LIST)
    for id in (*ids, UNLISTED.format(0)):
        send(ONE, id=id)
    send("{ nope }")
    send("{")
    send(CREATE, input=NEW)
    send(UPDATE, input={"id": ids[0], "phone": "+49 30 1", "expectedVersion": 99})
    send(UPDATE, input={"id": ids[1], "phone": "+49 30 1"})
    send(DELETE, id=ids[3])
    send(LIST)
    sandbox.fail(named("answer-lost", times=1))
    send(UPDATE, input={"id": ids[2], "phone": "+49 30 1"})
    for number, fault in enumerate(("proxy-502", "answer-cut", "proxy-200", "limited-429"), 1):
        sandbox.fail(named(fault, times=1))
        send(ONE, id=UNLISTED.format(number))
    return answers
