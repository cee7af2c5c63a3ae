"""Estimates of what is remembered of documents: never less than the interpreter allocates."""

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from graphql.language import visitor

from gateway.web.persisted import DocumentPolicy, PersistedDocuments
from gateway.web.prepared import PreparedRequests
from gateway.web.protocol.strict_json import JSONLimits
from gateway.web.request import parse_post
from schema.context import Context
from schema.execution.documents import Document
from schema.execution.lru import MAX_BYTES
from schema.execution.plan import ExecutionPlan
from schema.execution.sizes import value_size
from schema.graph import Graph
from schema.source.request_context import Caller, Credential, RequestContext
from tests.schema.test_failures_beside import ID, SHOWN, Source

EACH = 2
"""Documents that are measured together."""
ATTEMPTS = 3
"""Measurements of other documents of a family, at most. The smallest excess counts: tracemalloc
also counts what other threads and the interpreter's own caches allocate meanwhile."""

NO_NAMES = tracemalloc.Filter(inclusive=False, filename_pattern=visitor.__file__)
"""Leaves out the names that graphql-core's visitor looks methods up by: the interpreter's method
cache holds the last ones of each class, whatever document they were looked up for."""


def numbered(what: str, count: int) -> str:
    return " ".join(what.replace("#", str(number)) for number in range(count))


def on_a_client(fields: str) -> str:
    return f'query Q~ {{ client(id: "{ID}") {{ {fields} }} }}'


MADE = f"client {{ {SHOWN} }} clientEdge {{ node {{ {SHOWN} }} }}"
FAMILIES: dict[str, str] = {
    "tiny": "query Q~ { __typename }",
    "fields": on_a_client(SHOWN),
    "variables": f"query Q~({numbered('$v#: ID!', 100)})"
    f" {{ nodes(ids: [{numbered('$v#', 100)}]) {{ id }} }}",
    "strings": "query Q~ { nodes(ids: [" + numbered('"#"', 90) + "]) { id } }",
    "inline fragments": on_a_client(numbered("... on Client { id }", 60)),
    "fragments": on_a_client(numbered("...G#", 60)) + numbered("fragment G# on Client { id }", 60),
    "operations": numbered("query Q~_# { __typename }", 150),
    "directives": on_a_client(numbered("a#: email @include(if: true)", 10)),
    "arguments": "query Q~ {"
    + numbered("a#: clients(first: 1, offset: #, filter: {status: ACTIVE}) { totalCount }", 10)
    + "}",
    "a long string": f'query Q~ {{ client(id: "{"x" * 15_000}") {{ id }} }}',
    "a wide string": f'query Q~ {{ client(id: "{chr(0x1F600) * 14_000}") {{ id }} }}',
    "long keys": f"query Q~ {{ {numbered('k#' + 'y' * 1_500 + ': __typename', 10)} }}",
    "comments": "query Q~ { __typename }" + "#" + "x" * 15_000,
    "mutations": "mutation Q~ {"
    + numbered(
        'm#: createClient(input: {firstName: "A", lastName: "B", clientType: BUYER})'
        f" {{ ... on CreateClientSuccess {{ {MADE} }} }}",
        6,
    )
    + "}",
    "a fragment of many fields in many places": "query Q~ {"
    + numbered(f'c#: client(id: "{ID}") {{ ...G }}', 10)
    + f"}} fragment G on Client {{ {SHOWN} }}",
    "a fragment of lists in many places": "query Q~ {"
    + numbered("c#: clients(first: 2, offset: #) { ...G }", 10)
    + "} fragment G on ClientConnection { totalCount pageInfo { endCursor }"
    f" edges {{ cursor node {{ {SHOWN} }} }} }}",
}
WRONG = {
    "unknown fields": f"query Q~ {{ client {{ {numbered('no#', 400)} }} }}",
    "too many root fields": f"query Q~ {{ {numbered('no#', 400)} }}",
    "no document": "query Q~ { " + "x " * 400,
    "a long string": f'query Q~ {{ client(id: "{"x" * 15_000}") }}',
}


