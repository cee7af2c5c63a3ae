"""No message shows Python, nor a value that a client sent, whatever is sent and wherever."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    get_named_type,
    get_nullable_type,
    is_input_object_type,
    print_ast,
)
from graphql.language import parse_value

from gateway.web.error_format import format_errors
from schema.context import Context
from schema.execution.documents import InvalidDocument
from schema.execution.messages import redact_values
from schema.graph import Graph
from schema.source.request_context import Caller, Credential, RequestContext
from tests.differential.answers import Answers

SECRET = "Ottoline"
WRONG: list[Any] = [
    *(None, True, False, 1, 0, -1, 1.5, 2**31, 10**30, "", SECRET, "None", "\u200b"),
    *([], [None], [SECRET], [[True]], {}, {"a": None}, {SECRET: True}, {"a b": 1}),
    {"firstName": True, "lastName": SECRET, "clientType": None},
    {"id": SECRET, "status": None, "expectedVersion": SECRET, "onConflict": None},
    {"__typename": None, "id": True},
]
PYTHON = re.compile(
    r"\b(None|True|False|UNSET|Undefined|NoneType|Maybe|Traceback|dataclass|dict|str|bool|Enum\()\b"
    r"|[{\[(]'|': |<class|<enum|object at 0x|\w+Error\("
)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "client": {"id": "7"},
    "clients": {},
    "node": {"id": "7"},
    "nodes": {"ids": []},
    "_entities": {"representations": []},
    "createClient": {"input": {"firstName": "A", "lastName": "B", "clientType": "ENUM:BUYER"}},
    "updateClient": {"input": {"id": "7", "phone": "1"}},
    "deleteClient": {"input": {"id": "7"}},
}
GRAPH = Graph()
BY_GRAPHQL_CORE = Graph(compiles=False)
SCHEMA = GRAPH.core


def literal(value: Any) -> str:
    """The value as GraphQL writes it; what no name can be is left out."""
    if isinstance(value, dict):
        fields = {key: each for key, each in value.items() if re.fullmatch(r"[_A-Za-z]\w*", key)}
        return "{" + ", ".join(f"{key}: {literal(each)}" for key, each in fields.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str) and value.startswith("ENUM:"):
        return value.removeprefix("ENUM:")
    return json.dumps(value)


def asking(name: str, given: dict[str, str], variable: str = "") -> str:
    """An operation with one root field that has these arguments."""
    kind = "mutation" if name in (SCHEMA.mutation_type or SCHEMA.query_type).fields else "query"  # type: ignore[union-attr]  # there is one
    arguments = ", ".join(f"{key}: {value}" for key, value in given.items())
    return f"{kind} {variable} {{ {name}({arguments}) {{ __typename ...I }} }} {_ISSUES[kind]}"


_ISSUES = {
    "query": "fragment I on Node { id }",
    "mutation": "fragment I on ClientMutationError { message"
    " ... on ClientValidationError { issues { field code message } } }",
}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each argument and input field with each wrong value, as a literal and as a variable."""
    for root in (SCHEMA.query_type, SCHEMA.mutation_type):
        assert root is not None
        for name, field in root.fields.items():
            if name not in ARGUMENTS:
                continue
            usual = {key: literal(value) for key, value in ARGUMENTS[name].items()}
            for argument, definition in field.args.items():
                for value in WRONG:
                    yield _connected(asking(name, {**usual, argument: literal(value)})), {}
                    declared = f"($v: {definition.type})"
                    yield (
                        _connected(asking(name, {**usual, argument: "$v"}, declared)),
                        {"v": value},
                    )
                input_type = get_named_type(definition.type)
                if is_input_object_type(input_type):
                    yield from _fields(name, argument, input_type)


def _fields(
    name: str, argument: str, type_: GraphQLInputObjectType
) -> Iterator[tuple[str, dict[str, Any]]]:
    usual = {key: literal(value) for key, value in ARGUMENTS[name].get(argument, {}).items()}
    for key, field in type_.fields.items():
        for value in WRONG:
            fields = {**usual, key: literal(value)}
            yield _connected(asking(name, {argument: _object(fields)})), {}
            for declared in (field.type, get_nullable_type(field.type)):
                operation = asking(
                    name, {argument: _object({**usual, key: "$v"})}, f"($v: {declared})"
                )
                yield _connected(operation), {"v": value}
        whole = ARGUMENTS[name].get(argument, {}) | {key: value}
        plain = {each: str(one).removeprefix("ENUM:") for each, one in whole.items()}
        yield _connected(asking(name, {argument: "$v"}, f"($v: {type_.name}!)")), {"v": plain}


