import pytest
from graphql import get_introspection_query, parse

from schema.documents import Document, Refused
from schema.graph import Graph
from schema.limits import Limits, passed

LIMITS = Limits(depth=4, aliases=3, directives=2, root_fields=2, selections=20)


def nested(depth: int) -> str:
    return "{ a " * depth + "}" * depth


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (nested(4), None),
        (nested(5), "more than 4 levels of fields"),
        ("{ a { ...F } } fragment F on T { b { c { d } } }", None),
        ("{ a { ...F } } fragment F on T { b { c { d { e } } } }", "more than 4 levels"),
        ("{ a { ... on T { ... { b } } } }", None),
        ("{ a { x: a y: a z: a } }", None),
        ("{ a { x: a y: a z: a w: a } }", "more than 3 aliases"),
        ("{ a { ...F } b { ...F } } fragment F on T { x: a y: a }", "more than 3 aliases"),
        ("{ a @skip(if: true) b @include(if: true) }", None),
        ("{ a @x @x @x }", "more than 2 directives"),
        ("query @x { a @x ... @x { b } }", "more than 2 directives"),
        ("{ a b }", None),
        ("{ a b c }", "more than 2 root fields"),
        ("{ ...F } fragment F on T { a b c }", "more than 2 root fields"),
        ("{ a { " + "b " * 20 + "} }", "more than 20 selections"),
        ("{ a { ...F } } fragment F on T { b { ...F } }", "more than 4 levels"),
        ("{ a } query B { a b c }", "more than 2 root fields"),
    ],
)
def test_a_limit_passed_is_named_with_its_number(document: str, told: str | None) -> None:
    error = passed(parse(document), LIMITS)

    assert (error is None) is (told is None)
    assert told is None or (error is not None and told in error.message)


def test_fragments_that_double_each_other_are_stopped_early() -> None:
    doubling = "".join(f"fragment F{i} on T {{ ...F{i + 1} ...F{i + 1} }} " for i in range(30))

    error = passed(parse("{ a { ...F0 } } " + doubling + "fragment F30 on T { b }"), Limits())

    assert error is not None
    assert error.extensions == {"code": "LIMIT_EXCEEDED"}


def test_introspection_passes_where_it_is_on() -> None:
    found = Graph(introspection=True).documents.understand(get_introspection_query())

    assert isinstance(found, Document)


def test_introspection_is_refused_where_it_is_off() -> None:
    found = Graph(introspection=False).documents.understand("{ __schema { types { name } } }")

    assert isinstance(found, Refused)


def test_limits_hold_for_a_document_seen_before() -> None:
    documents = Graph(limits=LIMITS).documents

    assert [type(documents.understand("{ a: __typename " * 9)) for _ in range(2)] == [Refused] * 2
    assert isinstance(documents.understand("{ __typename }"), Document)
