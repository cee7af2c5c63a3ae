"""What an operation costs is estimated before, kept to, and refused where it is too much."""

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from tests.clockwork import VirtualLoop
from tests.gateway.conftest import Gateway, before
from tests.gateway.test_reading import MISSING_ID, NAME, truth

NOTES = "query ($first: Int) { clients(first: $first) { edges { node { notes } } } }"
NAMES = "query ($first: Int) { clients(first: $first) { edges { node { firstName } } } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Client { firstName } } }"


async def price(gateway: Gateway, query: str, **variables: Any) -> tuple[int, int, int]:
    """Calls at least, probably and at most."""
    answer = await explanation(gateway, query, **variables)
    cost = answer["extensions"]["upstream"]["explain"]
    return cost["minimum"], cost["expected"], cost["maximum"]


async def explanation(gateway: Gateway, query: str, **variables: Any) -> Any:
    extensions = {"upstream": {"explain": True}}
    body = {"query": query, "variables": variables, "extensions": extensions}
    answer = await gateway.http.post("/graphql", json=body, headers={"X-API-Key": DEMO.api_key})
    return answer.json()


async def refusal(gateway: Gateway, query: str, **variables: Any) -> Any:
    answer = await gateway.post(query, **variables)
    assert "data" not in answer
    [error] = answer["errors"]
    return {key: value for key, value in error["extensions"].items() if key != "requestId"}


async def test_a_price_spends_nothing(gateway: Gateway, sandbox: Sandbox) -> None:
    query = """query ($ids: [ID!]!) {
      page: clients(first: 100) { edges { node { firstName } } }
      some: nodes(ids: $ids) { id }
      nothing: __typename
    }"""

    answer = await explanation(gateway, query, ids=truth(sandbox)[:3])

    page = {"path": ["page"], "minimum": 1, "expected": 1, "maximum": 200}
    some = {"path": ["some"], "minimum": 0, "expected": 1, "maximum": 5}
    whole = {"minimum": 1, "expected": 2, "maximum": 205, "causes": [page, some]}
    assert answer == {"data": None, "extensions": {"upstream": {"explain": whole}}}
    assert sandbox.calls == []


async def test_what_is_remembered_has_no_price(gateway: Gateway, sandbox: Sandbox) -> None:
    id = truth(sandbox)[0]
    assert await price(gateway, NAME, id=id) == (1, 1, 1)

    await gateway.query(NAME, id=id)

    assert await price(gateway, NAME, id=id) == (0, 0, 0)


