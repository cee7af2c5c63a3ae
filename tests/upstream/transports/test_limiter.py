"""Who may send when, on virtual time."""

import asyncio
from typing import Any

import pytest

from gateway.api.error_envelope import succeeded
from gateway.api.failures import refused
from gateway.ratelimit.limiter import LimiterOptions, RateLimiter
from gateway.transport.errors import (
    ConnectError,
    ConnectTimeout,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TransportError,
)
from gateway.transport.messages import Request, Response
from gateway.transport.transport import Transport
from schema.source.errors import ClientError, RateLimited
from schema.source.request_context import Priority, RateLimitState
from tests.upstream.transports.conftest import OK, Known, Scripted, receipt, refusal, request
from tests.wires import path_of, respond


def now() -> float:
    return asyncio.get_running_loop().time()


def limited(seconds: int) -> Response:
    return refusal(429, Retry_After=str(seconds))


def over(
    inner: Transport,
    *,
    limit: int = 500,
    at_once: int = 16,
    waiting: int = 200,
    known: str = "p",
) -> RateLimiter:
    options = LimiterOptions(
        limit=limit,
        proven=Known(*known),
        clock=now,
        at_once=at_once,
        waiting=waiting,
        accepts=succeeded,
        refuses=refused,
    )
    return RateLimiter(inner, options)


async def ask(
    budget: RateLimiter,
    path: str = "",
    *,
    priority: Priority = Priority.INTERACTIVE,
    caller: str = "p",
    seconds: float = 10,
) -> int | tuple[str, int | None, float]:
    """The status, or the failure's code, its `retry_after` and the seconds it took to fail."""
    began = now()
    outgoing = request(
        url=f"http://api.test/{path}", deadline=began + seconds, priority=priority, caller=caller
    )
    try:
        return (await budget.send(outgoing)).status_code
    except ClientError as failure:
        wait = failure.retry_after if isinstance(failure, RateLimited) else None
        return (failure.code, wait, round(now() - began, 3))


async def test_no_more_than_the_limit_is_sent_in_a_window_and_the_rest_get_retry_after() -> None:
    budget = over(inner := Scripted([OK]), limit=3)

    answers = [await ask(budget, priority=Priority.WRITE) for _ in range(5)]

    assert answers == [200, 200, 200, ("RATE_LIMITED", 901, 0.0), ("RATE_LIMITED", 901, 0.0)]
    assert len(inner.seen) == 3


async def test_the_next_window_is_spent_as_freely() -> None:
    budget = over(inner := Scripted([OK]), limit=3)
    for _ in range(4):
        await ask(budget, priority=Priority.WRITE)
    await asyncio.sleep(901)

    assert [await ask(budget, priority=Priority.WRITE) for _ in range(3)] == [200] * 3
    assert len(inner.seen) == 6


async def test_when_readers_have_spent_theirs_a_writer_still_gets_through() -> None:
    budget = over(Scripted([OK]), limit=10)
    for _ in range(8):
        await ask(budget)

    assert await ask(budget, priority=Priority.REFRESH) == ("RATE_LIMITED", 901, 0.0)
    assert await ask(budget) == 200
    assert await ask(budget) == ("RATE_LIMITED", 901, 0.0)
    assert await ask(budget, priority=Priority.WRITE) == 200


async def test_whether_a_refresh_would_go_out_now_is_known_before_it_is_begun() -> None:
    budget = over(inner := Scripted([OK]), limit=100)
    idle = budget.refreshable()
    await asyncio.gather(*(ask(budget) for _ in range(10)))
    behind = budget.refreshable()
    await asyncio.sleep(100)

    assert (idle, behind, budget.refreshable()) == (True, False, True)
    assert len(inner.seen) == 10


async def test_no_refresh_is_begun_while_the_api_says_429_or_all_places_are_taken() -> None:
    shut, full = over(Scripted([limited(900)])), over(Scripted([(1.0, OK)]), at_once=1)
    await ask(shut)
    first = asyncio.create_task(ask(full))
    await asyncio.sleep(0)

    assert (shut.refreshable(), full.refreshable()) == (False, False)
    await first


