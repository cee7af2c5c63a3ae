"""Who may send when, on virtual time."""

import asyncio

import httpx
import pytest

from gateway.upstream.budget import Budget
from gateway.upstream.ledger import Ledger
from schema.failures import Failure, RateLimited
from schema.operation import BudgetState, Lane
from tests.upstream.transports.conftest import Known, Scripted, receipt, request

OK = httpx.Response(200)


def now() -> float:
    return asyncio.get_running_loop().time()


def refusal(seconds: int) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": str(seconds)})


def over(inner: Scripted, *, limit: int = 500, at_once: int = 16, waiting: int = 200) -> Budget:
    return Budget(
        inner,
        ledger=Ledger(limit=limit),
        proven=Known("p"),
        clock=now,
        at_once=at_once,
        waiting=waiting,
    )


async def ask(
    budget: Budget,
    path: str = "",
    *,
    lane: Lane = Lane.INTERACTIVE,
    seconds: float = 10,
) -> int | tuple[str, int | None, float]:
    """The status, or the failure's code, its `retry_after` and the seconds it took to fail."""
    began = now()
    asked = request(url=f"http://api.test/{path}", deadline=began + seconds, lane=lane)
    try:
        return (await budget.handle_async_request(asked)).status_code
    except Failure as failure:
        wait = failure.retry_after if isinstance(failure, RateLimited) else None
        return (failure.code, wait, round(now() - began, 3))


async def test_no_more_than_the_limit_is_sent_in_a_window_and_the_rest_is_told_how_long() -> None:
    budget = over(inner := Scripted([OK]), limit=3)

    answers = [await ask(budget, lane=Lane.WRITE) for _ in range(5)]

    assert answers == [200, 200, 200, ("RATE_LIMITED", 901, 0.0), ("RATE_LIMITED", 901, 0.0)]
    assert len(inner.seen) == 3


async def test_the_next_window_is_spent_as_freely() -> None:
    budget = over(inner := Scripted([OK]), limit=3)
    for _ in range(4):
        await ask(budget, lane=Lane.WRITE)
    await asyncio.sleep(901)

    assert [await ask(budget, lane=Lane.WRITE) for _ in range(3)] == [200] * 3
    assert len(inner.seen) == 6


async def test_when_readers_have_spent_theirs_a_writer_still_gets_through() -> None:
    budget = over(Scripted([OK]), limit=10)
    for _ in range(8):
        await ask(budget)

    assert await ask(budget, lane=Lane.REFRESH) == ("RATE_LIMITED", 901, 0.0)
    assert await ask(budget) == 200
    assert await ask(budget) == ("RATE_LIMITED", 901, 0.0)
    assert await ask(budget, lane=Lane.WRITE) == 200


async def test_whether_a_refresh_would_go_out_now_is_known_before_it_is_begun() -> None:
    budget = over(inner := Scripted([OK]), limit=100)
    idle = budget.refreshable()
    await asyncio.gather(*(ask(budget) for _ in range(10)))
    behind = budget.refreshable()
    await asyncio.sleep(100)

    assert (idle, behind, budget.refreshable()) == (True, False, True)
    assert len(inner.seen) == 10


async def test_no_refresh_is_begun_while_the_api_says_429_or_all_places_are_taken() -> None:
    shut, full = over(Scripted([refusal(900)])), over(Scripted([(1.0, OK)]), at_once=1)
    await ask(shut)
    first = asyncio.create_task(ask(full))
    await asyncio.sleep(0)

    assert (shut.refreshable(), full.refreshable()) == (False, False)
    await first


async def test_the_receipt_says_what_is_left_whether_sent_or_refused() -> None:
    headers = {"RateLimit-Limit": "500", "RateLimit-Remaining": "0", "RateLimit-Reset": "300"}
    budget = over(Scripted([httpx.Response(200, headers=headers)]))
    sent, refused = request(deadline=now() + 9), request(deadline=now() + 9)

    await budget.handle_async_request(sent)
    with pytest.raises(RateLimited):
        await budget.handle_async_request(refused)

    left = BudgetState(limit=500, remaining=0, reset_seconds=301)
    assert (receipt(sent).budget, receipt(refused).budget, budget.state()) == (left, left, left)


