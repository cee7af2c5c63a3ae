"""Traces, as a receiver of OTLP gets them over a socket."""

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.users import DEMO
from gateway.settings import ConfigurationError, load_settings
from gateway.telemetry.traces import tracing
from tests.browser.chromium import until
from tests.serving import Serving, Way, Wire, post, serving
from tests.telemetry.mixed_trace import ONE, mixed_trace
from tests.telemetry.receiver import Receiver, Span, receiving
from tests.telemetry.samples import LIST, query

Traced = Callable[..., AbstractContextManager[Serving]]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"traceparent: 00-{TRACE}-{PARENT}-01"
TYPE, PRIORITY = "graphql.operation.type", "clients_gateway.priority"


class Watching(Sandbox):
    """A sandbox that keeps the `traceparent` and `tracestate` of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.traces: list[dict[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        sent = dict(scope.get("headers", ()))
        self.traces.append({key: sent[key] for key in sent if key.startswith(b"trace")})
        await super().__call__(scope, receive, send)


@pytest.fixture
def received() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def traced(received: Receiver, way: Way, monkeypatch: pytest.MonkeyPatch) -> Traced:
    """A gateway that sends traces; all of them have arrived when it has stopped."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 60)  # all of them, on a busy machine too

    @contextmanager
    def start(sandbox: Sandbox | None = None, **settings: Any) -> Iterator[Serving]:
        with serving(sandbox or Sandbox(), way, traces=True, **settings) as gateway:
            yield gateway

    return start


def named_call(call: str) -> str:
    """The name of the span of a call that the sandbox saw."""
    return re.sub(r"/clients/.*", "/clients/{id}", call.partition("?")[0])


def operations(received: Receiver) -> list[Span]:
    return received.of("url.path")


def test_the_spans_are_the_operations_and_the_calls_that_the_api_saw(
    traced: Traced, received: Receiver
) -> None:
    with traced() as gateway, gateway.connection() as wire:
        answers = mixed_trace(wire, gateway.sandbox)
        calls = list(gateway.sandbox.calls)

    assert len(operations(received)) == len(answers)
    sent = received.of("clients_gateway.outcome")
    assert Counter(span.name for span in sent) == Counter(map(named_call, calls))
    assert sum(span.attributes["clients_gateway.cost"] for span in sent) == len(calls)
    costs = [span.attributes.get("clients_gateway.cost", 0) for span in operations(received)]
    assert sum(costs) == len(calls)
    assert {span.parent for span in sent} <= {span.id for span in operations(received)}
    assert {span.attributes[PRIORITY] for span in sent} == {"interactive", "write"}
    # The first list is read, the others are served from memory, and then from a stored response.
    outcomes = [span.attributes.get("clients_gateway.cache") for span in operations(received)]
    assert outcomes[:3] == ["miss", "hit", "stored"] or outcomes[:3] == ["miss", "stored", "stored"]


def test_a_trace_is_continued_from_the_client_to_the_api(
    traced: Traced, received: Receiver
) -> None:
    sandbox = Watching()
    with traced(sandbox) as gateway, gateway.connection() as wire:
        answers = [query(wire, LIST, CALLER, "tracestate: vendor=ada") for _ in range(3)]

    first, *others = operations(received)
    for span, answer in zip([first, *others], answers, strict=True):
        assert (span.trace, span.parent) == (TRACE, PARENT)
        assert answer.headers["traceparent"] == f"00-{TRACE}-{span.id}-01"
        assert answer.headers["x-request-id"] == TRACE
    [call] = received.of("clients_gateway.outcome")
    assert (call.trace, call.parent) == (TRACE, first.id)
    assert sandbox.traces == [{b"traceparent": f"00-{TRACE}-{call.id}-01".encode()}]


