"""What is compiled, what is left to graphql-core, and what a compiled operation asks for."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from schema.context import Context
from schema.execution.compiler.codegen import RECORD_TEMPLATE, FieldExpression, generate
from schema.execution.documents import Document
from schema.execution.lru import WeightedLRU
from schema.execution.plan import ExecutionPlan
from schema.graph import Graph
from schema.source.cost import EntitiesRequest, ListRequest, WriteRequest
from schema.source.records import ClientFilter, ClientId, ClientRecord, Window
from schema.source.request_context import Caller, Credential, Priority, RequestContext
from tests.schema.test_failures_beside import Source

EXAMPLES = Path(__file__).parents[2] / "gateway/web/graphiql/src/examples"
ONE = ClientId("00000000-0000-4000-8000-000000000001")
TWO = ClientId("00000000-0000-4000-8000-000000000002")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph()


def planned(graph: Graph, text: str, **variables: Any) -> ExecutionPlan:
    document = graph.documents.get(text)
    assert isinstance(document, Document), document
    found = graph._operation(document, None).plan(variables)  # noqa: SLF001 - looked at before it runs
    assert isinstance(found, ExecutionPlan), found
    return found


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.graphql")), ids=lambda file: file.stem)
def test_every_example_that_reads_clients_is_compiled(graph: Graph, file: Path) -> None:
    given = file.with_suffix(".json")
    variables = orjson.loads(given.read_bytes()) if given.exists() else {}

    plan = planned(graph, file.read_text(), **variables)

    delivers = plan.changes is not None  # a subscription
    assert plan.compiled is not (plan.writes or delivers or file.stem == "9-sdl")


async def test_a_bug_in_generated_code_is_logged_and_the_answer_is_whole(
    graph: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    plan = planned(graph, f'{{ client(id: "{ONE}") {{ firstName }} }}')
    [(root, lookup)] = plan.entity_batches[0].lookups
    broken = root._replace(encode=generate(RECORD_TEMPLATE, {"a": FieldExpression("absent")}))
    plan.entity_batches[0] = plan.entity_batches[0]._replace(lookups=[(broken, lookup)])

    source = Source(record=ClientRecord(id=ONE, first_name="Ada", complete=True))
    operation = RequestContext(Caller("p", Credential("X-API-Key", "k")), 1e9)
    result = await graph.run(plan, Context(source, operation))

    assert (result.data, result.errors) == ({"client": {"firstName": "Ada"}}, None)
    [record] = caplog.records
    assert (record.levelno, record.exc_info and record.exc_info[0]) == (logging.ERROR, NameError)


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        '{ clients { totalCount } __type(name: "Client") { name } }',
        "{ _service { sdl } }",
    ],
)
def test_what_only_graphql_core_can_tell_is_left_to_it(graph: Graph, text: str) -> None:
    assert not planned(graph, text).compiled


def test_a_condition_that_is_null_is_left_to_graphql_core(graph: Graph) -> None:
    text = "query ($on: Boolean = true) { clients { totalCount @include(if: $on) } }"

    assert not planned(graph, text, on=None).compiled
    assert planned(graph, text).compiled


def needs(graph: Graph, text: str, **variables: Any) -> Sequence[object]:
    return planned(graph, text, **variables).needs


def test_a_list_is_needed_with_the_fields_shown_of_its_rows(graph: Graph) -> None:
    text = """query ($first: Int) {
      page: clients(first: $first, offset: 5, filter: {status: ACTIVE}) {
        edges { node { id fullName ...More } }
      }
    }
    fragment More on Client { status statusRaw tags @skip(if: true) }"""

    assert needs(graph, text, first=3) == [
        (
            "page",
            ListRequest(
                ClientFilter(status="active"),
                Window(5, 3),
                frozenset({"first_name", "last_name", "status"}),
            ),
        )
    ]


def test_a_count_needs_no_rows(graph: Graph) -> None:
    assert needs(graph, "{ clients { totalCount } }") == [
        ("clients", ListRequest(ClientFilter(), Window(0, 0), frozenset()))
    ]


def test_a_client_is_needed_once_by_the_first_field_of_its_lane(graph: Graph) -> None:
    text = """query ($ids: [ID!]!, $rep: [_Any!]!) {
      client(id: "00000000-0000-4000-8000-000000000001") { notes }
      nodes(ids: $ids) { ... on Client { email } }
      _entities(representations: $rep) { ... on Client { phone } }
    }"""
    represented = [{"__typename": "Client", "id": TWO}, {"__typename": "User", "id": ONE}]

    assert needs(graph, text, ids=[ONE, TWO, "junk"], rep=represented) == [
        ("client", EntitiesRequest((ONE,), frozenset({"notes"}), Priority.INTERACTIVE)),
        ("nodes", EntitiesRequest((TWO,), frozenset({"email"}), Priority.INTERACTIVE)),
        ("_entities", EntitiesRequest((TWO,), frozenset({"phone"}), Priority.ENTITIES)),
    ]


def test_a_write_is_needed_with_the_fields_shown_of_its_client(graph: Graph) -> None:
    text = """mutation ($id: ID!) {
      deleteClient(input: {id: $id}) { __typename }
      updateClient(input: {id: $id, phone: "1"}) {
        ... on UpdateClientSuccess { client { version } }
        ... on ClientVersionConflict { current { notes } }
      }
    }"""

    assert needs(graph, text, id=ONE) == [
        ("deleteClient", WriteRequest("delete", frozenset())),
        ("updateClient", WriteRequest("update", frozenset({"version", "notes"}))),
    ]


def test_what_no_call_would_be_made_for_is_no_need(graph: Graph) -> None:
    text = """{ client(id: "7") { id }  nodes(ids: ["7"]) { id }  node(id: "7") { id } }"""

    assert [need for _, need in planned(graph, text).needs] == [
        EntitiesRequest((), frozenset(), Priority.INTERACTIVE),
        EntitiesRequest((), frozenset(), Priority.INTERACTIVE),
    ]


def test_what_is_remembered_is_bounded_the_longest_unused_going_first() -> None:
    latest: WeightedLRU[str] = WeightedLRU(max_bytes=10)
    for key, size in (("a", 4), ("b", 4)):
        latest.put(key, key.upper(), size)
    assert latest.find("a") == "A"

    latest.put("c", "C", 4)
    assert ([latest.find(key) for key in "abc"], latest.size) == (["A", None, "C"], 8)
    latest.put("huge", "HUGE", 11)
    assert ([latest.find(key) for key in ("a", "c", "huge")], latest.size) == (["A", "C", None], 8)


def test_a_part_that_values_share_counts_once_until_the_last_of_them_is_forgotten() -> None:
    latest: WeightedLRU[str] = WeightedLRU(max_bytes=10)
    for key in "ab":
        latest.put(key, key, 1, ("part", 6))
    assert latest.size == 8

    latest.put("c", "c", 2)
    assert latest.size == 10
    latest.put("d", "d", 1)
    assert ([latest.find(key) for key in "abcd"], latest.size) == ([None, "b", "c", "d"], 10)
    latest.put("e", "e", 1)
    assert ([latest.find(key) for key in "bcde"], latest.size) == ([None, "c", "d", "e"], 4)
    latest.put("f", "f", 5, ("part", 6))
    assert (latest.find("f"), latest.size) == (None, 4)


def test_a_shared_part_is_uncounted_as_it_was_counted_though_it_grew_meanwhile() -> None:
    latest: WeightedLRU[str] = WeightedLRU(max_bytes=10)
    latest.put("a", "a", 1, ("part", 3))
    latest.put("b", "b", 1, ("part", 5))

    latest.put("c", "c", 10)

    assert ([latest.find(key) for key in "abc"], latest.size) == ([None, None, "c"], 10)


def test_what_is_compiled_of_a_document_counts_and_is_forgotten_with_it() -> None:
    graph = Graph()
    text = "query ($on: Boolean!) { clients { totalCount edges @include(if: $on) { cursor } } }"
    document = graph.documents.get(text)
    assert isinstance(document, Document)
    sizes = [graph.documents.latest.size]
    for on in (True, False, False):
        graph.plan(document, {"on": on}, None)
        sizes.append(graph.documents.latest.size)

    assert sizes[0] < sizes[1] < sizes[2] == sizes[3]


def test_what_grows_beyond_the_bound_is_forgotten() -> None:
    latest: WeightedLRU[str] = WeightedLRU(max_bytes=10)
    latest.put("a", "A", 4)
    latest.put("b", "B", 4)

    latest.grow("a", "A", 3)
    assert ([latest.find(key) for key in "ab"], latest.size) == (["A", None], 7)
    latest.grow("a", "of before", 3)
    latest.grow("a", "A", 4)
    assert (latest.find("a"), latest.size) == (None, 0)
