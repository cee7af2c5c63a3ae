"""The state that the status page shows, over hand-wound time."""

import httpx

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from gateway.telemetry.recent_calls import MAX_CALLERS, RecentCalls
from schema.source.request_context import RateLimitState
from tests.serving import Way, serving
from tests.telemetry.samples import LIST, query


class Window:
    """A clock, and a window of 500 calls whose rest is set by hand."""

    def __init__(self) -> None:
        self.now, self.left, self.ends = 0.0, 500, 900.0

    def clock(self) -> float:
        return self.now

    def state(self) -> RateLimitState:
        return RateLimitState(500, self.left, int(self.ends - self.now))


def test_calls_are_forgotten_after_a_quarter_of_an_hour() -> None:
    window = Window()
    recent = RecentCalls(window.clock)
    recent.add("interactive", "one")
    window.now = 500
    recent.add("write", "one")
    recent.add("write", "two")

    assert recent.lanes() == {"interactive": 1, "write": 2}
    assert recent.callers() == {"one": 2, "two": 1}
    window.now = 1_000
    assert recent.lanes() == {"write": 2}
    assert recent.callers() == {"one": 1, "two": 1}
    window.now = 2_000
    assert recent.callers() == {}


def test_the_window_burns_down_and_is_full_again_at_its_end() -> None:
    window = Window()
    recent = RecentCalls(window.clock)
    recent.window = window.state
    for now, left in ((600, 400), (800, 20)):
        window.now, window.left = now, left
        recent.add("interactive", "one")
    window.now, window.left, window.ends = 1_000, 500, 1_800

    assert recent.burn_down() == [(-400, 400), (-200, 20), (-100, 500), (0, 500)]


def test_callers_beyond_a_limit_are_counted_together() -> None:
    recent = RecentCalls(Window().clock)
    for number in range(100_000):
        recent.add("interactive", f"caller {number}")

    assert len(recent.callers()) == MAX_CALLERS + 1
    assert recent.callers().total() == 100_000


def test_the_state_names_no_caller_and_is_shown_beside_the_metrics_alone() -> None:
    with (
        serving(Sandbox(), Way.FAST, metrics_address="127.0.0.1:0") as gateway,
        gateway.connection() as wire,
    ):
        query(wire, LIST)
        query(wire, "{ nope }")
        assert gateway.metrics
        shown = gateway.metrics.removesuffix("/metrics")
        state = httpx.get(f"{shown}/status/state.json")
        page = httpx.get(f"{shown}/status")
        hidden = httpx.get(f"{gateway.url}/status")

    assert page.headers["content-type"].startswith("text/html")
    assert hidden.status_code == 404
    assert DEMO.api_key not in state.text
    assert state.headers["cache-control"] == "no-store"
    found = state.json()
    assert found["calls"] == len(gateway.sandbox.calls)
    assert found["window"]["remaining"] == 500 - len(gateway.sandbox.calls)
    [caller] = found["callers"]
    assert (len(caller["caller"]), caller["calls"]) == (8, len(gateway.sandbox.calls))
    assert found["refusals"] == {"BAD_USER_INPUT": 1}
    assert (found["breaker"], found["gate"], found["shared"]) == (False, True, None)
