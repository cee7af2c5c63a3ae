"""Who is served next, on times made up."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.line import Line
from gateway.upstream.terms import Terms
from schema.operation import Lane, Receipt

CALLERS = "abcd"
LOOP = asyncio.new_event_loop()  # nothing runs on it: a future must have one
LOOP.close()


def terms(caller: str, lane: Lane = Lane.INTERACTIVE) -> Terms:
    return Terms(1e9, lane, caller, caller, Receipt())


def stand(line: Line, caller: str, lane: Lane = Lane.INTERACTIVE, *, at: float = 0.0) -> None:
    line.join(terms(caller, lane), asyncio.Future(loop=LOOP), at)


def anybody(_: Terms) -> int:
    return 0


def served(
    line: Line, now: float = 0.0, rank: Callable[[Terms], int | None] = anybody
) -> list[str]:
    """Everybody who can be, in order."""
    names = []
    while waiter := line.next(now, rank):
        names.append(f"{waiter.terms.partition}{'wier'[waiter.terms.lane]}")
    return names


def test_the_most_urgent_lane_goes_first_within_it_whoever_came_first() -> None:
    line = Line()
    for caller, lane in zip("abcd", reversed(Lane), strict=True):
        stand(line, caller, lane)
    stand(line, "e")

    assert served(line) == ["dw", "ci", "ei", "be", "ar"]
    assert len(line) == 0


def test_callers_take_turns_whoever_has_more_in_line() -> None:
    line = Line()
    for caller in "aaaabbc":
        stand(line, caller)

    assert served(line) == ["ai", "bi", "ci", "ai", "bi", "ai", "ai"]


def test_each_second_of_waiting_makes_one_lane_of_urgency() -> None:
    line = Line()
    stand(line, "old", Lane.REFRESH, at=0)
    stand(line, "new", Lane.INTERACTIVE, at=2)

    assert served(line, now=2) == ["oldr", "newi"]


def test_who_may_not_go_keeps_its_place_and_holds_nobody_up() -> None:
    line = Line()
    for caller in "abc":
        stand(line, caller)

    assert served(line, rank=lambda of: None if of.partition == "a" else 0) == ["bi", "ci"]
    assert served(line) == ["ai"]


def test_who_had_half_of_a_window_comes_after_all_others() -> None:
    line = Line()
    stand(line, "a")
    stand(line, "b", Lane.REFRESH)

    assert served(line, rank=lambda of: int(of.partition == "a")) == ["br", "ai"]


def test_in_a_full_line_the_last_of_whoever_has_most_gives_way() -> None:
    line = Line()
    for caller in "abbbc":
        stand(line, caller)
    crowded = line.last_of_most(terms("a"))

    assert crowded is not None
    assert (crowded.terms.partition, crowded.arrival) == ("b", 4)
    assert line.last_of_most(terms("b")) is None


def test_nobody_gives_way_to_one_who_would_have_as_many_except_to_a_write() -> None:
    line = Line()
    stand(line, "a")
    stand(line, "w", Lane.WRITE)
    other = line.last_of_most(terms("b", Lane.WRITE))

    assert line.last_of_most(terms("b")) is None
    assert other is not None
    assert other.terms.partition == "a"


@pytest.mark.parametrize("lane", Lane)
@given(st.lists(st.sampled_from(CALLERS), min_size=1, max_size=80))
def test_while_two_callers_wait_neither_is_served_twice_more_than_the_other(
    lane: Lane, arrivals: list[str]
) -> None:
    line = Line()
    for caller in arrivals:
        stand(line, caller, lane)
    waiting = {caller: arrivals.count(caller) for caller in set(arrivals)}
    turns = dict.fromkeys(waiting, 0)
    for name in served(line):
        turns[name[0]] += 1
        waiting[name[0]] -= 1
        still = [turns[caller] for caller, rest in waiting.items() if rest]
        assert not still or max(turns.values()) - min(still) <= 1


@given(st.lists(st.tuples(st.sampled_from(CALLERS), st.sampled_from(Lane)), max_size=60))
def test_nobody_starves_whatever_keeps_coming(arrivals: list[tuple[str, Lane]]) -> None:
    line = Line()
    stand(line, "z", Lane.REFRESH, at=0)
    for caller, lane in arrivals:
        stand(line, caller, lane, at=0)
    turns = 0
    while (waiter := line.next(3.0, anybody)) and waiter.terms.partition != "z":
        stand(line, waiter.terms.partition, waiter.terms.lane, at=3.0)  # and comes again
        turns += 1

    # After three seconds as urgent as a write, and older than whoever comes again.
    assert waiter is not None
    assert turns <= len(arrivals)
