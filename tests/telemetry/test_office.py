"""The sums of metrics, traces and the status page over the trace of an office."""

import os
from collections import Counter

import pytest

from bench.office import callers, day
from bench.window import run
from gateway.telemetry.status.state import status_of
from gateway.telemetry.traces import tracing
from tests.telemetry.receiver import receiving

CALLERS = int(os.environ.get("OFFICE_CALLERS", "8"))


def test_metrics_traces_and_status_add_up_to_what_the_api_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = callers(CALLERS, seed=5, large=CALLERS // 20)
    questions = day(people, seed=5, windows=1)
    with receiving() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        monkeypatch.setattr(tracing, "FLUSH_SECONDS", 60)  # all of them, on a busy machine too
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1000000")
        outcome = run(people, questions, metrics_address="127.0.0.1:0", traces=True)

    seen = Counter(call.split(" ")[0] for call in outcome.sandbox.calls)
    metrics = outcome.metrics
    assert metrics is not None
    counted = Counter[str]()
    for call, count in metrics.upstream.calls.items():
        counted[call.method] += count
    assert counted == seen

    state = status_of(metrics)
    assert state["calls"] == outcome.calls == sum(each["calls"] for each in state["lanes"])
    assert outcome.calls == sum(each["calls"] for each in state["callers"])
    assert state["requests"] == len(questions)
    assert state["window"]["limit"] - state["window"]["remaining"] <= outcome.calls

    sent = received.of("clients_gateway.outcome")
    assert Counter(span.attributes["http.request.method"] for span in sent) == seen
    operations = received.of("url.path")
    assert len(operations) == len(questions)
    costs = sum(span.attributes["clients_gateway.cost"] for span in operations)
    # A call in the background is on the receipt of its caller's next operation.
    refreshes = sum(span.attributes["clients_gateway.priority"] == "refresh" for span in sent)
    assert outcome.calls - refreshes <= costs <= outcome.calls
