"""Requests that come before the answer to the one before: in turn, whole, and never hoarded."""

import json
import threading

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from tests.serving import Serving, Way, post, serving

KNOWN = b'{"query":"{ clients(first: 2) { totalCount } }"}'
LIVE = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"


def named(number: int) -> bytes:
    return post(b'{"query":"{ a%d: __typename }"}' % number)


def test_answers_come_in_the_order_of_requests_of_all_kinds(gateway: Serving) -> None:
    with gateway.connection() as wire:
        wire.ask(post(KNOWN))
        wire.send(b"".join([post(KNOWN), named(1), LIVE, post(b"{"), named(2), post(KNOWN)]))
        answers = [wire.answer() for _ in range(6)]

    assert [answer.status for answer in answers] == [200, 200, 200, 400, 200, 200]
    assert [json.loads(answers[place].content)["data"] for place in (1, 4)] == [
        {"a1": "Query"},
        {"a2": "Query"},
    ]


def test_the_order_holds_wherever_they_are_cut(gateway: Serving) -> None:
    pipeline = b"".join([named(1), post(KNOWN), LIVE, named(2)])
    with gateway.connection() as wire:
        wire.ask(post(KNOWN))
        for cut in range(1, len(pipeline), 41):
            wire.send(pipeline[:cut], pipeline[cut:])
            answers = [wire.answer() for _ in range(4)]

            assert [answer.status for answer in answers] == [200] * 4, cut
            assert b'"a1"' in answers[0].content, cut
            assert b'"a2"' in answers[3].content, cut


def test_thousands_are_answered_to_a_client_that_reads_late(gateway: Serving) -> None:
    many = 2_000
    with gateway.connection() as wire:
        sending = threading.Thread(target=wire.send, args=(LIVE * many,))
        sending.start()
        threading.Event().wait(0.2)
        statuses = [wire.answer().status for _ in range(many)]
        sending.join()

    assert statuses == [200] * many


def test_only_the_first_of_a_connection_is_in_flight(way: Way) -> None:
    """A request sent ahead takes no other's place, and is never begun for a client that leaves."""
    sandbox = Sandbox()
    with serving(sandbox, way, max_concurrent_requests=2, cache=False) as gateway:
        sandbox.fail(Fault(path="/clients", latency=2.0, times=1))
        with gateway.connection() as eager, gateway.connection() as other:
            eager.send(post(KNOWN) * 16)
            threading.Event().wait(0.1)

            assert other.ask(named(1)).status == 200
        threading.Event().wait(2.2)

        assert sandbox.calls == ["GET /clients?page=1&limit=1"]


@pytest.mark.parametrize("refusal", [b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n"])
def test_a_refused_request_ends_the_connection_after_the_answers_before_it(
    gateway: Serving, refusal: bytes
) -> None:
    with gateway.connection() as wire:
        wire.send(named(1) + refusal + named(2))
        statuses = [wire.answer().status for _ in range(2)]

        assert (statuses, wire.rest()) == ([200, 400], b"")


@pytest.mark.parametrize("last", [b"HTTP/1.0", b"HTTP/1.1\r\nconnection: close"])
def test_the_last_answer_is_not_lost_to_a_reset_by_bytes_sent_after_its_request(
    gateway: Serving, last: bytes
) -> None:
    """RFC 9112, 9.6: a connection that is closed while bytes are unread is reset."""
    request = post(KNOWN).replace(b"HTTP/1.1", last, 1)
    for _ in range(3):
        with gateway.connection() as wire:
            wire.send(request + LIVE * 20_000)
            assert wire.answer().status == 200
            assert wire.socket.recv(65_536) == b""
