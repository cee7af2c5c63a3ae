"""What counting costs, as a ratio of CPU within one run."""

import math
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

REQUESTS, ROUNDS = 100, 150
LEAST = 0.95
"""CPU of a request without metrics, as a part of that with them."""


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


def cpu(wire: Wire, clock: int, request: bytes) -> float:
    """The CPU of some requests."""
    began = time.clock_gettime(clock)
    for _ in range(REQUESTS):
        wire.ask(request)
    return time.clock_gettime(clock) - began


@pytest.mark.alone  # compares CPU time
@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="needs a thread's CPU clock")
def test_a_stored_answer_costs_a_twentieth_more_cpu_at_most_with_metrics() -> None:
    request = post(orjson.dumps({"query": LIST}))
    with measured() as plain, measured(metrics_address="127.0.0.1:0") as counted:
        for each in (plain, counted):
            cpu(*each, request)
        without = beside = math.inf
        for _ in range(ROUNDS):
            # The least of each: other work on the machine only adds.
            without = min(without, cpu(*plain, request))
            beside = min(beside, cpu(*counted, request))

    assert without / beside >= LEAST, (without / REQUESTS, beside / REQUESTS)


def test_nothing_is_imported_while_metrics_and_access_log_are_off() -> None:
    modules = imported(
        "import gateway.cli.main, gateway.server.uvicorn; from gateway.app import create_app;"
        " from gateway.settings import load_settings; create_app(load_settings({}, _env_file=None))"
    )

    assert "gateway.app" in modules
    ours = {name for name in modules if name.startswith(("gateway.telemetry", "prometheus_client"))}
    assert sorted(ours | (modules & {"gateway.server.observed"})) == []
