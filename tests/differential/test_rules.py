"""The rules left out for a document find nothing in it that the others do not tell."""

from __future__ import annotations

import os
from random import Random

import pytest
from graphql import GraphQLError, parse
from graphql import validate as validate_by_core

from schema.execution.validation import ValidationRules, validate
from schema.graph import Graph
from tests.differential.documents import Writer

BROKEN = [
    ("firstName", "firstNam"),
    ("$v0", "$v1"),
    ("$v0:", "$v1:"),
    ("@skip", "@skipped"),
    ("@include", "@skip"),
    ("...F0", "...F9"),
    ("on Client", "on String"),
    ("on Client", "on User"),
    ("id", "__schema { types { name } }"),
    ("query", "subscription"),
    ("Boolean!", "Client!"),
    ("{ id }", ""),
    ("fragment F0", "fragment F1"),
    (": $yes", ": $yes) @include(if: $yes"),
]
"""Changes that make something wrong of a document that holds the first."""
DOCUMENTS = int(os.environ.get("RULED_DOCUMENTS", "150"))


def texts(errors: list[GraphQLError]) -> list[str]:
    return [str(error) for error in errors]


@pytest.mark.parametrize("introspection", [True, False])
def test_a_document_is_refused_by_the_rules_it_can_break_as_by_all(*, introspection: bool) -> None:
    schema = Graph().core
    rules = ValidationRules(introspection=introspection)
    chance = Random(7)
    fewer = wrong = 0
    for _ in range(DOCUMENTS):
        text = Writer(schema, chance).document().text
        for _ in range(chance.choice([0, 1, 2])):
            text = text.replace(*chance.choice(BROKEN))
        try:
            node = parse(text)
        except GraphQLError:
            continue
        errors = validate_by_core(schema, node, rules.all)
        found = validate(schema, node, rules.applicable(text), max_errors=100)

        assert texts(found) == texts(errors), text
        fewer += len(rules.applicable(text)) < len(rules.all)
        wrong += bool(errors)
    assert fewer > 0.75 * DOCUMENTS
    assert wrong > 0.25 * DOCUMENTS
