"""What counting costs, as a ratio of CPU within one run."""

import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from gateway.sandbox.api import Sandbox
from tests.serving import Way, Wire, post, serving
from tests.telemetry.samples import LIST
from tests.test_startup import imported

REQUESTS, ROUNDS = 10, 1_400
LEAST = 0.95
"""CPU of a request without metrics, as a part of that with them."""


@contextmanager
def one_cpu() -> Iterator[None]:
    """Keep the threads that the block starts, and this one, on one CPU.

    A gateway on another CPU than its client takes two or three times as much time to wake up.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def measured(**settings: Any) -> Iterator[tuple[Wire, int]]:
    """A connection to a gateway, and the clock of its thread's CPU."""
    before = set(threading.enumerate())
    with (
        serving(Sandbox(), Way.FAST, compiled=True, **settings) as gateway,
        gateway.connection() as wire,
    ):
        [thread] = [each for each in set(threading.enumerate()) - before if each.name == "gateway"]
        assert thread.ident
        yield wire, time.pthread_getcpuclockid(thread.ident)


def cpu(measured: tuple[Wire, int], request: bytes) -> float:
    """The CPU of some requests."""
    wire, clock = measured
    began = time.clock_gettime(clock)
    for _ in range(REQUESTS):
        wire.ask(request)
    return time.clock_gettime(clock) - began


@pytest.mark.alone  # compares CPU time
@pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid") or not hasattr(os, "sched_setaffinity"),
    reason="needs a thread's CPU clock and its CPU",
)
def test_a_stored_answer_costs_a_twentieth_more_cpu_at_most_with_metrics() -> None:
    request = post(orjson.dumps({"query": LIST}))
    with one_cpu(), measured() as plain, measured(metrics_address="127.0.0.1:0") as counted:
        cpu(plain, request)
        cpu(counted, request)
        without, beside = list[float](), list[float]()
        for _ in range(ROUNDS):  # in both orders: neither follows a round of its own more often
            for times, each in (
                (without, plain),
                (beside, counted),
                (beside, counted),
                (without, plain),
            ):
                times.append(cpu(each, request))

    assert quick_round(without) / quick_round(beside) >= LEAST


def quick_round(times: list[float]) -> float:
    """The time that one round in twenty takes at most: other work on the machine only adds."""
    return statistics.quantiles(times, n=20)[0]


def test_nothing_is_imported_while_metrics_traces_and_access_log_are_off() -> None:
    modules = imported(
        "import gateway.cli.main, gateway.server.uvicorn; from gateway.app import create_app;"
        " from gateway.settings import load_settings; create_app(load_settings({}, _env_file=None))"
    )

    assert "gateway.app" in modules
    sdk = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "google.protobuf")
    ours = {
        name
        for name in modules
        if name.startswith(("gateway.telemetry", "prometheus_client", "requests", *sdk))
    }  # FastAPI imports the interface of OpenTelemetry, which records nothing
    wrappers = {"gateway.server.observed", "gateway.server.traced"}
    assert sorted(ours | (modules & wrappers)) == []
