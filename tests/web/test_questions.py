"""A body that came byte for byte before is prepared already, and no other is taken for it."""

import hashlib

import orjson
import pytest

from gateway.web.persisted import DocumentPolicy, PersistedDocuments
from gateway.web.prepared import PreparedRequest, PreparedRequests, RequestError
from gateway.web.protocol.strict_json import JSONLimits
from gateway.web.request import parse_post
from schema.graph import Graph

ONE = "00000000-0000-4000-8000-000000000001"
CLIENT = "query ($id: ID!) { client(id: $id) { id email } }"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph()


@pytest.fixture
def persisted() -> PersistedDocuments:
    return PersistedDocuments(DocumentPolicy.ANY, {}, memory=100_000)


@pytest.fixture
def questions(graph: Graph, persisted: PersistedDocuments) -> PreparedRequests:
    return PreparedRequests(graph, persisted)


def body(query: str, **more: object) -> bytes:
    return orjson.dumps({"query": query, **more})


def prepared(questions: PreparedRequests, content: bytes) -> PreparedRequest:
    question = questions.prepare(parse_post(content, "application/json", JSONLimits()))
    questions.remember(content, question)
    return question


def test_it_is_understood_once(questions: PreparedRequests) -> None:
    content = body(CLIENT, variables={"id": ONE})

    assert questions.find(content) is None
    question = prepared(questions, content)

    assert questions.find(content) is question
    assert questions.find(content + b" ") is None


def test_two_of_one_document_are_two(questions: PreparedRequests) -> None:
    names = ("A", "B")
    bodies = [body("query A { a: __typename } query B { b: __typename }", operationName=name)
              for name in names]  # fmt: skip

    for content in bodies:
        prepared(questions, content)
    found = [questions.find(content) for content in bodies]

    assert [one and one.planned.name for one in found] == list(names)


def test_a_document_counts_once_for_all_requests_that_it_is_of(
    questions: PreparedRequests,
) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(1_000)]
    bodies = [body(CLIENT, variables={"id": id}) for id in ids]
    for content in bodies:
        prepared(questions, content)

    assert all(questions.find(content) for content in bodies)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (CLIENT, {"id": "junk"}),
        ('{ client(id: "junk") { id } }', {}),
        ('{ _entities(representations: [{ __typename: "House", id: "1" }]) { __typename } }', {}),
    ],
)
def test_what_is_wrong_with_it_is_found_again_each_time(
    questions: PreparedRequests, query: str, variables: dict[str, str]
) -> None:
    content = body(query, variables=variables)

    assert not prepared(questions, content).planned.has_no_errors
    assert questions.find(content) is None


def test_what_is_to_be_written_is_not_remembered(questions: PreparedRequests) -> None:
    change = (
        "mutation ($id: ID!, $email: String) {"
        " updateClient(input: { id: $id, email: $email }) { __typename } }"
    )
    content = body(change, variables={"id": ONE, "email": "ada@example.com"})

    assert prepared(questions, content).planned.has_no_errors
    assert questions.find(content) is None


def test_what_is_refused_is_not_remembered(questions: PreparedRequests) -> None:
    for content in (body("{ nonsense }"), body(CLIENT, variables={}), body("{", variables={})):
        with pytest.raises(RequestError):
            prepared(questions, content)
        assert questions.find(content) is None


def test_a_text_that_came_with_its_hash_stays_registered_by_each_that_comes(
    graph: Graph,
) -> None:
    text = "{ __typename }"
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    persisted = PersistedDocuments(DocumentPolicy.ANY, {}, memory=150)
    questions = PreparedRequests(graph, persisted)
    content = body(text, extensions={"persistedQuery": {"version": 1, "sha256Hash": sha256}})
    by_hash = orjson.dumps({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256}}})
    prepared(questions, content)
    for other in ("{ a: __typename }", "{ b: __typename }", "{ c: __typename }"):
        digest = hashlib.sha256(other.encode()).hexdigest()
        prepared(
            questions,
            body(other, extensions={"persistedQuery": {"version": 1, "sha256Hash": digest}}),
        )
    with pytest.raises(RequestError):
        prepared(questions, by_hash)

    assert questions.find(content) is not None
    assert prepared(questions, by_hash).planned.name is None


def test_those_not_used_lately_are_forgotten_however_small_their_documents(
    questions: PreparedRequests,
) -> None:
    bodies = [
        body(CLIENT, variables={"id": ONE}, operationName=None, extensions={"n": f"{n:08000}"})
        for n in range(1, 1_500)
    ]

    for content in bodies:
        prepared(questions, content)
    remembered = [questions.find(content) is not None for content in bodies]

    assert remembered[-1]
    assert not remembered[0]
    assert 100 < sum(remembered) < 1_400