async def test_a_429_keeps_everybody_away_and_tells_them_how_long() -> None:
    budget = over(inner := Scripted([refusal(900), OK]))
    first = await ask(budget)
    await asyncio.sleep(100)

    answers = await asyncio.gather(*(ask(budget, lane=lane) for lane in [*Lane] * 250))

    assert first == 429
    assert set(answers) == {("RATE_LIMITED", 800, 0.0)}
    assert len(inner.seen) == 1
    assert budget.state() == BudgetState(limit=500, remaining=0, reset_seconds=801)


async def test_a_short_429_is_waited_out_and_one_request_tries_it_and_then_two() -> None:
    budget = over(inner := Scripted([refusal(1), (0.1, OK)]))
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
    budget = over(inner := Scripted([refusal(1), refusal(30), OK]))
    await ask(budget)

    answers = await asyncio.gather(*(ask(budget) for _ in range(4)))

    assert answers == [429, *[("RATE_LIMITED", 30, 1.0)] * 3]
    assert len(inner.seen) == 2


async def test_nobody_waits_long_for_the_one_that_tries() -> None:
    budget = over(inner := Scripted([refusal(1), (3.0, OK)]))
    await ask(budget)

    answers = await asyncio.gather(*(ask(budget) for _ in range(3)))

    assert answers == [200, ("RATE_LIMITED", 1, 2.5), ("RATE_LIMITED", 1, 2.5)]
    assert len(inner.seen) == 2


async def test_when_the_one_that_tries_is_lost_another_one_tries() -> None:
    budget = over(inner := Scripted([refusal(1), (0.1, httpx.ReadError("x")), OK]))
    await ask(budget)

    lost = asyncio.create_task(ask(budget))
    answers = await asyncio.gather(*(ask(budget) for _ in range(2)))

    assert isinstance(await _error(lost), httpx.ReadError)
    assert answers == [200, 200]
    assert [at for at, _ in inner.seen] == [0.0, 1.0, 1.1, 1.1]


async def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    budget = over(inner := Scripted([refusal(2), OK]))
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
        ask(budget, "refresh", lane=Lane.REFRESH),
        ask(budget, "read-1"),
        ask(budget, "entity", lane=Lane.ENTITIES),
        ask(budget, "read-2"),
        ask(budget, "write", lane=Lane.WRITE),
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

    answers = await asyncio.gather(*(ask(budget, lane=Lane.WRITE) for _ in range(5)))

    assert answers == [200, 200, 200, ("RATE_LIMITED", 899, 2.0), ("RATE_LIMITED", 899, 2.0)]
    assert len(inner.seen) == 3


async def test_what_never_left_is_not_debited_and_what_may_have_is() -> None:
    script = [httpx.ConnectError("x"), httpx.ReadError("x")]
    budget = over(Scripted(script))

    assert isinstance(await _error(asyncio.create_task(ask(budget))), httpx.ConnectError)
    assert budget.state().remaining == 500
    assert isinstance(await _error(asyncio.create_task(ask(budget))), httpx.ReadError)
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
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await super().handle_async_request(request)
            if request.url.path == "/a":
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
    budget = over(inner := Scripted([(1.0, httpx.Response(200, headers=headers)), OK]), at_once=1)
    leaver = asyncio.create_task(ask(budget, "left"))
    await asyncio.sleep(0.5)
    leaver.cancel()
    await asyncio.wait({leaver})

    assert inner.flying == 1
    assert await ask(budget, "next", lane=Lane.WRITE) == 200
    assert inner.seen == [(0.0, "GET /left"), (1.0, "GET /next")]
    assert budget.state().remaining == 39


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