def _object(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}"


def _connected(text: str) -> str:
    """A list is no node: only its name is selected."""
    if "{ clients(" not in text and "_entities(" not in text:
        return text
    return text.replace(" ...I", "").replace(_ISSUES["query"], "")


_document = functools.cache(GRAPH.documents.parse_and_validate)


async def messages(text: str, variables: dict[str, Any]) -> list[str]:
    """All that an answer says to people, in errors and in data, by both executors."""
    document = _document(text)
    if isinstance(document, InvalidDocument):
        return _of(format_errors(document.errors, "r"))
    planned = GRAPH.plan(document, variables, None)
    if isinstance(planned, list):
        return _of(format_errors(planned, "r"))
    found: list[str] = []
    for graph in (GRAPH, BY_GRAPHQL_CORE):
        operation = RequestContext(Caller("p", Credential("X-API-Key", "k")), 1e9)
        result = await graph.run(planned, Context(Answers(1), operation))
        found += [*_of(format_errors(result.errors or (), "r")), *_of(result.data)]
    return found


def _of(value: Any) -> list[str]:
    if isinstance(value, list):
        return [each for one in value for each in _of(one)]
    if isinstance(value, dict):
        own = [value["message"]] if isinstance(value.get("message"), str) else []
        return own + [each for one in value.values() for each in _of(one)]
    return []


async def test_no_wrong_value_is_answered_with_python_or_with_itself() -> None:
    seen = 0

    for text, variables in operations():
        for message in await messages(text, variables):
            seen += 1
            assert not PYTHON.search(message), (text, variables, message)
            named = message.replace(f"unknown field '{SECRET}'", "")  # a name, which is no value
            assert SECRET not in named, (text, variables, message)
            assert "Something went wrong" not in message, (text, variables, message)

    assert seen > 1_000


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f'{{ client(id: "{SECRET}" "{SECRET}") {{ id }} }}', None),
        (f'"{SECRET}" {{ client }}', None),
        (f'{{ client(id: """{SECRET}""" 5) {{ id }} }}', None),
        ("{ __typename }", "None'"),
        ("query ($on: Boolean = true) { __typename @include(if: $on) }", None),
        ("{ __typename @include(if: None) }", None),
        ("{ __typename @skip(if: null) }", None),
    ],
)
async def test_nor_is_what_is_wrong_with_a_document(text: str, name: str | None) -> None:
    document = GRAPH.documents.parse_and_validate(text)
    if isinstance(document, InvalidDocument):
        found = [error.message for error in document.errors]
    else:
        try:
            planned = GRAPH.plan(document, {"on": None}, name)
        except Exception as error:  # noqa: BLE001 - whatever it says
            found = [str(error)]
        else:
            assert not isinstance(planned, list)
            result = await GRAPH.run(planned, Context(Answers(0), None))
            found = [error.message for error in result.errors or ()]

    assert found
    for message in found:
        assert SECRET not in message
        assert not PYTHON.search(message.replace("named 'None''", "")), message


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            "Expected value of non-null type 'ID!' not to be None.",
            "Expected value of non-null type 'ID!' not to be null.",
        ),
        (
            "Variable '$v' has invalid value at .a: Int cannot represent non-integer value: {'b'}",
            "Variable '$v' has invalid value at .a: Int cannot represent non-integer value.",
        ),
        (
            "Expected value of 'A' not to include unknown field 'b'. Did you mean 'c'? Found: {}.",
            "Expected value of 'A' not to include unknown field 'b'. Did you mean 'c'?",
        ),
        (
            "Expected value of type 'A' not to include unknown field 'it's', found: {'it's'}.",
            "Expected value of type 'A' not to include an unknown field.",
        ),
        (
            "Value 'x' does not exist in 'T' enum. Did you mean the enum value 'X'?",
            "Value does not exist in 'T' enum. Did you mean the enum value 'X'?",
        ),
        ("Syntax Error: Unexpected String 'Ada'.", "Syntax Error: Unexpected String."),
        ("Cannot query field 'a' on type 'B'.", "Cannot query field 'a' on type 'B'."),
    ],
)
def test_a_message_is_cut_where_it_begins_to_quote(theirs: str, ours: str) -> None:
    assert redact_values(theirs) == ours


def test_literals_are_written_as_the_language_has_them() -> None:
    values = [value for value in WRONG if value != {"a b": 1}]

    assert [print_ast(parse_value(literal(value))) for value in values]