async def test_the_receipt_says_what_is_left_whether_sent_or_refused() -> None:
    headers = {"RateLimit-Limit": "500", "RateLimit-Remaining": "0", "RateLimit-Reset": "300"}
    budget = over(Scripted([respond(200, headers=headers)]))
    sent, refused = request(deadline=now() + 9), request(deadline=now() + 9)

    await budget.send(sent)
    with pytest.raises(RateLimited):
        await budget.send(refused)

    left = RateLimitState(limit=500, remaining=0, reset_seconds=301)
    assert (receipt(sent).budget, receipt(refused).budget, budget.state()) == (left, left, left)


async def test_a_429_keeps_everybody_away_and_tells_them_how_long() -> None:
    budget = over(inner := Scripted([limited(900), OK]))
    first = await ask(budget)
    await asyncio.sleep(100)

    answers = await asyncio.gather(
        *(ask(budget, priority=priority) for priority in [*Priority] * 250)
    )

    assert first == 429
    assert set(answers) == {("RATE_LIMITED", 800, 0.0)}
    assert len(inner.seen) == 1
    assert budget.state() == RateLimitState(limit=500, remaining=0, reset_seconds=801)


async def test_a_short_429_is_waited_out_and_one_request_tries_it_and_then_two() -> None:
    budget = over(inner := Scripted([limited(1), (0.1, OK)]))
    await ask(budget)

    answers = await asyncio.gather(*(ask(budget, str(n)) for n in range(4)))

    assert answers == [200] * 4
    assert inner.seen == [
        (0.0, "GET /"),
        (1.0, "GET /0"),
        (1.1, "GET /1"),
        (1.1, "GET /2"),
        (1.2, "GET /3"),
    ]


async def test_a_429_to_the_one_that_tries_sends_the_others_away() -> None:
    budget = over(inner := Scripted([limited(1), limited(30), OK]))
    await ask(budget)

    answers = await asyncio.gather(*(ask(budget) for _ in range(4)))

    assert answers == [429, *[("RATE_LIMITED", 30, 1.0)] * 3]
    assert len(inner.seen) == 2


async def test_no_call_waits_long_for_the_one_that_tries() -> None:
    budget = over(inner := Scripted([limited(1), (3.0, OK)]))
    await ask(budget)

    answers = await asyncio.gather(*(ask(budget) for _ in range(3)))

    assert answers == [200, ("RATE_LIMITED", 1, 2.5), ("RATE_LIMITED", 1, 2.5)]
    assert len(inner.seen) == 2


async def test_when_the_one_that_tries_is_lost_another_one_tries() -> None:
    budget = over(inner := Scripted([limited(1), (0.1, ReadError("x")), OK]))
    await ask(budget)

    lost = asyncio.create_task(ask(budget))
    answers = await asyncio.gather(*(ask(budget) for _ in range(2)))

    assert isinstance(await _error(lost), ReadError)
    assert answers == [200, 200]
    assert [at for at, _ in inner.seen] == [0.0, 1.0, 1.1, 1.1]


async def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    budget = over(inner := Scripted([limited(2), OK]))
    await ask(budget)

    assert await ask(budget, seconds=1.5) == ("RATE_LIMITED", 2, 0.0)
    assert len(inner.seen) == 1


async def test_a_passed_deadline_sends_nothing() -> None:
    budget = over(inner := Scripted([OK]))

    assert await ask(budget, seconds=0) == ("UPSTREAM_TIMEOUT", None, 0.0)
    assert inner.seen == []


async def test_no_more_than_so_many_are_in_flight_and_the_others_go_by_lane_then_arrival() -> None:
    budget = over(inner := Scripted([(0.3, OK)]), at_once=2)
    await ask(budget, "long-ago")
    await asyncio.sleep(99.7)  # so that there is surplus to refresh from
    first = [asyncio.create_task(ask(budget, name)) for name in ("a", "b")]
    await asyncio.sleep(0)

    answers = await asyncio.gather(
        ask(budget, "refresh", priority=Priority.REFRESH),
        ask(budget, "read-1"),
        ask(budget, "entity", priority=Priority.ENTITIES),
        ask(budget, "read-2"),
        ask(budget, "write", priority=Priority.WRITE),
        *first,
    )

    assert answers == [200] * 7
    assert inner.most == 2
    assert inner.seen[1:] == [
        (100.0, "GET /a"),
        (100.0, "GET /b"),
        (100.3, "GET /write"),
        (100.3, "GET /read-1"),
        (100.6, "GET /read-2"),
        (100.6, "GET /entity"),
        (100.9, "GET /refresh"),
    ]


