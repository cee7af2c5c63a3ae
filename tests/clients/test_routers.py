"""Two real routers over our gateway and an Appointments subgraph that holds client ids."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.sandbox.users import ADA, GRACE, DemoUser
from schema.graph import Graph
from tests.clients.conftest import HERE, ended
from tests.e2e.conftest import Running, running, started

FOLDER = HERE / "federation"
ROWS = ADA.clients()
MISSING_ID = "00000000-0000-4000-8000-000000000000"
JUNK = "not a client's id"
NAMES = "{ appointments(first: 25) { client { id fullName } } }"


@dataclass
class Router:
    """A router before two servers: Appointments, and a recorder of what reaches our gateway."""

    process: Running
    recorder: Running
    appointments: Running
    composed: str
    """What the composition of its subgraphs printed."""


@dataclass
class Federation:
    """A router, our gateway behind its recorder, and the sandbox behind that."""

    router: Router
    sandbox: Running
    tell: Callable[[str], None]

    def ask(self, query: str, by: DemoUser | None = ADA) -> Any:
        headers = {"X-API-Key": by.api_key} if by else {}
        answer = httpx.post(
            f"{self.router.process.url}/graphql",
            json={"query": query},
            headers=headers,
            trust_env=False,
            timeout=30,
        )
        payload: Any = answer.json()
        return payload

    def seen(self) -> Any:
        """The requests that reached our gateway since the last call of this."""
        seen = httpx.get(self.router.recorder.url, trust_env=False).json()
        for request in seen:
            self.tell(f"{request['representations']} representations: {request['query']}\n")
        return seen

    def calls(self) -> Any:
        """The calls that reached the sandbox since the last call of this."""
        control = f"{self.sandbox.url}/_sandbox/calls"
        calls = httpx.get(control, trust_env=False).json()
        httpx.delete(control, trust_env=False)
        self.tell(f"calls upstream: {calls}\n")
        return calls


@pytest.fixture(scope="module", params=["hive", "apollo"])
def router(
    request: pytest.FixtureRequest, node: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Router]:
    """Each router in turn, for all tests: it knows of our gateway what the recorder passes on."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:

        def script(*arguments: str | Path, ready: str, **environment: str) -> Running:
            command = running(
                *map(str, arguments), command=node, ready=ready, folder=folder, **environment
            )
            return stack.enter_context(command)

        recorder = script(FOLDER / "recorder.mjs", ready="http")
        appointments = script(FOLDER / "appointments.mjs", ready="http")
        sdl = folder / "clients.graphql"
        sdl.write_text(Graph(node_fields=False).schema.as_str())
        composed = ended(
            node,
            FOLDER / "compose.mjs",
            "guild" if request.param == "hive" else "apollo",
            folder / "supergraph.graphql",
            f"clients={recorder.url}={sdl}",
            f"appointments={appointments.url}={FOLDER / 'appointments.graphql'}",
            f"listings=http://127.0.0.1:9/={FOLDER / 'listings.graphql'}",
        )
        assert composed.returncode == 0, composed.stdout
        process = script(FOLDER / f"{request.param}-router.mjs", ready="listens", PORT="0")
        yield Router(process, recorder, appointments, composed.stdout)


@pytest.fixture
def start(
    router: Router, tell: Callable[[str], None], tmp_path: Path
) -> Iterator[Callable[[list[str]], Federation]]:
    """Starts a gateway behind the router, with one appointment for each of these client ids."""
    with ExitStack() as stack:

        def start(ids: list[str]) -> Federation:
            sandbox = stack.enter_context(started("sandbox", folder=tmp_path))
            gateway = started(
                "serve",
                folder=tmp_path,
                GATEWAY_UPSTREAM_URL=f"{sandbox.url}/v1",
                GATEWAY_NODE_FIELDS="false",
            )
            url = f"{stack.enter_context(gateway).url}/graphql"
            for server, content in ((router.recorder, url), (router.appointments, ids)):
                httpx.put(server.url, json=content, trust_env=False).raise_for_status()
            tell(router.composed)
            return Federation(router, sandbox, tell)

        yield start


def names(ids: list[str]) -> list[Any]:
    names_of = {row["id"]: f"{row['first_name']} {row['last_name']}" for row in ROWS}
    return [{"client": {"id": id, "fullName": names_of.get(id)}} for id in ids]


