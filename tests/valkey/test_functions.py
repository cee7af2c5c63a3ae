"""The functions in the server decide as the pure code of the single process does."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
import redis

from gateway.ratelimit.window import RateLimitWindow
from gateway.storage.shared.function_library import FunctionLibrary, budget_keys
from gateway.storage.shared.mirror import BudgetMirror
from gateway.storage.shared.replies import FIELDS
from gateway.transport.rate_limit_status import RateLimitStatus
from schema.source.request_context import Priority
from tests.valkey.servers import Server
from tests.valkey.specification import Ask, Granted, Held, Specification

CLOCK = "local function server_time() return tonumber(redis.call('GET', 'clock')) end"
LEARNED = 10.0


@dataclass
class Functions:
    """The functions of one budget, called as a gateway would."""

    client: redis.Redis
    limit: int
    seconds: float
    now: float = 1000.0
    total: int = 0
    incarnation: str = ""
    flights: dict[int, tuple[Ask, str]] = field(default_factory=dict)
    ids: int = 0
    reports: int = 0

    def __post_init__(self) -> None:
        self.adopted = RateLimitWindow(limit=self.limit, window_seconds=self.seconds)
        """The window of a gateway, which adopts each reply."""
        self.mirror = BudgetMirror(self.limit, self.seconds, self.now)
        self.mirror.when_changed = lambda window: self.adopted.adopt(window, self.now)
        self.library = FunctionLibrary(CLOCK)
        self.client.flushall()
        self.client.function_flush()
        self.client.function_load(self.library.source)
        self.wind(0)
        self.call("retry", 0)
        self.wind(LEARNED)

    def wind(self, seconds: float) -> None:
        self.now += seconds
        self.client.set("clock", repr(self.now))

    def call(self, name: str, *arguments: object) -> list[str]:
        keys = budget_keys("b")
        common = (self.limit, self.seconds, "gateway", self.incarnation, self.total, 0)
        found = self.client.fcall(
            self.library.function(name), len(keys), *keys, *common, *map(str, arguments)
        )
        assert isinstance(found, list)
        self.mirror.adopt(found, sent_at=self.now, now=self.now)
        self.limit_now, self.left, self.rest = int(found[3]), int(found[4]), float(found[5])
        return found

    def reserve(self, ask: Ask) -> Granted | Held:
        self.ids += 1
        found = self.call(
            "reserve", self.ids, int(ask.priority), ask.caller, ask.caller, int(ask.proven),
            ask.patience, 100_000,
        )  # fmt: skip
        verdict, value, third = found[FIELDS:]
        if verdict == "granted":
            self.flights[int(value)] = ask, str(self.ids)
            return Granted(int(value), int(third))
        return Held(verdict, float(value), third)

    def answered(
        self, number: int, status: RateLimitStatus, code: int, delay: float | None
    ) -> None:
        verdict = "accepted" if code == 200 else "unknown" if code == 429 else "failed"
        self._report(number, "response", verdict, code, status, delay)

    def unanswered(self, number: int, *, sent: bool) -> None:
        self._report(number, "lost" if sent else "unsent", "unknown", 0, RateLimitStatus(), None)

    def _report(  # noqa: PLR0913, PLR0917 - the arguments of the function
        self,
        number: int,
        kind: str,
        verdict: str,
        code: int,
        status: RateLimitStatus,
        delay: float | None,
    ) -> None:
        ask, id = self.flights.pop(number)
        headers = ("" if each is None else each for each in status)
        self.reports += 1
        self.call(
            "report", self.reports, id, number, kind,
            int(ask.priority), ask.caller, ask.caller, int(ask.proven),
            verdict, int(code in {401, 403, 404, 410}), int(kind == "response"), *headers,
            int(code == 429), "" if delay is None else delay,
        )  # fmt: skip


READS = (*[Priority.INTERACTIVE] * 4, Priority.ENTITIES)
CODES = (*[200] * 12, 404, 403, 401, 429)


class Traffic(NamedTuple):
    """What the calls of a run are."""

    priorities: Sequence[Priority] = (Priority.WRITE, *READS, Priority.REFRESH)
    codes: Sequence[int] = CODES
    proven: float = 0.85
    """The part of the calls that have a proven credential."""
    headers: float = 0.6
    """The part of the responses that state anything of the window."""
    resets: float = 0.75
    """The part of those that state its end."""


TRAFFIC = {
    "mixed": Traffic(),
    "writes": Traffic([*[Priority.WRITE] * 5, *READS], [200, 404, 403], proven=1.0),
    "refreshes": Traffic([*[Priority.REFRESH] * 9, Priority.INTERACTIVE], [200], proven=1.0),
    "strangers": Traffic(codes=[*[200] * 2, *[401] * 12, 429], proven=0.2),
    "no resets": Traffic(codes=[200], proven=1.0, headers=1.0, resets=0.0),
}


def a_status(
    chance: random.Random, model: Specification, now: float, traffic: Traffic
) -> RateLimitStatus:
    """Headers near the truth, or none, or of another window, or those of a shared address."""
    state = model.window.state(now)
    if chance.random() >= traffic.headers:
        return RateLimitStatus()
    remaining = max(0, state.remaining + chance.randint(-3, 3))
    reset = None
    if chance.random() < traffic.resets:
        reset = chance.choice(
            [float(max(0, state.reset_seconds)), float(chance.randint(0, 1000)), 3.5]
        )
    return RateLimitStatus(
        chance.choice([None, state.limit, state.limit + 5]),
        chance.choice([None, remaining, remaining]),
        reset,
    )


@pytest.mark.parametrize("traffic", TRAFFIC.values(), ids=TRAFFIC)
@pytest.mark.parametrize("seed", range(6))
def test_the_functions_decide_as_the_pure_code(server: Server, seed: int, traffic: Traffic) -> None:
    chance = random.Random(seed)
    limit, seconds = chance.choice([(500, 900.0), (40, 60.0), (100, 900.0)])
    with server.client() as client:
        functions = Functions(client, limit, seconds)
        model = Specification(limit, seconds)
        callers = [f"caller-{number}" for number in range(chance.choice([1, 4, 30]))]
        strangers = [f"stranger-{number}" for number in range(40)]
        pace = chance.choice([0.01, 0.5, 3.0])
        for _ in range(600):
            functions.wind(round(chance.expovariate(1 / pace), 3))
            if chance.random() < 0.003:
                functions.wind(chance.choice([seconds / 2, seconds, 3 * seconds]))
            step(chance, functions, model, traffic, callers, strangers)
            now = functions.now
            state = model.window.state(now)
            assert (functions.limit_now, max(0, functions.left)) == (state.limit, state.remaining)
            assert functions.rest == model.window.rest(now)
            wait = model.window.wait(Priority.WRITE, now)
            assert functions.adopted.wait(Priority.WRITE, now) == pytest.approx(wait)


def step(  # noqa: PLR0913, PLR0917 - a step's world
    chance: random.Random,
    functions: Functions,
    model: Specification,
    traffic: Traffic,
    callers: list[str],
    strangers: list[str],
) -> None:
    now = functions.now
    dice = chance.random()
    if model.flights and dice < 0.45:
        number = chance.choice(list(model.flights))
        if chance.random() < 0.1:
            sent = chance.random() < 0.5
            model.unanswered(number, now, sent=sent)
            functions.unanswered(number, sent=sent)
            return
        code = chance.choice(traffic.codes)
        delay = chance.choice([None, 1.0, 30.0]) if code == 429 else None
        status = a_status(chance, model, now, traffic)
        model.answered(number, status, code, delay, now)
        functions.answered(number, status, code, delay)
    elif dice < 0.5:
        known = chance.random() < 0.5
        allowed = functions.call("retry", int(known))[FIELDS] == "granted"
        assert allowed is model.retry(now, known=known)
    else:
        known = chance.random() < traffic.proven
        caller = callers[min(int(chance.expovariate(0.5)), len(callers) - 1)]
        ask = Ask(
            chance.choice(traffic.priorities),
            caller if known else chance.choice(strangers),
            known,
            chance.choice([0.5, 2.0]),
        )
        assert functions.reserve(ask) == model.reserve(ask, now)


def test_a_report_that_is_sent_again_counts_once(server: Server) -> None:
    with server.client() as client:
        functions = Functions(client, limit=500, seconds=900.0)
        functions.call("beat", 1, "-", 0, 0, 100_000, "")
        granted = functions.reserve(Ask(Priority.WRITE, "caller", proven=True, patience=2.0))
        assert isinstance(granted, Granted)
        flight = functions.flights[granted.number]
        assert functions.left == 499
        for _ in range(2):
            functions.flights[granted.number] = flight
            functions.reports = 0
            functions.unanswered(granted.number, sent=False)
            assert functions.left == 500
        changes = functions.call("beat", 2, "-", 0, 0, 100_000, "")[2]
        functions.reports = 0
        functions.flights[granted.number] = flight
        functions.answered(granted.number, RateLimitStatus(500, 10, 800), 200, None)
        assert functions.call("beat", 3, "-", 0, 0, 100_000, "")[2] == changes
        assert functions.left == 500


def test_what_an_earlier_version_counted_as_lost_is_settled_no_earlier_than_it_would(
    server: Server,
) -> None:
    with server.client() as client:
        functions = Functions(client, limit=500, seconds=900.0)
        ask = Ask(Priority.WRITE, "caller", proven=True, patience=2.0)
        lost = functions.reserve(ask)
        assert isinstance(lost, Granted)
        functions.unanswered(lost.number, sent=True)
        assert client.hdel(budget_keys("b")[0], "sent_after_at") == 1

        seen = []
        for seconds, stated in ((0, 499), (15, 498)):
            functions.wind(seconds)
            granted = functions.reserve(ask)
            assert isinstance(granted, Granted)
            status = RateLimitStatus(500, stated, 890.0)
            functions.answered(granted.number, status, 200, None)
            seen.append(functions.left)

        assert seen == [498, 498]


def test_a_created_client_outlasts_a_late_deletion_of_the_attempt_that_it_was_found_for(
    server: Server,
) -> None:
    with server.client() as client:
        functions = Functions(client, limit=500, seconds=900.0)

        def call(function: str, keys: Sequence[str], *arguments: object) -> list[str]:
            name = functions.library.function(function)
            found = client.fcall(name, len(keys), *keys, *map(str, arguments))
            assert isinstance(found, list)
            return found

        epoch, rest, _ = call("create_epoch", ["epoch"], "gateway", 0)
        functions.wind(float(rest))
        begin = (epoch, functions.now, "attempt", 2, "content")
        for clients in ([], ["client"]):
            assert call("create_begin", ["epoch", "record"], *begin) == ["new"]
            for made in clients:
                put = ("attempt", "done", "found", made, 60)
                assert call("create_put", ["record", "clients"], *put) == ["recorded"]
            call("create_delete", ["record"], "attempt")
        assert call("create_begin", ["epoch", "record"], *begin) == ["existing", "found", "0"]
