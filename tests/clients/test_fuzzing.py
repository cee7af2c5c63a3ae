"""Operations that schemathesis makes up from our schema, sent with the window nearly spent."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import schemathesis
from graphql import parse_value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.graphql import nodes

from gateway.sandbox.users import DEMO
from tests.clients.conftest import places
from tests.e2e.conftest import Running

LIMIT = 500
"""Calls that the API, and so the sandbox, grants in a window."""
LEFT = 30
"""Calls that others leave to the gateway, without telling it."""
EXAMPLES = 200
REFUSALS = {"BAD_USER_INPUT", "RATE_LIMITED", "TOO_EXPENSIVE"}
"""Errors of the client or of the moment: none is ours."""

IDS = st.sampled_from([*(row["id"] for row in DEMO.clients()), "nobody"])
schemathesis.graphql.scalar("ID", IDS.map(nodes.String))
schemathesis.graphql.scalar(
    "_Any", IDS.map(lambda known: parse_value(f'{{ __typename: "Client", id: "{known}" }}'))
)


def calls(sandbox: str) -> list[str]:
    seen: list[str] = httpx.get(f"{sandbox}/_sandbox/calls", trust_env=False).json()
    return seen


def test_whatever_is_requested_nothing_breaks_and_the_window_is_never_overspent(
    demo: Running, tell: Callable[[str], None]
) -> None:
    at = places(demo)
    with httpx.Client(headers={"X-API-Key": DEMO.api_key}, trust_env=False) as others:
        for _ in range(LIMIT - LEFT):
            others.get(f"{at['SANDBOX']}/v1/clients?limit=1").raise_for_status()
    graph = schemathesis.graphql.from_url(at["GATEWAY"])
    statuses: Counter[int] = Counter()
    codes: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck), deadline=None
    )
    @given(case=graph.as_strategy())
    def ask(case: Case[Any]) -> None:
        answer = case.call()
        payload: Any = answer.json()
        statuses[answer.status_code] += 1
        received = [error["extensions"]["code"] for error in payload.get("errors", ())]
        codes.update(received)
        status = 200 if "errors" not in payload else 294 if "data" in payload else 422
        assert answer.status_code == status, (case.body, payload)
        assert {*received} <= REFUSALS, (case.body, payload)

    ask()

    spent = calls(at["SANDBOX"])
    tell(f"{statuses.total()} operations: {dict(codes)}, {len(spent)} calls of {LIMIT}\n")
    assert LIMIT - LEFT < len(spent) <= LIMIT
    assert codes["RATE_LIMITED"] > 0