@contextmanager
def allocated(into: list[int]) -> Iterator[None]:
    """Bytes that the block allocates and does not free again."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        gc.collect()
        held = tracemalloc.take_snapshot().filter_traces([NO_NAMES])
        into.append(sum(trace.size for trace in held.traces))
    finally:
        tracemalloc.stop()


def fits(excess: Callable[[int], int]) -> bool:
    """Return whether one of `ATTEMPTS` measurements exceeds its estimate by no byte."""
    return any(excess(attempt) <= 0 for attempt in range(ATTEMPTS))


def texts(family: str, beginning: int = 0) -> list[str]:
    return [family.replace("~", str(beginning + number)) for number in range(EACH)]


@pytest.fixture(scope="module")
def graph() -> Graph:
    """One that knows the leaves of its types, as those do that have answered for a while."""
    graph = Graph()
    for family in FAMILIES.values():
        planned(graph, graph.documents.parse_and_validate(family.replace("~", "1000")))
    return graph


def planned(graph: Graph, document: Any) -> ExecutionPlan:
    assert isinstance(document, Document), document
    name = next(iter(document.operations))
    variables = {f"v{number}": ID for number in range(100)}
    found = graph.plan(document, variables, name)
    assert isinstance(found, ExecutionPlan)
    return found


@pytest.mark.parametrize("family", [*FAMILIES.values(), *WRONG.values()], ids=[*FAMILIES, *WRONG])
def test_a_document_takes_no_more_than_is_estimated(graph: Graph, family: str) -> None:
    def excess(attempt: int) -> int:
        given = texts(family, attempt * EACH)
        found: list[Any] = []
        taken = [sum(map(sys.getsizeof, given))]

        with allocated(taken):
            found += map(graph.documents.parse_and_validate, given)

        return sum(taken) - sum(int(document.size) for document in found)

    assert fits(excess)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
async def test_nor_does_what_is_compiled_of_it_and_has_been_executed(
    graph: Graph, family: str
) -> None:
    excess = []
    for attempt in range(ATTEMPTS):
        given, found, taken = texts(family, attempt * EACH), list[ExecutionPlan](), list[int]()

        with allocated(taken):
            found += [planned(graph, graph.documents.parse_and_validate(text)) for text in given]
            for each in found:
                for _ in range(3):
                    operation = RequestContext(Caller("p", Credential("X-API-Key", "k")), 1e9)
                    await graph.run(each, Context(Source(), operation))

        excess.append(taken[0] - sum(each.size + each.shared[1] for each in found))
        if excess[-1] <= 0:
            break

    assert min(excess) <= 0


@pytest.mark.parametrize(
    "text",
    [
        b"null",
        b'"%b"' % (b"x" * 1_000),
        b"[%b]" % b",".join([b"{}"] * 500),
        b"[%b]" % b",".join([b"[1.5,9007199254740993]"] * 50),
        b"{%b}" % b",".join(b'"k%d":["%d"]' % (number, number) for number in range(500)),
    ],
    ids=["null", "a string", "objects", "numbers", "names"],
)
def test_a_value_takes_no_more_than_is_estimated(text: bytes) -> None:
    def excess(_attempt: int) -> int:
        found, taken = list[object](), list[int]()

        with allocated(taken):
            found.append(orjson.loads(text))

        return taken[0] - value_size(found) - 1_024  # of the measurement itself

    assert fits(excess)


@pytest.mark.parametrize("family", ["tiny", "fields", "a fragment of lists in many places"])
def test_what_is_forgotten_is_freed_without_a_collection(graph: Graph, family: str) -> None:
    text = FAMILIES[family].replace("~", "9")
    gc.collect()
    gc.disable()
    try:
        found = [planned(graph, graph.documents.parse_and_validate(text))]
        found.clear()
        garbage = gc.collect()
    finally:
        gc.enable()

    assert garbage == 0


def test_nor_does_a_field_that_is_refused_hold_the_request_it_was_of(graph: Graph) -> None:
    document = graph.documents.parse_and_validate(
        '{ a: client(id: "junk") { id } b: clients(first: 101) { totalCount } }'
    )
    planned(graph, document)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            planned(graph, document)
        garbage = gc.collect()
    finally:
        gc.enable()

    assert garbage == 0


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (FAMILIES["fields"].replace("~", "7"), {}),
        ("{ __typename }", {"x": [{}] * 4_000}),
        ("{ __typename }", {f"k{number}": [str(number)] for number in range(800)}),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
         {"ids": [f"{n:08}-0000-4000-8000-000000000001".upper() for n in range(100)]}),
        ("query ($all: [_Any!]!) { _entities(representations: $all) { __typename } }",
         {"all": [{"__typename": "Client", "id": ID, "more": [[1.5]]} for _ in range(100)]}),
    ],
    ids=["no variables", "many objects", "many names", "many ids", "many representations"],
)  # fmt: skip
def test_nor_does_a_question(graph: Graph, query: str, variables: dict[str, Any]) -> None:
    graph.documents.get(query)

    def excess(_attempt: int) -> int:
        questions = PreparedRequests(graph, PersistedDocuments(DocumentPolicy.ANY, {}, memory=0))
        body = orjson.dumps({"query": query, "variables": variables})
        bodies = [body + b" " * number for number in range(10)]
        taken = [sum(map(len, bodies))]

        with allocated(taken):
            for each in bodies:
                question = questions.prepare(parse_post(each, "application/json", JSONLimits()))
                questions.remember(each, question)

        assert questions.find(bodies[-1]) is question
        return sum(taken) - questions.latest.size

    assert fits(excess)


def test_all_that_is_remembered_is_bounded() -> None:
    graph = Graph()
    questions = PreparedRequests(graph, PersistedDocuments(DocumentPolicy.ANY, {}, memory=0))
    sizes = []

    for number in range(400):
        body = orjson.dumps({"query": FAMILIES["fields"].replace("~", str(number))})
        question = questions.prepare(parse_post(body, "application/json", JSONLimits()))
        questions.remember(body, question)
        sizes.append(question.planned.size + question.planned.shared[1])
        assert questions.latest.size <= MAX_BYTES
        assert graph.documents.latest.size <= MAX_BYTES

    assert sum(sizes) > MAX_BYTES