async def test_a_deadline_that_passes_in_the_line_is_a_timeout() -> None:
    budget = over(inner := Scripted([(5.0, OK)]), at_once=1)
    first = asyncio.create_task(ask(budget))
    await asyncio.sleep(0)

    assert await ask(budget, seconds=3) == ("UPSTREAM_TIMEOUT", None, 3.0)
    assert await first == 200
    assert len(inner.seen) == 1


async def test_a_line_that_is_full_turns_away() -> None:
    budget = over(Scripted([(1.0, OK)]), at_once=1, waiting=2)

    answers = await asyncio.gather(*(ask(budget) for _ in range(4)))

    assert answers == [200, 200, 200, ("UPSTREAM_UNAVAILABLE", None, 0.0)]


async def test_those_in_line_are_sent_away_when_the_window_is_spent_before_them() -> None:
    budget = over(inner := Scripted([(1.0, OK)]), limit=3, at_once=1)

    answers = await asyncio.gather(*(ask(budget, priority=Priority.WRITE) for _ in range(5)))

    assert answers == [200, 200, 200, ("RATE_LIMITED", 900, 2.0), ("RATE_LIMITED", 900, 2.0)]
    assert len(inner.seen) == 3


async def test_what_never_left_is_not_debited_and_what_may_have_is() -> None:
    script = [ConnectError("x"), ReadError("x")]
    budget = over(Scripted(script))

    assert isinstance(await _error(asyncio.create_task(ask(budget))), ConnectError)
    assert budget.state().remaining == 500
    assert isinstance(await _error(asyncio.create_task(ask(budget))), ReadError)
    assert budget.state().remaining == 499


async def test_a_caller_who_leaves_the_line_takes_nothing_with_it() -> None:
    budget = over(inner := Scripted([(1.0, OK)]), at_once=1)
    first, leaver, last = (asyncio.create_task(ask(budget, name)) for name in ("a", "b", "c"))
    await asyncio.sleep(0.5)
    leaver.cancel()

    assert list(await asyncio.gather(first, last)) == [200, 200]
    assert inner.seen == [(0.0, "GET /a"), (1.0, "GET /c")]
    assert budget.state().remaining == 498


async def test_a_caller_who_leaves_just_as_its_turn_comes_hands_it_on() -> None:
    class Startling(Scripted):
        async def handle(self, request: Request[Any]) -> Response:
            answer = await super().handle(request)
            if path_of(request) == "/a":
                asyncio.get_running_loop().call_soon(leaver.cancel)  # its turn is given by then
            return answer

    budget = over(inner := Startling([(1.0, OK)]), at_once=1)
    first, leaver, last = (asyncio.create_task(ask(budget, name)) for name in ("a", "b", "c"))

    assert list(await asyncio.gather(first, last)) == [200, 200]
    assert leaver.cancelled()
    assert inner.seen == [(0.0, "GET /a"), (1.0, "GET /c")]
    assert budget.state().remaining == 498


async def test_a_caller_who_leaves_a_request_in_flight_leaves_its_place_taken() -> None:
    headers = {"RateLimit-Remaining": "40", "RateLimit-Reset": "300"}
    budget = over(inner := Scripted([(1.0, respond(200, headers=headers)), OK]), at_once=1)
    leaver = asyncio.create_task(ask(budget, "left"))
    await asyncio.sleep(0.5)
    leaver.cancel()
    await asyncio.wait({leaver})

    assert inner.flying == 1
    assert await ask(budget, "next", priority=Priority.WRITE) == 200
    assert inner.seen == [(0.0, "GET /left"), (1.0, "GET /next")]
    assert budget.state().remaining == 39


async def test_a_burst_that_fills_the_line_leaves_room_for_others_and_for_writes() -> None:
    budget = over(inner := Scripted([(0.1, OK)]), at_once=1, waiting=3, known="pqw")
    burst = [asyncio.create_task(ask(budget, "burst")) for _ in range(4)]
    await asyncio.sleep(0)

    other = asyncio.create_task(ask(budget, "other", caller="q"))
    await asyncio.sleep(0)
    write = asyncio.create_task(ask(budget, "write", caller="w", priority=Priority.WRITE))
    answers = await asyncio.gather(*burst, other, write)

    crowded = ("UPSTREAM_UNAVAILABLE", None, 0.0)
    assert answers == [200, 200, crowded, crowded, 200, 200]
    assert [what for _, what in inner.seen] == [
        "GET /burst",
        "GET /write",
        "GET /burst",
        "GET /other",
    ]


