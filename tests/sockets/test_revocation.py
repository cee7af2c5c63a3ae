"""A key that was revoked, on a connection that knows its last request's head again."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from gateway.app import create_app
from gateway.configuration import connection_limits
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from gateway.server import uvicorn as server
from gateway.settings import load_settings
from tests.in_process import InProcess
from tests.serving import Answer, Serving, Way, Wire, listening, post

BOUND = 300
"""Seconds after a revocation in which what was read before may still be given (security.md)."""
STEP = 20
LIST = b'{"query":"{ clients(first: 2) { edges { node { id } } } }"}'
ONE = b'{"query":"{ client(id: \\"%b\\") { id } }"}' % DEMO.clients()[0]["id"].encode()
REVOKED = '{"success":false,"error":{"code":"UnauthorizedError","message":"Revoked."}}'


class Time:
    """Seconds that a test adds to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def timed(way: Way, time: Time) -> Iterator[Serving]:
    """A gateway whose only clock is `time`."""
    sandbox = Sandbox([DEMO], clock=time)
    chosen = load_settings({}, _env_file=None)

    def listener(socket: Any) -> server.Listener:
        app = create_app(chosen, wire=InProcess(sandbox), clock=time)
        direct = app.direct if way is Way.FAST else None
        return server.Listener(
            app, socket, connection_limits(chosen), direct, app.cors, app.websockets
        )

    with listening(listener) as gateway:
        gateway.sandbox = sandbox
        yield gateway


def revoke(gateway: Serving) -> None:
    gateway.sandbox.fail(Fault(status=401, body=REVOKED, instead=True, times=1_000))
    gateway.sandbox.calls.clear()


def remembered(wire: Wire, body: bytes) -> None:
    """Have the connection know the head of `body` again, and the gateway its answer."""
    answers = [wire.ask(post(body)) for _ in range(3)]
    assert [holds_data(answer) for answer in answers] == [True] * 3


def holds_data(answer: Answer) -> bool:
    return answer.status == 200 and b'"id"' in answer.content


def codes(answer: Answer) -> list[str]:
    return [error["extensions"]["code"] for error in orjson.loads(answer.content)["errors"]]


@pytest.mark.parametrize("body", [LIST, ONE], ids=["list", "one"])
def test_a_remembered_head_gives_a_revoked_key_nothing_after_the_bound(
    timed: Serving, time: Time, body: bytes
) -> None:
    with timed.connection() as wire:
        remembered(wire, body)
        revoke(timed)
        given = list[int]()
        for since in range(STEP, BOUND + 3 * STEP, STEP):
            time.now += STEP
            if holds_data(wire.ask(post(body))):
                given.append(since)
        last = wire.ask(post(body))

    assert max(given, default=0) <= BOUND
    assert (last.status, codes(last)) == (401, ["UNAUTHENTICATED"])
    assert timed.sandbox.calls, "or it was never refused"


def test_the_refusal_of_one_connection_is_that_of_a_head_remembered_by_another(
    timed: Serving,
) -> None:
    with timed.connection() as wire, timed.connection() as other:
        remembered(wire, LIST)
        remembered(other, ONE)
        revoke(timed)
        refused = other.ask(post(LIST, "cache-control: no-cache"))
        after = [wire.ask(post(LIST)), other.ask(post(ONE)), wire.ask(post(ONE))]

    assert codes(refused) == ["UNAUTHENTICATED"]
    assert [(answer.status, codes(answer)) for answer in after] == [(401, ["UNAUTHENTICATED"])] * 3
    assert len(timed.sandbox.calls) == 1


def test_an_accepted_key_is_taken_again_on_the_same_connection_a_minute_after_its_refusal(
    timed: Serving, time: Time
) -> None:
    with timed.connection() as wire:
        remembered(wire, LIST)
        revoke(timed)
        wire.ask(post(LIST, "cache-control: no-cache"))
        timed.sandbox.faults.clear()
        during = wire.ask(post(LIST))
        time.now += 61
        after = wire.ask(post(LIST))

    assert during.status == 401
    assert holds_data(after)
