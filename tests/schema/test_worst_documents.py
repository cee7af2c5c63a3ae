"""What the most expensive documents cost when they are new, beside an ordinary one."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from schema.execution.documents import Document, InvalidDocument
from schema.execution.limits import Limits
from schema.execution.lru import MAX_BYTES
from schema.graph import Graph

ORDINARY = "{ clients(first: 25) { edges { node { id firstName lastName email status } } } }"
MOST = 80
"""The CPU time of a document at most, in that of the ordinary one."""
TRIES = 5


def many(pattern: str, times: int) -> str:
    """The pattern repeated, each `#` in it its number."""
    return " ".join(pattern.replace("#", str(number)) for number in range(times))


def on_clients(inside: str) -> str:
    return "{ clients { edges { node { " + inside + " } } } }"


WORST = {
    "one field again and again": on_clients("id " * 900),
    "one object again and again": "{ clients { " + "pageInfo { hasNextPage } " * 230 + "} }",
    "objects of repeated fields": "{ clients { "
    + ("pageInfo {" + " endCursor" * 14 + "} ") * 50
    + "} }",
    "lists of lists": "{ " + ("clients { " + "edges { node { id id } } " * 12 + "} ") * 9 + "}",
    "as many repeats as allowed": on_clients("id " * 63),
    "aliases": "{ " + many("a#: __typename", 300) + " }",
    "aliases below introspection": "{ __schema { " + many("a#: types { name }", 150) + " } }",
    "unknown fields": "{ clients { " + many("f#", 950) + " } }",
    "nearly known fields": "{ clients { " + many("totalCoun#", 900) + " } }",
    "a very long field": "{ clients { " + "totalCount" * 1_600 + " } }",
    "unknown types": "{ node(id: 1) { " + many("... on Clien# { a#: id }", 110) + " } }",
    "unused variables": "query (" + many("$v#: Int", 240) + ") { __typename }",
    "variables of unknown types": "query (" + many("$v#: Clint#", 240) + ") { __typename }",
    "used variables": "query ("
    + many("$v#: ID!", 140)
    + ") { nodes(ids: ["
    + many("$v#", 140)
    + "]) { id } }",
    "undefined variables": "{ nodes(ids: [" + many("$v#", 450) + "]) { id } }",
    "variables with defaults": "query (" + many("$v#: [Int] = [1]", 110) + ") { __typename }",
    "operations": many("query Q# { __typename }", 190),
    "operations of one name": many("query Q { __typename }", 190),
    "operations sharing a fragment": many("query Q# { ...F }", 140)
    + " fragment F on Query { clients { edges { node { id email phone } } } }",
    "operations sharing variables": many("query Q#($a: Int) { ...F }", 80)
    + " fragment F on Query { clients(first: $a, offset: $a) { totalCount } }",
    "fragments side by side": "{ clients { "
    + many("...F#", 100)
    + " } } "
    + many("fragment F# on ClientConnection { totalCount }", 100),
    "fragments in a chain": "{ clients { ...F0 } } "
    + " ".join(f"fragment F{n} on ClientConnection {{ ...F{n + 1} }}" for n in range(130))
    + " fragment F130 on ClientConnection { totalCount }",
    "fragments that double": "{ clients { ...F0 } } "
    + " ".join(
        f"fragment F{n} on ClientConnection {{ ...F{n + 1} ...F{n + 1} }}" for n in range(90)
    )
    + " fragment F90 on ClientConnection { totalCount }",
    "fragments that spread each other": "{ clients { ...F0 } } "
    + many("fragment F# on ClientConnection { " + many("...F#", 16) + " }", 16),
    "fragments nobody spreads": "{ __typename } " + many("fragment F# on Client { id }", 140),
    "fragments of one name": "{ ...F } " + many("fragment F on Query { __typename }", 140),
    "inline fragments in each other": "{ " + "... on Query { " * 190 + "__typename" + " }" * 191,
    "inline fragments side by side": "{ clients { " + "... { totalCount } " * 230 + " } }",
    "directives": "{ __typename " + "@skip(if: true) " * 140 + "}",
    "unknown directives": "{ __typename " + "@a " * 480 + "}",
    "directives on a variable": "query ($a: Int " + "@a " * 480 + ") { __typename }",
    "a long list": "{ nodes(ids: [" + "1 " * 950 + "]) { id } }",
    "a long list of wrong values": "{ nodes(ids: [" + "1.5 " * 950 + "]) { id } }",
    "lists in lists": "{ nodes(ids: " + "[" * 190 + "]" * 190 + ") { id } }",
    "objects in objects": "mutation { createClient(input: "
    + "{ a: " * 180
    + "1"
    + " }" * 180
    + ") { __typename } }",
    "an object of unknown fields": "mutation { createClient(input: {"
    + many("f#: 1", 320)
    + "}) { __typename } }",
    "an object of nearly known fields": "mutation { createClient(input: {"
    + many("firstNam#: 1", 320)
    + "}) { __typename } }",
    "an object of repeated fields": "mutation { createClient(input: {"
    + "firstName: 1 " * 320
    + "}) { __typename } }",
    "nearly known enum values": "{ clients(filter: {"
    + "status: ACTIV " * 320
    + "}) { totalCount } }",
    "nearly known arguments": "{ clients(" + many("firs#: 1", 320) + ") { totalCount } }",
    "representations": "{ _entities(representations: ["
    + '{ __typename: "Client", id: "1" } ' * 100
    + "]) { __typename } }",
    "a long string": '{ node(id: "' + "a" * 16_000 + '") { id } }',
    "a block string of short lines": '{ node(id: """' + "\n " * 7_900 + '""") { id } }',
    "escapes": '{ node(id: "' + "\\u{10FFFF}" * 1_600 + '") { id } }',
    "characters beyond ASCII": '{ node(id: "' + "🏃" * 16_000 + '") { id } }',
    "comments": "#\n" * 8_000 + "{ __typename }",
    "commas": "," * 16_000 + "{ __typename }",
    "a number of many digits": "{ clients(first: " + "9" * 16_000 + ") { totalCount } }",
    "levels": "{ clients { edges " * 80 + "{ a }" + "}" * 160,
    "levels of introspection": "{ __schema { types "
    + "{ fields { type " * 60
    + "{ name }"
    + " } }" * 60
    + " } }",
    "a text that is much too long": "{ __typename }" + " " * 128 * 1024,
}


def cpu_seconds(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def ratio(act: Callable[[], object], other: Callable[[], object], enough: float = 0.0) -> float:
    """Return the least CPU time of `act` in that of `other`, each pair measured together."""
    least = float("inf")
    for _ in range(TRIES):
        beside = min(cpu_seconds(other) for _ in range(5))
        least = min(least, cpu_seconds(act) / beside)
        if least <= enough:
            break
    return least


@pytest.fixture(scope="module")
def graphs() -> list[Graph]:
    return [Graph(introspection=False), Graph(introspection=True)]


@pytest.mark.alone  # measures CPU time
@pytest.mark.parametrize("text", WORST.values(), ids=WORST)
def test_the_worst_documents_are_understood_or_refused_at_little_cost(
    text: str, graphs: list[Graph]
) -> None:
    for graph in graphs:
        read = graph.documents.parse_and_validate
        assert ratio(partial(read, text), partial(read, ORDINARY), enough=MOST) <= MOST


@pytest.mark.parametrize("introspection", [False, True])
@pytest.mark.parametrize("text", WORST.values(), ids=WORST)
def test_what_they_receive_stays_short(
    text: str,
    introspection: bool,  # noqa: FBT001
    graphs: list[Graph],
) -> None:
    found = graphs[introspection].documents.parse_and_validate(text)

    errors = found.errors if isinstance(found, InvalidDocument) else ()
    assert len(errors) <= 10
    assert not any("Did you mean" in error.message for error in errors) or introspection


@pytest.mark.alone  # compares CPU time
def test_without_the_limits_they_would_cost_more() -> None:
    text = WORST["one object again and again"]
    ours, lax = Graph().documents, Graph(limits=Limits(repeats=10**9)).documents

    assert ratio(partial(lax.parse_and_validate, text), partial(ours.parse_and_validate, text)) > 5


def test_a_hundred_large_documents_are_not_all_remembered() -> None:
    documents = Graph().documents
    texts = [on_clients("id " * 60) + " " * number for number in range(500)]

    for text in texts:
        assert isinstance(documents.get(text), Document)

    assert documents.latest.size <= MAX_BYTES
    assert documents.get(texts[-1]) is documents.get(texts[-1])