def test_a_client_without_a_trace_begins_one_and_one_that_is_not_sampled_is_not_sent(
    traced: Traced, received: Receiver
) -> None:
    with traced() as gateway, gateway.connection() as wire:
        own = query(wire, "{ clients(first: 1) { totalCount } }", "x-request-id: mine").headers
        query(wire, LIST, f"traceparent: 00-{TRACE}-{PARENT}-00")
        query(wire, "{ nope }", "traceparent: nonsense")

    first, refused = operations(received)
    assert own["traceparent"] == f"00-{first.trace}-{first.id}-01"
    assert own["x-request-id"] == "mine"
    assert first.parent == ""
    assert first.name == "query"
    assert refused.name == "GraphQL Operation"
    assert refused.attributes["error.type"] == "BAD_USER_INPUT"


def test_a_failed_call_has_the_correlation_id_of_the_api(
    traced: Traced, received: Receiver
) -> None:
    with traced() as gateway, gateway.connection() as wire:
        missing = "00000000-0000-4000-8000-000000000000"
        query(wire, ONE, variables={"id": missing})
        gateway.sandbox.fail(named("answer-cut", times=1))
        query(wire, ONE, variables={"id": missing[:-1] + "1"})

    failed, lost, *_ = received.of("clients_gateway.outcome")
    assert failed.attributes["http.response.status_code"] == 404
    assert failed.attributes["clients_gateway.correlation_id"]
    assert lost.attributes["error.type"] == "lost"
    assert lost.attributes["clients_gateway.cost"] == 1


def test_a_trace_holds_no_person_no_literal_and_no_credential(
    traced: Traced, received: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "trusted.json"
    file.write_bytes(orjson.dumps({hashlib.sha256(LIST.encode()).hexdigest(): LIST}))
    secret = "Wilhelmina"
    with traced(trusted_documents_file=file) as gateway, gateway.connection() as wire:
        row = gateway.sandbox.rows_of(DEMO)[0]
        mixed_trace(wire, gateway.sandbox)
        query(wire, f"query {secret} {{ clients(first: 25) {{ totalCount }} }}")
        query(wire, f'{{ client(id: "{secret}") {{ id }} }}', f"x-request-id: {secret}")
        query(wire, LIST, f"tracestate: {secret}=1", f"baggage: name={secret}")

    assert "query List" in {span.name for span in operations(received)}
    personal = [secret, DEMO.api_key, row["id"], row["first_name"], row["email"], "Lovelace"]
    assert [each for each in personal if each.encode() in received.raw] == []
    assert received.resource["service.name"] == "clients-gateway"


def test_a_subscription_is_a_span_too(traced: Traced, received: Receiver) -> None:
    document = "subscription { clientsChanged { kind } }"
    with traced() as gateway, gateway.connection() as wire:
        body = orjson.dumps({"query": document})
        wire.send(post(body, CALLER, "accept: text/event-stream"))
        until(lambda: b"text/event-stream" in opened(wire), "a stream")

    [span] = operations(received)
    assert (span.name, span.trace, span.parent) == ("subscription", TRACE, PARENT)
    assert f"traceparent: 00-{TRACE}-{span.id}-01".encode() in wire.received


def opened(wire: Wire) -> bytes:
    """What has come on a connection that stays open."""
    wire.received += wire.socket.recv(65_536)
    return bytes(wire.received)


def test_nothing_is_sent_where_the_sdk_is_disabled(
    traced: Traced, received: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with traced() as gateway, gateway.connection() as wire:
        answer = query(wire, LIST, CALLER)

    assert received.spans == []
    assert answer.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert PARENT not in answer.headers["traceparent"]


def test_a_receiver_that_is_gone_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with serving(Sandbox(), Way.FAST, traces=True) as gateway, gateway.connection() as wire:
        assert query(wire, LIST).status == 200


def test_traces_without_their_package_are_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gateway.telemetry.traces.tracing", None)
    with pytest.raises(ConfigurationError, match="GATEWAY_TRACES needs an extra"):
        create_app(load_settings({}, _env_file=None, traces=True))
