import pytest
from graphql import get_introspection_query, parse

from schema.execution.documents import Document, InvalidDocument
from schema.execution.limits import Limits, check_limits
from schema.graph import Graph

LIMITS = Limits(depth=4, aliases=3, directives=2, root_fields=2, selections=20, repeats=9)


def nested(depth: int) -> str:
    return "{ a " * depth + "}" * depth


@pytest.mark.parametrize(
    ("document", "exceeded"),
    [
        (nested(4), None),
        (nested(5), "has 5 levels of fields, 1 more than the 4 allowed"),
        ("{ a { ...F } } fragment F on T { b { c { d } } }", None),
        ("{ a { ...F } } fragment F on T { b { c { d { e } } } }", "has 5 levels"),
        ("{ a { ... on T { ... { b } } } }", None),
        ("{ a { x: a y: a z: a } }", None),
        ("{ a { x: a y: a z: a w: a } }", "has 4 aliases, 1 more than the 3 allowed"),
        ("{ a { ...F } b { ...F } } fragment F on T { x: a y: a }", "has 4 aliases"),
        ("{ a @skip(if: true) b @include(if: true) }", None),
        ("{ a @x @x @x }", "has 3 directives, 1 more than the 2 allowed"),
        ("query @x { a @x ... @x { b } }", "has 3 directives"),
        ("query ($a: Int @x @x @x) { a }", "has 3 directives"),
        ("{ ...F } fragment F on T @x @x { a @x }", "has 3 directives"),
        ("{ a b }", None),
        ("{ a b c }", "has 3 root fields, 1 more than the 2 allowed"),
        ("{ ...F } fragment F on T { a b c }", "has 3 root fields"),
        (
            "{ a { " + "b " * 20 + "} }",
            "has 21 selections, fragments spread out, 1 more than the 20",
        ),
        ("{ a { b b b b b } }", "has 10 pairs of repeated fields, 1 more than the 9 allowed"),
        ("{ r { a { b } a { b } a { ...F } } } fragment F on T { b b }", None),
        ("{ r { a { b } a { b } a { ...F } } } fragment F on T { b b b }", "has 13 pairs"),
        ("{ __schema { a { a { a { a { a } } } } } }", None),
        ("{ __schema { w: a x: a y: a z: a } }", "has 4 aliases"),
        (
            "{ a { ...F } } fragment F on T { b { ...F } }",
            "Cannot spread fragment 'F' within itself.",
        ),
        ("{ a } fragment F on T { b }", "Fragment 'F' is never used."),
        ("{ a { ...F } }", None),
        ("{ a } query B { a b c }", "has 3 root fields"),
        (
            "query A { ...F } query B { ...F } fragment F on T { a { b c d e f g h i j } }",
            "document has 22",
        ),
    ],
)
def test_a_limit_passed_is_named_with_its_number(document: str, exceeded: str | None) -> None:
    error = check_limits(parse(document), LIMITS)

    assert (error is None) is (exceeded is None)
    assert exceeded is None or (error is not None and exceeded in error.message)


def test_fragments_that_double_each_other_are_stopped_early() -> None:
    doubling = "".join(f"fragment F{i} on T {{ ...F{i + 1} ...F{i + 1} }} " for i in range(30))

    error = check_limits(parse("{ a { ...F0 } } " + doubling + "fragment F30 on T { b }"), Limits())

    assert error is not None
    assert error.extensions == {"code": "LIMIT_EXCEEDED"}


def test_introspection_passes_where_it_is_on() -> None:
    found = Graph(introspection=True).documents.get(get_introspection_query())

    assert isinstance(found, Document)


def test_introspection_is_refused_where_it_is_off() -> None:
    found = Graph(introspection=False).documents.get("{ __schema { types { name } } }")

    assert isinstance(found, InvalidDocument)


def test_limits_hold_for_a_document_seen_before() -> None:
    documents = Graph(limits=LIMITS).documents

    assert [type(documents.get("{ a: __typename " * 9)) for _ in range(2)] == [InvalidDocument] * 2
    assert isinstance(documents.get("{ __typename }"), Document)
