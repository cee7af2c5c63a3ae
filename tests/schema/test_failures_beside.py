"""What fails nulls one field: what was written, or read, beside it is in the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLError
from msgspec import UNSET

from schema.context import Context
from schema.execution.documents import Document
from schema.execution.plan import ExecutionPlan
from schema.graph import Graph
from schema.source.errors import (
    ClientError,
    Forbidden,
    IdempotencyUnavailable,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from schema.source.records import FIELDS, ClientFilter, ClientId, ClientRecord, Fields, Page, Window
from schema.source.request_context import Caller, Credential, Priority, RequestContext
from schema.source.search import SearchRequest
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult
from tests.differential.answers import Answers

ID = "00000000-0000-4000-8000-000000000001"
MALFORMED = FIELDS - {"id"}
SHOWN = (
    "firstName lastName fullName email phone clientType clientTypeRaw status statusRaw source"
    " budgetMin budgetMax preferredLocations propertyPreferences { bedroomsMin } preApproved"
    " preApprovalAmount notes tags version versionRaw createdAt updatedAt owner { id }"
)
KEYS = [word for word in SHOWN.split() if word not in {"{", "}", "bedroomsMin", "id"}]

OK = "{ ok: clients(first: 1) { edges { node { id } } } "
FAILURES = [
    Forbidden("Not you."),
    Unauthenticated("Who?"),
    Unavailable("Down."),
    Unavailable("Slow.", code="UPSTREAM_TIMEOUT"),
    Unavailable("Odd.", code="UPSTREAM_BAD_RESPONSE"),
    IdempotencyUnavailable("No disk."),
    NotFound("A member of each union."),
    ZeroDivisionError("a bug"),
    TimeoutError(),
]


@dataclass
class Source(Answers):
    """Writes what it is given; the clients named Ben come to nothing but `failure`."""

    failure: Exception = field(default_factory=lambda: Forbidden("Not you."))
    record: ClientRecord = field(default_factory=lambda: ClientRecord(id=ID, complete=True))
    reading: Exception | None = None
    created: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(0)

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        del operation
        if new.first_name == "Ben":
            raise self.failure
        self.created.append(new.first_name)
        return WriteResult(self.record)

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        del operation, id, patch
        raise self.failure

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        del operation, id
        raise self.failure

    async def fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, priority: Priority
    ) -> Sequence[ClientRecord | ClientError]:
        del operation, fields, priority
        if self.reading is not None:
            raise self.reading
        return [self.record for _ in ids]

    async def read_page(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Page:
        del operation, where, fields, priority
        return Page(0, (self.record,) * window.limit, window.limit)

    async def search(self, operation: RequestContext, request: SearchRequest) -> Page:
        return await self.read_page(operation, request.where, request.window, request.fields)


@pytest.fixture(scope="module", params=[True, False], ids=["compiled", "graphql-core"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return Graph(compiles=request.param)


async def run(graph: Graph, text: str, source: Source) -> ExecutionResult:
    document = graph.documents.get(text)
    assert isinstance(document, Document), document
    planned = graph.plan(document, {}, None)
    assert isinstance(planned, ExecutionPlan)
    operation = RequestContext(Caller("p", Credential("X-API-Key", "k")), 1e9)
    return await graph.run(planned, Context(source, operation))


def paths(errors: Sequence[GraphQLError] | None) -> list[list[str | int]]:
    return [list(error.path or ()) for error in errors or ()]


def creating(*names: str, shown: str = "__typename") -> str:
    fields = "\n".join(
        f'{name}: createClient(input: {{firstName: "{name}", lastName: "L", clientType: BUYER}})'
        f" {{ __typename ... on CreateClientSuccess {{ client {{ id {shown} }} }} }}"
        for name in names
    )
    return f"mutation {{ {fields} }}"


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
async def test_a_write_that_fails_hides_no_other(graph: Graph, failure: Exception) -> None:
    source = Source(failure)

    result = await run(graph, creating("Ada", "Ben", "Cyd"), source)

    made = {"__typename": "CreateClientSuccess", "client": {"id": ID, "__typename": "Client"}}
    missing = isinstance(failure, NotFound)
    ended = {"__typename": "ClientNotFound"} if missing else None
    assert result.data == {"Ada": made, "Ben": ended, "Cyd": made}
    assert source.created == ["Ada", "Cyd"]
    assert paths(result.errors) == ([] if missing else [["Ben"]])


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
@pytest.mark.parametrize(
    "write", ['updateClient(input: {id: "%s", phone: "5"})', 'deleteClient(input: {id: "%s"})']
)
async def test_nor_does_a_change_or_a_deletion(
    graph: Graph, failure: Exception, write: str
) -> None:
    source = Source(failure)
    text = creating("Ada").removesuffix("}") + f"b: {write % ID} {{ __typename }} }}"

    result = await run(graph, text, source)

    assert result.data is not None
    assert result.data["Ada"]["client"]["id"] == ID
    ended = result.data["b"] and result.data["b"]["__typename"]
    assert (ended, paths(result.errors)) == (
        ("ClientNotFound", []) if isinstance(failure, NotFound) else (None, [["b"]])
    )


async def test_an_argument_that_is_found_wrong_late_hides_no_earlier_write(graph: Graph) -> None:
    text = """mutation ($policy: ClientConflictPolicy) {
      a: createClient(input: {firstName: "Ada", lastName: "L", clientType: BUYER}) { __typename }
      b: updateClient(input: {id: "%s", phone: "5", onConflict: $policy}) { __typename }
    }"""
    document = graph.documents.get(text % ID)
    assert isinstance(document, Document), document
    planned = graph.plan(document, {"policy": None}, None)
    assert isinstance(planned, ExecutionPlan)
    operation = RequestContext(Caller("p", Credential("X-API-Key", "k")), 1e9)

    result = await graph.run(planned, Context(Source(), operation))

    assert result.data == {"a": {"__typename": "CreateClientSuccess"}, "b": None}
    assert paths(result.errors) == [["b"]]


async def test_a_created_client_all_of_which_is_malformed_still_tells_its_id(graph: Graph) -> None:
    source = Source(record=ClientRecord(id=ID, malformed=MALFORMED, complete=True))

    result = await run(graph, creating("Ada", shown=SHOWN), source)

    assert result.data is not None
    assert result.data["Ada"]["client"] == {"id": ID} | dict.fromkeys(KEYS)
    assert sorted(paths(result.errors)) == sorted(["Ada", "client", key] for key in KEYS)


@pytest.mark.parametrize("reading", [*FAILURES, RateLimited("Spent.", retry_after=7)], ids=repr)
async def test_a_created_client_that_cannot_be_read_further_still_tells_its_id(
    graph: Graph, reading: Exception
) -> None:
    source = Source(record=ClientRecord(id=ID, first_name="Ada", last_name=UNSET), reading=reading)

    result = await run(graph, creating("Ada", shown="firstName lastName"), source)

    assert result.data is not None
    assert result.data["Ada"]["client"] == {"id": ID, "firstName": "Ada", "lastName": None}
    assert paths(result.errors) == [["Ada", "client", "lastName"]]


async def test_every_null_among_many_has_its_error(graph: Graph) -> None:
    record = ClientRecord(id=ID, first_name="A", version=2**31, malformed=frozenset({"email"}))
    text = "{ clients(first: 50) { edges { node { firstName email version } } } }"

    result = await run(graph, text, Source(record=record))

    assert result.data is not None
    rows = [edge["node"] for edge in result.data["clients"]["edges"]]
    assert rows == [{"firstName": "A", "email": None, "version": None}] * 50
    assert sorted(paths(result.errors), key=repr) == sorted(
        (
            ["clients", "edges", index, "node", key]
            for index in range(50)
            for key in ("email", "version")
        ),
        key=repr,
    )


@pytest.mark.parametrize(
    "text",
    [
        OK + "no: clients(first: -1) { totalCount } }",
        OK + 'no: client(id: "junk") { id } }',
        OK + f"no: nodes(ids: {['0'] * 101}) {{ id }} }}".replace("'", '"'),
    ],
    ids=["clients", "client", "nodes"],
)
async def test_a_root_field_that_is_refused_takes_no_other_with_it(graph: Graph, text: str) -> None:
    result = await run(graph, text, Source())

    assert result.data == {"ok": {"edges": [{"node": {"id": ID}}]}, "no": None}
    assert paths(result.errors) == [["no"]]


async def test_a_count_that_no_int_holds_takes_no_other_field_with_it(graph: Graph) -> None:
    class Crowded(Source):
        async def read_page(self, *args: Any, **more: Any) -> Page:
            page = await super().read_page(*args, **more)
            return Page(page.offset, page.records, 2**31)

    text = "{ rows: clients(first: 1) { edges { node { id } } } no: clients { totalCount } }"

    result = await run(graph, text, Crowded())

    assert result.data == {"rows": {"edges": [{"node": {"id": ID}}]}, "no": None}
    assert [getattr(error.original_error, "code", None) for error in result.errors or ()] == [
        "UPSTREAM_BAD_RESPONSE"
    ]


USUAL = ClientRecord(
    id=ID, first_name="Ada", status="active", budget_min=5, tags=("a",), complete=True
)


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (f"""{{ clients(first: 2) {{ totalCount pageInfo {{ endCursor }}
         edges {{ cursor node {{ {SHOWN} }} }} }} }}""", USUAL),
        (f'{{ one: client(id: "{ID}") {{ {SHOWN} }} two: node(id: "{ID}") {{ id }} }}', USUAL),
        (f'{{ nodes(ids: ["{ID}", "junk"]) {{ id ... on Client {{ {SHOWN} }} }} }}', USUAL),
        (f"""{{ _entities(representations: [{{__typename: "Client", id: "{ID}"}}])
         {{ __typename ... on Client {{ email }} }} }}""", USUAL),
        ("{ __typename clients(first: 1) { edges { node { status } } } }",
         ClientRecord(id=ID, status="new in the API")),
    ],
    ids=["list", "clients", "nodes", "entities", "an unknown value"],
)  # fmt: skip
async def test_a_usual_answer_takes_no_resolver(text: str, record: ClientRecord) -> None:
    graph = Graph()
    document = graph.documents.get(text)
    assert isinstance(document, Document), document
    planned = graph.plan(document, {}, None)
    assert isinstance(planned, ExecutionPlan)
    context = Context(
        Source(record=record), RequestContext(Caller("p", Credential("X-API-Key", "k")), 1e9)
    )

    result = await graph.run(planned, context)

    assert (result.errors, context.requests) == (None, {})
    assert result.data is not None


async def test_what_was_read_is_not_read_again_where_graphql_core_answers() -> None:
    class Counted(Source):
        reads = 0

        async def read_page(self, *args: Any, **more: Any) -> Page:
            self.reads += 1
            return await super().read_page(*args, **more)

        async def fetch(self, *args: Any, **more: Any) -> Sequence[ClientRecord | ClientError]:
            self.reads += 1
            return await super().fetch(*args, **more)

    source = Counted(record=ClientRecord(id=ID, version=2**31, complete=True))
    text = f"""{{ clients(first: 2) {{ edges {{ node {{ version }} }} }}
      client(id: "{ID}") {{ version }} }}"""

    result = await run(Graph(), text, source)

    assert source.reads == 2
    assert sorted(paths(result.errors), key=repr) == [
        ["client", "version"],
        ["clients", "edges", 0, "node", "version"],
        ["clients", "edges", 1, "node", "version"],
    ]