async def test_what_is_to_be_read_again_has_its_price_though_it_is_remembered(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    id = truth(sandbox)[0]
    await gateway.query(NAME, id=id)
    body = {"query": NAME, "variables": {"id": id}, "extensions": {"upstream": {"explain": True}}}
    headers = {"X-API-Key": DEMO.api_key, "Cache-Control": "no-cache"}

    answer = (await gateway.http.post("/graphql", json=body, headers=headers)).json()

    assert answer["extensions"]["upstream"]["explain"]["expected"] == 1


async def test_a_client_named_by_two_fields_is_paid_for_by_the_first(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    query = """query ($id: ID!) { a: client(id: $id) { notes } b: node(id: $id) { id } }"""

    answer = await explanation(gateway, query, id=truth(sandbox)[0])

    causes = answer["extensions"]["upstream"]["explain"]["causes"]
    assert [(cause["path"], cause["maximum"]) for cause in causes] == [(["a"], 1), (["b"], 0)]


async def test_what_is_left_out_by_a_condition_has_no_price(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    query = """query ($id: ID!, $off: Boolean!) {
      client(id: $id) @skip(if: $off) { id }
      clients(first: 5) { totalCount edges @skip(if: $off) { node { notes } } }
    }"""

    assert await price(gateway, query, id=truth(sandbox)[0], off=True) == (1, 1, 1)
    assert await price(gateway, query, id=truth(sandbox)[0], off=False) == (2, 7, 7)


async def test_a_price_needs_a_credential(gateway: Gateway, sandbox: Sandbox) -> None:
    body = {"query": NAMES, "extensions": {"upstream": {"explain": True}}}

    answer = (await gateway.http.post("/graphql", json=body)).json()

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert sandbox.calls == []


async def test_a_price_needs_sound_variables(gateway: Gateway) -> None:
    answer = await explanation(gateway, NODES, ids=None)

    assert "data" not in answer
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_operation_that_may_cost_too_much_is_refused_before_spending(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    unknown = [MISSING_ID[:-2] + f"{number:02}" for number in range(26)]
    query = "query ($ids: [ID!]!) { a: __typename  many: nodes(ids: $ids) { id } }"

    error = await refusal(gateway, query, ids=unknown)

    assert error == {"code": "TOO_EXPENSIVE", "cost": 26, "limit": 25, "field": "many"}
    assert sandbox.calls == []


async def test_what_would_be_refused_is_allowed_once_it_is_remembered(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    ids = truth(sandbox)[:40]
    assert (await refusal(gateway, NODES, ids=ids))["code"] == "TOO_EXPENSIVE"

    await gateway.query(NAMES, first=100)

    assert len((await gateway.query(NODES, ids=ids))["nodes"]) == 40
    assert sandbox.calls == ["GET /clients?page=1&limit=100"]


async def test_ordinary_operations_are_never_refused(gateway: Gateway, sandbox: Sandbox) -> None:
    ids = truth(sandbox)
    change = "updateClient(input: {id: $id, phone: $phone}) { __typename }"
    ten = " ".join(f"c{number}: {change}" for number in range(10))

    await gateway.query(NOTES, first=100)
    await gateway.query(NODES, ids=[*ids[:10], *(MISSING_ID[:-1] + str(one) for one in range(10))])
    await gateway.query(
        f"mutation ($id: ID!, $phone: String) {{ {ten} }}", id=ids[0], phone="+1 555"
    )


async def test_a_page_of_trimmed_rows_is_completed_once(gateway: Gateway, sandbox: Sandbox) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")

    await gateway.query(NOTES, first=25)
    assert len(sandbox.calls) == 26

    await gateway.query(NOTES, first=25)
    assert len(sandbox.calls) == 26


async def test_a_page_of_25_trimmed_rows_goes_through_and_a_larger_one_does_not(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")
    await gateway.query(NAMES, first=100)
    spent = len(sandbox.calls)

    error = await refusal(gateway, NOTES, first=26)
    assert error == {"code": "TOO_EXPENSIVE", "cost": 26, "limit": 25, "field": "clients"}
    assert len(sandbox.calls) == spent

    await gateway.query(NOTES, first=25)
    assert len(sandbox.calls) == spent + 25


async def test_rows_to_complete_and_clients_by_id_are_counted_together(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")
    await gateway.query(NAMES, first=1)
    query = """query ($ids: [ID!]!) {
      clients(first: 20) { edges { node { notes } } }
      nodes(ids: $ids) { ... on Client { createdAt } }
    }"""

    refused = await refusal(gateway, query, ids=truth(sandbox)[20:28])

    assert refused == {"code": "TOO_EXPENSIVE", "cost": 28, "limit": 25, "field": "clients"}
    assert len(sandbox.calls) == 1


async def test_less_may_be_spent_at_once_while_little_is_left(
    sandbox: Sandbox,
) -> None:
    sandbox.faults.append(Fault(headers={"RateLimit-Remaining": "99"}))
    ids = truth(sandbox)[:12]
    details = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Client { createdAt } } }"
    async with before(sandbox) as gateway:
        await gateway.query(NAME, id=ids[-1])

        error = await refusal(gateway, details, ids=ids[:11])

        assert error == {"code": "TOO_EXPENSIVE", "cost": 11, "limit": 10, "field": "nodes"}
        await gateway.query(details, ids=ids[:10])


async def test_what_one_operation_may_cost_is_for_the_operator_to_say(
    sandbox: Sandbox,
) -> None:
    async with before(sandbox, max_operation_cost=2) as gateway:
        error = await refusal(gateway, NODES, ids=truth(sandbox)[:3])

    assert error["limit"] == 2


PLENTY = 100_000
PLACES = st.integers(0, 59)
ROWS = st.sampled_from(["firstName", "firstName lastName", "notes", "id", "fullName tags"])
READS = st.one_of(
    st.builds(
        "clients({}: {}) {{ edges {{ node {{ {} }} }} }}".format,
        st.sampled_from(["first", "last", "first: 7, offset"]),
        st.integers(0, 60),
        ROWS,
    ),
    st.builds(
        "clients(first: {}, filter: {{{}}}) {{ totalCount edges {{ node {{ {} }} }} }}".format,
        st.integers(0, 30),
        st.sampled_from(["status: ACTIVE", "clientType: BUYER"]),
        ROWS,
    ),
    st.just("clients { totalCount }"),
    st.builds('client(id: "<{}>") {{ {} }}'.format, PLACES, ROWS),
    st.builds(
        "nodes(ids: [{}]) {{ ... on Client {{ {} }} }}".format,
        st.lists(st.builds('"<{}>"'.format, PLACES), max_size=6).map(", ".join),
        ROWS,
    ),
)
CHANGES = st.builds(
    'updateClient(input: {{id: "<{}>", phone: "+1 555"{}}})'
    " {{ __typename ... on UpdateClientSuccess {{ client {{ {} }} }} }}".format,
    PLACES,
    st.sampled_from(["", ", expectedVersion: 90"]),
    ROWS,
)


def together(fields: list[str]) -> str:
    return " ".join(f"f{number}: {field}" for number, field in enumerate(fields))


OPERATIONS = st.lists(
    st.one_of(
        st.lists(READS, min_size=1, max_size=3).map(together).map("query {{ {} }}".format),
        st.lists(CHANGES, min_size=1, max_size=2).map(together).map("mutation {{ {} }}".format),
    ),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(OPERATIONS, st.fixed_dictionaries({"trimmed": st.booleans(), "cache": st.booleans()}))
@example(
    ["query { f0: clients(last: 5) { edges { node { notes } } } }"],
    {"trimmed": True, "cache": True},
)
def test_every_operation_costs_what_was_foretold_and_every_call_is_on_a_receipt(
    operations: list[str],
    how: dict[str, bool],
) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(_kept(operations, **how))


async def _kept(operations: list[str], *, trimmed: bool, cache: bool) -> None:
    sandbox = Sandbox(limit=PLENTY)
    if trimmed:
        sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")
    ids = truth(sandbox)
    reported = 0
    async with before(
        sandbox,
        cache=cache,
        upstream_rate_limit=PLENTY,
        max_operation_cost=PLENTY,
    ) as gateway:
        for operation in operations:
            text = operation
            for place, id in enumerate([*ids, *[MISSING_ID] * 60][:60]):
                text = text.replace(f"<{place}>", id)
            least, _, most = await price(gateway, text)
            spent = len(sandbox.calls)
            answer = await gateway.post(text)
            assert least <= len(sandbox.calls) - spent <= most
            reported += answer["extensions"]["upstream"]["calls"]
    assert reported == len(sandbox.calls)