Start = Callable[[list[str]], Federation]


def test_25_appointments_with_names_cost_one_entities_request_and_one_call(start: Start) -> None:
    ids = [row["id"] for row in ROWS[10:35]]
    federation = start(ids)

    answer = federation.ask(NAMES)

    assert answer["data"] == {"appointments": names(ids)}
    assert "errors" not in answer
    (request,) = federation.seen()
    assert "_entities" in request["query"]
    assert request["representations"] == 25
    assert federation.calls() == ["GET /clients?page=1&limit=100"]

    assert federation.ask(NAMES)["data"] == answer["data"]
    assert federation.calls() == []


def test_one_that_is_missing_or_makes_no_sense_nulls_nothing_but_itself(start: Start) -> None:
    ids = [row["id"] for row in ROWS[:3]]
    federation = start([ids[0], MISSING_ID, ids[1], JUNK, ids[2]])

    answer = federation.ask(NAMES)

    assert answer["data"]["appointments"] == names([ids[0], MISSING_ID, ids[1], JUNK, ids[2]])
    (error,) = answer["errors"]
    assert error["path"][:3] == ["appointments", 3, "client"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert federation.calls() == ["GET /clients?page=1&limit=100", f"GET /clients/{MISSING_ID}"]


def test_the_credential_that_a_router_forwards_keeps_callers_apart(start: Start) -> None:
    ids = [row["id"] for row in ROWS[:2]]
    federation = start(ids)
    assert federation.ask(NAMES)["data"]["appointments"] == names(ids)
    federation.calls()

    theirs = federation.ask(NAMES, by=GRACE)
    assert theirs["data"]["appointments"] == [
        {"client": {"id": id, "fullName": None}} for id in ids
    ]
    assert f"GET /clients/{ids[0]}" in federation.calls()

    nobodys = federation.ask(NAMES, by=None)
    assert {error["extensions"]["code"] for error in nobodys["errors"]} == {"UNAUTHENTICATED"}
    assert federation.calls() == []
    assert [
        {name for name in request["headers"] if name in {"x-api-key", "authorization"}}
        for request in federation.seen()
    ] == [{"x-api-key"}, {"x-api-key"}, set()]


@pytest.mark.parametrize("router", ["hive"], indirect=True)
def test_a_router_counts_an_operation_in_calls_and_refuses_what_would_take_too_many(
    start: Start,
) -> None:
    federation = start([])
    page = "{ clients(first: 100) { edges { node { fullName owner { id } } } totalCount } }"
    many = " ".join(f'c{place}: client(id: "{MISSING_ID}") {{ fullName }}' for place in range(51))

    assert federation.ask(page)["extensions"]["cost"] == {"estimated": 1, "max": 50}
    assert federation.calls() == ["GET /clients?page=1&limit=100"]
    errors = federation.ask(f"{{ {many} }}")["errors"]
    assert {error["extensions"]["code"] for error in errors} == {"COST_ESTIMATED_TOO_EXPENSIVE"}
    assert federation.calls() == []


@pytest.mark.parametrize("router", ["hive"], indirect=True)  # Apollo's gateway has no subscriptions
def test_a_router_subscribes_through_us(start: Start) -> None:
    row = ROWS[0]
    federation = start([])
    subscription = (
        f'subscription {{ clientChanged(id: "{row["id"]}", initial: true)'
        " { kind client { id email } } }"
    )
    update = (
        f'mutation {{ updateClient(input: {{id: "{row["id"]}", email: "new@example.com"}})'
        " { __typename } }"
    )
    events: list[Any] = []
    with httpx.stream(
        "POST",
        f"{federation.router.process.url}/graphql",
        json={"query": subscription},
        headers={"X-API-Key": ADA.api_key, "Accept": "text/event-stream"},
        trust_env=False,
        timeout=30,
    ) as response:
        for line in response.iter_lines():
            if not line.startswith("data: {"):
                continue
            events.append(json.loads(line.removeprefix("data: "))["data"]["clientChanged"])
            if len(events) > 1:
                break
            assert federation.ask(update)["data"]["updateClient"]

    assert events == [
        {"kind": "UNKNOWN", "client": {"id": row["id"], "email": row["email"]}},
        {"kind": "UPDATED", "client": {"id": row["id"], "email": "new@example.com"}},
    ]