async def test_callers_take_turns_where_places_are_few() -> None:
    budget = over(inner := Scripted([(0.1, OK)]), at_once=1, known="pq")
    burst = [asyncio.create_task(ask(budget, "burst")) for _ in range(5)]
    await asyncio.sleep(0)

    assert await ask(budget, "other", caller="q") == 200
    assert [what for _, what in inner.seen[:3]] == ["GET /burst", "GET /burst", "GET /other"]
    await asyncio.gather(*burst)


async def test_a_caller_beyond_its_share_gets_retry_after_and_others_are_served() -> None:
    budget = over(inner := Scripted([OK]), limit=100, known="pq")
    await ask(budget, caller="q")
    answers = [await ask(budget) for _ in range(100)]
    sent = len(inner.seen)
    held = answers[-1]

    assert answers.count(200) == sent - 1
    assert 40 < sent < 60
    assert held == ("RATE_LIMITED", 476, 0.0)
    assert [await ask(budget, caller="q") for _ in range(30)] == [200] * 30
    assert await ask(budget, priority=Priority.WRITE) == 200


async def test_a_refusal_says_what_is_spent() -> None:
    async def refusal_text(budget: RateLimiter, caller: str) -> str:
        with pytest.raises(RateLimited) as refused:
            await budget.send(request(deadline=now() + 9, caller=caller))
        return refused.value.message.split(";")[0]

    shared = over(Scripted([OK]), limit=100, known="pq")
    await ask(shared, caller="q")
    for _ in range(100):
        await ask(shared)
    spent = over(Scripted([OK]), limit=10)
    for _ in range(10):
        await ask(spent)
    flooded = over(Scripted([refusal(401)]))
    for number in range(25):
        await ask(flooded, caller=f"random {number}")

    assert [
        await refusal_text(shared, "p"),
        await refusal_text(spent, "p"),
        await refusal_text(flooded, "new"),
    ] == [
        "Your share of the API's request budget is spent",
        "The API's request budget is spent",
        "Many credentials that the API has not accepted yet are being tried",
    ]


async def test_unknown_credentials_are_tried_a_few_at_a_time_and_others_pass_them() -> None:
    budget = over(inner := Scripted([(0.1, OK)]))
    strangers = [asyncio.create_task(ask(budget, name, caller=name)) for name in "abcdef"]
    await asyncio.sleep(0)

    assert await ask(budget, "known") == 200
    assert await asyncio.gather(*strangers) == [200] * 6
    assert inner.seen == [
        *[(0.0, f"GET /{name}") for name in "abcd"],
        (0.0, "GET /known"),
        *[(0.1, f"GET /{name}") for name in "ef"],
    ]


async def test_several_questions_of_a_new_credential_wait_for_the_first_to_be_answered() -> None:
    budget = over(inner := Scripted([(0.1, OK)]))

    assert await asyncio.gather(*(ask(budget, caller="new") for _ in range(4))) == [200] * 4
    assert [at for at, _ in inner.seen] == [0.0, 0.1, 0.1, 0.1]


async def test_when_the_first_is_refused_the_others_are_not_sent() -> None:
    budget = over(inner := Scripted([(0.1, refusal(401))]))

    answers = await asyncio.gather(*(ask(budget, caller="new") for _ in range(4)))

    assert answers == [401, *[("UNAUTHENTICATED", None, 0.1)] * 3]
    assert len(inner.seen) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 407])
async def test_a_refusal_that_is_not_the_apis_bars_no_credential(status: int) -> None:
    login = respond(status, content=b"<html>Log in")
    budget = over(inner := Scripted([OK, login, login, OK]))

    assert [await ask(budget) for _ in range(4)] == [200, status, status, 200]
    assert len(inner.seen) == 4


async def test_a_page_in_the_apis_place_proves_no_credential() -> None:
    budget = over(Scripted([respond(200, content=b"<html>Log in")]), known="")

    assert await ask(budget) == 200
    assert not budget.proven("p")


async def test_a_401_is_answered_here_for_a_minute() -> None:
    budget = over(inner := Scripted([refusal(401)]))
    first = await ask(budget)
    await asyncio.sleep(59)
    later = await ask(budget)
    await asyncio.sleep(1)

    assert (first, later, await ask(budget)) == (401, ("UNAUTHENTICATED", None, 0.0), 401)
    assert len(inner.seen) == 2


