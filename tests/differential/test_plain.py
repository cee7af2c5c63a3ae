"""What is seen to be valid in plain sight, the rules would not refuse."""

from __future__ import annotations

from random import Random

import pytest
from graphql import GraphQLError, parse, validate
from graphql.language import Lexer, Source, TokenKind

from schema.execution.validation import ValidationRules
from schema.graph import Graph
from schema.plain import plainly_valid
from tests.differential.documents import Writer

SEEDS = """
{ client(id: 7) { id clientType } again: client(id: $id) { id } __typename }
query Q($id: ID!, $ids: [ID!]! = []) { client(id: $id) { id } nodes(ids: $ids) { id } }
query ($n: Int = 5, $t: String) { clients(first: $n, after: $t, offset: 2) { edges { cursor } } }
query A { nodes(ids: ["a", 7]) { id __typename } _service { sdl } clients { totalCount } }
mutation ($input: DeleteClientInput!) { deleteClient(input: $input) { __typename } }
query ($id: ID, $n: Int!, $list: [ID]) { node(id: $id) { id } nodes(ids: $list) { id } }
{ clients(last: 1.5) { edges { node { propertyPreferences { bedroomsMin } owner { id } } } } }
query ($what: ClientFilter) { clients(filter: $what) { totalCount } c: clients { totalCount } }
{ one: client(id: 7) { ...F } two: client(id: 8) { id ...F } } fragment F on Client { tags ...G } \
fragment G on Client { owner { id } }
query ($id: ID!) { node(id: $id) { id ... on Client { tags ... { a: phone } } ...N } } \
fragment N on Node { n: id __typename }
mutation ($i: DeleteClientInput!) { deleteClient(input: $i) { ... on DeleteClientSuccess { \
deletedClientId } ... on ClientNotFound { message } ... on ClientMutationError { code } } }
""".strip().splitlines()


def tokens(text: str) -> list[str]:
    lexer = Lexer(Source(text))
    found = []
    while (token := lexer.advance()).kind is not TokenKind.EOF:
        found.append(text[token.start : token.end])
    return found


MORE = tokens("""
query mutation subscription fragment Q on Client ClientFilter ID Int String Boolean { } ( ) [ ] :
$ ! = @skip ... id ids first last node client clients nodes 7 1.5 "x" null true BUYER input $id $n
alias __typename __schema __type firstName edges
""")


def changed(chance: Random, words: list[str]) -> list[str]:
    """The tokens of a document with one of them gone, twice, replaced or elsewhere."""
    words = list(words)
    place = chance.randrange(len(words))
    match chance.randrange(4):
        case 0:
            del words[place]
        case 1:
            words.insert(place, chance.choice([*words, *MORE]))
        case 2:
            words[place] = chance.choice([*words, *MORE])
        case _:
            words.insert(chance.randrange(len(words)), words.pop(place))
    return words


@pytest.mark.parametrize("introspection", [True, False])
def test_what_is_plainly_valid_is_valid(*, introspection: bool) -> None:
    schema = Graph()._schema  # noqa: SLF001 - documents are written from it
    rules = ValidationRules(introspection=introspection)
    chance = Random(11)
    plain = wrong = 0
    while plain + wrong < 2_000:
        text = chance.choice([*SEEDS, *SEEDS, Writer(schema, chance).document().text])
        words = tokens(text)
        for _ in range(chance.choice([0, 1, 1, 2, 3])):
            words = changed(chance, words)
        text = " ".join(words)
        try:
            node = parse(text, allow_empty_selection_sets=False)
        except GraphQLError:
            continue
        if plainly_valid(schema, node):
            assert validate(schema, node, rules.all) == [], text
            plain += 1
        elif validate(schema, node, rules.applicable(text)):
            wrong += 1
    assert (plain > 200, wrong > 200) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        'query Q($id: ID!) { a: client(id: $id) { id firstName } b: client(id: "7") { id } }',
        "query ($n: Int = 5) { clients(first: $n) { edges { cursor node { id owner { id } } } } }",
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } __typename }",
        "mutation ($input: DeleteClientInput!) { deleteClient(input: $input) { __typename } }",
        "{ a: client(id: 7) { ...F } b: client(id: 8) { ...F } } fragment F on Client { id }",
        "{ node(id: 7) { id ... on Client { tags ... { phone } } } }",
    ],
)
def test_what_most_ask_is_plainly_valid(text: str) -> None:
    assert plainly_valid(Graph()._schema, parse(text))  # noqa: SLF001 - its own schema


def test_a_document_that_nests_too_deeply_for_the_rules_is_not_plain() -> None:
    schema = Graph()._schema  # noqa: SLF001 - its own schema
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(250))
    node = parse(f"{{ ...F0 }} {chain} fragment F250 on Query {{ __typename }}")

    assert validate(schema, node) != []
    assert not plainly_valid(schema, node)
