"""Who is served next, on times made up."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ratelimit.call_context import CallContext
from gateway.ratelimit.queue import FairQueue
from gateway.transport.messages import Request
from gateway.transport.serializer import HeaderBlock, RequestTarget
from schema.source.request_context import Priority, Receipt

CALLERS = "abcd"
LOOP = asyncio.new_event_loop()  # nothing runs on it: a future must have one
LOOP.close()
TARGET = RequestTarget("http://api.test/")


def terms(caller: str, priority: Priority = Priority.INTERACTIVE) -> CallContext:
    return CallContext(priority, caller, caller, Receipt())


def stand(
    line: FairQueue, caller: str, priority: Priority = Priority.INTERACTIVE, *, at: float = 0.0
) -> None:
    call = Request("GET", TARGET, HeaderBlock(), 1e9, terms(caller, priority))
    line.join(call, asyncio.Future(loop=LOOP), at)


def any_rank(_: CallContext) -> int:
    return 0


def served(
    line: FairQueue, now: float = 0.0, rank: Callable[[CallContext], int | None] = any_rank
) -> list[str]:
    """Everybody who can be, in order."""
    names = []
    while waiter := line.next(now, rank):
        names.append(f"{waiter.context.partition}{'wier'[waiter.context.priority]}")
    return names


def test_the_most_urgent_lane_goes_first_and_within_it_the_first_to_come() -> None:
    line = FairQueue()
    for caller, priority in zip("abcd", reversed(Priority), strict=True):
        stand(line, caller, priority)
    stand(line, "e")

    assert served(line) == ["dw", "ci", "ei", "be", "ar"]
    assert len(line) == 0


def test_callers_take_turns_however_many_calls_each_has_in_line() -> None:
    line = FairQueue()
    for caller in "aaaabbc":
        stand(line, caller)

    assert served(line) == ["ai", "bi", "ci", "ai", "bi", "ai", "ai"]


def test_each_second_of_waiting_makes_one_lane_of_urgency() -> None:
    line = FairQueue()
    stand(line, "old", Priority.REFRESH, at=0)
    stand(line, "new", Priority.INTERACTIVE, at=2)

    assert served(line, now=2) == ["oldr", "newi"]


def test_a_call_that_may_not_go_keeps_its_place_and_holds_no_other_up() -> None:
    line = FairQueue()
    for caller in "abc":
        stand(line, caller)

    assert served(line, rank=lambda of: None if of.partition == "a" else 0) == ["bi", "ci"]
    assert served(line) == ["ai"]


def test_who_had_half_of_a_window_comes_after_all_others() -> None:
    line = FairQueue()
    stand(line, "a")
    stand(line, "b", Priority.REFRESH)

    assert served(line, rank=lambda of: int(of.partition == "a")) == ["br", "ai"]


def test_in_a_full_line_the_last_call_of_the_caller_with_most_gives_way() -> None:
    line = FairQueue()
    for caller in "abbbc":
        stand(line, caller)
    crowded = line.newest_of_longest(terms("a"))

    assert crowded is not None
    assert (crowded.context.partition, crowded.arrival) == ("b", 4)
    assert line.newest_of_longest(terms("b")) is None


def test_no_call_gives_way_to_a_caller_who_would_have_as_many_except_to_a_write() -> None:
    line = FairQueue()
    stand(line, "a")
    stand(line, "w", Priority.WRITE)
    other = line.newest_of_longest(terms("b", Priority.WRITE))

    assert line.newest_of_longest(terms("b")) is None
    assert other is not None
    assert other.context.partition == "a"


@pytest.mark.parametrize("priority", Priority)
@given(st.lists(st.sampled_from(CALLERS), min_size=1, max_size=80))
def test_while_two_callers_wait_neither_is_served_twice_more_than_the_other(
    priority: Priority, arrivals: list[str]
) -> None:
    line = FairQueue()
    for caller in arrivals:
        stand(line, caller, priority)
    waiting = {caller: arrivals.count(caller) for caller in set(arrivals)}
    turns = dict.fromkeys(waiting, 0)
    for name in served(line):
        turns[name[0]] += 1
        waiting[name[0]] -= 1
        still = [turns[caller] for caller, rest in waiting.items() if rest]
        assert not still or max(turns.values()) - min(still) <= 1


@given(st.lists(st.tuples(st.sampled_from(CALLERS), st.sampled_from(Priority)), max_size=60))
def test_no_call_starves_whatever_keeps_coming(arrivals: list[tuple[str, Priority]]) -> None:
    line = FairQueue()
    stand(line, "z", Priority.REFRESH, at=0)
    for caller, priority in arrivals:
        stand(line, caller, priority, at=0)
    turns = 0
    while (waiter := line.next(3.0, any_rank)) and waiter.context.partition != "z":
        stand(line, waiter.context.partition, waiter.context.priority, at=3.0)  # and comes again
        turns += 1

    # After three seconds as urgent as a write, and older than one that comes again.
    assert waiter is not None
    assert turns <= len(arrivals)