async def test_when_failures_are_used_up_strangers_are_sent_away_at_once_and_only_they() -> None:
    budget = over(inner := Scripted([*[refusal(401)] * 25, OK]))
    refused = [await ask(budget, caller=f"random {number}") for number in range(26)]

    # A dozen at once, then one every two seconds, then no more.
    assert refused == [*[401] * 25, ("RATE_LIMITED", 1, 0.0)]
    assert [at for at, _ in inner.seen] == [*[0.0] * 12, *range(2, 27, 2)]
    assert await ask(budget) == 200
    assert await ask(budget, caller="new") == ("RATE_LIMITED", 1, 0.0)
    await asyncio.sleep(1)
    assert await ask(budget, caller="newer") == ("RATE_LIMITED", 1, 0.0)
    assert await ask(budget, caller="new") == 200
    assert len(inner.seen) == 27


async def test_an_api_that_only_fails_is_tried_by_one_call() -> None:
    budget = over(inner := Scripted([respond(503)] * 5 + [(0.1, OK)]), known="pq")
    failed = [await ask(budget, caller=caller) for caller in "pqpqp"]
    left = budget.state().remaining
    refused = await ask(budget), await ask(budget, priority=Priority.WRITE)
    await asyncio.sleep(5)

    trying, *others = await asyncio.gather(*(ask(budget) for _ in range(3)))

    unavailable = ("UPSTREAM_UNAVAILABLE", None, 0.0)
    assert (failed, refused) == ([503] * 5, (unavailable, unavailable))
    assert (trying, others) == (200, [unavailable] * 2)
    assert await ask(budget) == 200
    assert len(inner.seen) == 7
    assert left - budget.state().remaining == 2


async def test_those_in_line_are_not_sent_either_once_it_only_fails() -> None:
    lost = (0.1, ReadError("x"))
    budget = over(inner := Scripted([lost]), at_once=1, known="pq")
    waiting = [asyncio.create_task(ask(budget, caller="pq"[number % 2])) for number in range(9)]
    await asyncio.wait(waiting)

    errors = [task.exception() for task in waiting[:5]]
    assert [type(error) for error in errors] == [ReadError] * 5
    assert [task.result() for task in waiting[5:]] == [("UPSTREAM_UNAVAILABLE", None, 0.5)] * 4
    assert len(inner.seen) == 5


async def test_closing_sends_those_in_line_away() -> None:
    budget = over(Scripted([(1.0, OK)]), at_once=1)
    first, second = (asyncio.create_task(ask(budget)) for _ in range(2))
    await asyncio.sleep(0)
    await budget.aclose()

    assert await first == 200
    assert await second == ("UPSTREAM_UNAVAILABLE", None, 0.0)


async def test_a_storm_of_leavers_loses_neither_places_nor_calls() -> None:
    budget = over(inner := Scripted([(0.02, OK)]), at_once=4, limit=100_000)
    for round_ in range(200):
        calls = [asyncio.create_task(ask(budget)) for _ in range(8)]
        await asyncio.sleep(0.001 * (round_ % 31))
        for call in calls[round_ % 3 :]:
            call.cancel()
        await asyncio.wait(calls)
    await asyncio.sleep(1)

    assert await asyncio.gather(*(ask(budget) for _ in range(8))) == [200] * 8
    assert (inner.flying, inner.most) == (0, 4)
    assert budget.state().remaining == 100_000 - len(inner.seen)


async def _error(task: asyncio.Task[object]) -> BaseException | None:
    await asyncio.wait({task})
    return task.exception()


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (ConnectError("x"), 0),
        (ConnectTimeout("x"), 0),
        (PoolTimeout("x"), 0),
        (ReadError("x"), 1),
        (ReadTimeout("x"), 1),
        (RemoteProtocolError("x"), 1),
    ],
)
async def test_a_request_stands_on_its_payers_receipt_unless_it_never_left(
    error: TransportError, calls: int
) -> None:
    budget = over(Scripted([error]))
    outgoing = request(deadline=now() + 10)

    with pytest.raises(type(error)):
        await budget.send(outgoing)

    assert receipt(outgoing).calls == calls


async def test_a_request_still_on_its_way_is_counted_already_for_its_payer_alone() -> None:
    budget = over(Scripted([(1.0, OK)]))
    one, other = request(deadline=now() + 10), request(deadline=now() + 10)
    call = budget.send(one)
    await asyncio.sleep(0.5)

    assert (receipt(one).calls, receipt(other).calls) == (1, 0)
    await call
