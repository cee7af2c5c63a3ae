"""The ledger's arithmetic, on times made up; and against an API that keeps its own count."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ratelimit.window import RateLimitWindow
from gateway.shared_budget import SharedWindow
from gateway.transport.rate_limit_status import RateLimitStatus
from schema.source.request_context import Priority, RateLimitState


def spend(ledger: RateLimitWindow, count: int, now: float = 0.0) -> list[int]:
    return [ledger.reserve(now) for _ in range(count)]


def test_a_new_ledger_has_the_documented_window() -> None:
    assert RateLimitWindow().state(0) == RateLimitState(limit=500, remaining=500, reset_seconds=900)


def test_a_request_is_debited_before_it_is_sent() -> None:
    ledger = RateLimitWindow()
    ledger.reserve(0)

    assert ledger.state(0).remaining == 499


def test_a_request_that_never_left_is_not_debited() -> None:
    ledger = RateLimitWindow()
    ledger.release(ledger.reserve(0))

    assert ledger.state(0).remaining == 500


def test_what_a_header_may_not_include_comes_back_when_all_have_answered() -> None:
    ledger, stated = RateLimitWindow(), RateLimitStatus(500, 490, 800)
    first, *others = spend(ledger, 10)

    ledger.record_response(first, stated, 1)
    assert ledger.state(1).remaining == 481, "the API may count the nine others yet"

    for number in others:
        ledger.record_response(number, stated, 2)
    assert ledger.state(2).remaining == 490


def test_a_request_without_an_answer_may_be_counted_after_the_lowest_header() -> None:
    ledger, stated = RateLimitWindow(), RateLimitStatus(500, 490, 800)
    first, lost, *others = spend(ledger, 10)
    ledger.record_response(first, stated, 1)
    ledger.record_no_response(lost, 1)
    for number in others:
        ledger.record_response(number, stated, 2)

    assert ledger.state(2).remaining == 489


@pytest.mark.parametrize("counted", [True, False])
def test_a_request_sent_long_after_the_lost_ones_states_whether_they_were_counted(
    *, counted: bool
) -> None:
    ledger = RateLimitWindow()
    for number in spend(ledger, 10):
        ledger.record_no_response(number, 0)
    stated = 490 if counted else 500
    seen = []
    for sent in (1.0, 10.0, 16.0):
        stated -= 1
        ledger.record_response(ledger.reserve(sent), RateLimitStatus(500, stated, 800), sent)
        seen.append(ledger.state(sent).remaining)

    assert seen == [489, 488, stated]


def test_a_window_may_have_begun_as_late_as_its_first_response_was_lost() -> None:
    ledger = RateLimitWindow(limit=1)
    ledger.record_no_response(ledger.reserve(0), 2)

    assert [ledger.wait(Priority.WRITE, at) for at in (901, 903)] == [2, 0]


def test_the_last_call_is_kept_until_its_headers_can_return_those_that_were_lost() -> None:
    ledger = RateLimitWindow(limit=20)
    for number in spend(ledger, 10):
        ledger.record_no_response(number, 0)
    for left in range(19, 10, -1):  # the API counted none of the lost ones
        ledger.record_response(ledger.reserve(1), RateLimitStatus(20, left, 800), 1)

    waits = [ledger.wait(Priority.WRITE, at) for at in (1, 14, 15)]
    assert (waits, ledger.left(Priority.WRITE, 14)) == ([14, 1, 0], 0)
    last = ledger.reserve(15)
    assert ledger.state(15).remaining == 0
    ledger.record_response(last, RateLimitStatus(20, 10, 786), 15)
    assert ledger.state(15).remaining == 10


def test_the_last_call_is_not_kept_where_headers_state_nothing_or_one_call_is_lost() -> None:
    for limit, lost, stated in ((3, 2, False), (3, 1, True)):
        ledger = RateLimitWindow(limit=limit)
        for number in spend(ledger, lost):
            ledger.record_no_response(number, 0)
        for _ in range(2 - lost):
            ledger.record_response(ledger.reserve(1), RateLimitStatus(3, 1 if stated else None), 1)

        assert ledger.wait(Priority.WRITE, 1) == 0


def test_a_response_without_headers_may_have_been_counted_after_those_that_state_more() -> None:
    ledger = RateLimitWindow()
    ledger.record_no_response(ledger.reserve(0), 0)
    for sent, stated in ((1, 498), (16, 497)):
        ledger.record_response(ledger.reserve(sent), RateLimitStatus(500, stated, 800), sent)
    early, silent = spend(ledger, 2, now=17)
    ledger.record_response(silent, RateLimitStatus(), 17)
    ledger.record_response(early, RateLimitStatus(500, 496, 780), 18)

    assert ledger.state(18).remaining == 495


def test_a_header_returns_no_more_than_headers_took() -> None:
    ledger = RateLimitWindow()
    for number in spend(ledger, 10):
        ledger.record_response(number, RateLimitStatus(500, 499, 800), 1)

    assert ledger.state(2).remaining == 490, "an API that counts late is not believed"


def test_a_request_that_may_have_left_stays_debited() -> None:
    ledger = RateLimitWindow()
    ledger.record_no_response(ledger.reserve(0), 0)

    assert ledger.state(0).remaining == 499


def test_the_last_tenth_is_for_writes_and_the_next_not_for_refresh() -> None:
    ledger = RateLimitWindow()
    ledger.reserve(0)
    allowed = dict.fromkeys(Priority, 1)
    for _ in range(499):
        for priority in Priority:
            allowed[priority] += ledger.wait(priority, 900) == 0  # the window's last second
        ledger.reserve(900)

    assert allowed == {
        Priority.WRITE: 500,
        Priority.INTERACTIVE: 450,
        Priority.ENTITIES: 450,
        Priority.REFRESH: 400,
    }


def write(ledger: RateLimitWindow, *moments: float) -> list[float]:
    """What each write had to wait; those that did not are answered."""
    waits = []
    for at in moments:
        waits.append(ledger.wait(Priority.WRITE, at))
        if not waits[-1]:
            ledger.record_no_response(ledger.reserve(at, Priority.WRITE), at)
    return waits


def test_where_many_writes_are_to_be_expected_reads_leave_them_more_than_a_tenth() -> None:
    ledger = RateLimitWindow()
    write(ledger, *range(0, 900, 9))
    reads = 0
    while not ledger.wait(Priority.INTERACTIVE, 902):
        ledger.record_no_response(ledger.reserve(902), 902)
        reads += 1

    assert (reads, ledger.wait(Priority.INTERACTIVE, 902)) == (390, 1.0)
    assert write(ledger, *range(903, 1_803, 9)) == [0.0] * 100


def test_what_was_kept_for_writes_that_did_not_come_is_given_back_as_time_goes_by() -> None:
    ledger = RateLimitWindow()
    write(ledger, *range(0, 900, 9))
    reads = 0
    for at in range(902, 1_780):
        if not ledger.wait(Priority.INTERACTIVE, at):
            ledger.record_no_response(ledger.reserve(at), at)
            reads += 1

    assert reads == 450


def test_however_many_writes_come_reads_have_most_of_the_window() -> None:
    ledger = RateLimitWindow()
    write(ledger, *[0.0] * 500)
    reads = 0
    while not ledger.wait(Priority.INTERACTIVE, 902):
        ledger.record_no_response(ledger.reserve(902), 902)
        reads += 1

    assert reads == 350


def test_refreshes_spend_only_what_the_others_left_over_so_far() -> None:
    ledger = RateLimitWindow(limit=100, window_seconds=100)
    spend(ledger, 10)

    assert ledger.wait(Priority.REFRESH, 0) == 12.0
    assert ledger.wait(Priority.REFRESH, 11) == 1.0
    assert ledger.wait(Priority.REFRESH, 12) == 0.0
    ledger.reserve(12, Priority.REFRESH)
    assert ledger.wait(Priority.REFRESH, 12) == 1.0
    assert ledger.wait(Priority.INTERACTIVE, 12) == 0.0


def test_refreshes_take_a_fifth_of_a_window_at_most() -> None:
    ledger = RateLimitWindow(limit=100, window_seconds=100)
    ledger.record_no_response(ledger.reserve(0), 0)
    taken = 0
    while not ledger.wait(Priority.REFRESH, 99):
        ledger.record_no_response(ledger.reserve(99, Priority.REFRESH), 99)
        taken += 1

    assert (taken, ledger.wait(Priority.REFRESH, 99)) == (20, 2.0)
    assert ledger.wait(Priority.REFRESH, 101) == 0.0


def test_a_spent_window_says_when_it_ends() -> None:
    ledger = RateLimitWindow(limit=2)
    one, two = spend(ledger, 2)
    ledger.record_response(one, RateLimitStatus(limit=2, remaining=1, reset=300), 1)
    ledger.record_response(two, RateLimitStatus(limit=2, remaining=0, reset=300), 1)

    assert ledger.wait(Priority.WRITE, 100) == 202.0
    assert ledger.wait(Priority.WRITE, 302) == 0.0


def test_others_on_our_address_are_believed() -> None:
    ledger = RateLimitWindow()
    ledger.record_response(
        ledger.reserve(0), RateLimitStatus(limit=500, remaining=40, reset=300), 0
    )

    assert ledger.state(0) == RateLimitState(limit=500, remaining=40, reset_seconds=301)


def test_answers_in_any_order_only_lower_the_count_within_a_window() -> None:
    ledger = RateLimitWindow()
    one, two, three = spend(ledger, 3)
    left = []
    for number, remaining in ((three, 97), (one, 99), (two, 98)):
        ledger.record_response(number, RateLimitStatus(remaining=remaining, reset=300), 0)
        left.append(ledger.state(0).remaining)

    assert left == [97, 97, 97]


def test_what_was_sent_after_a_request_is_not_yet_in_what_its_answer_says_remains() -> None:
    ledger = RateLimitWindow()
    one, *_ = spend(ledger, 5)
    ledger.record_response(one, RateLimitStatus(remaining=100, reset=300), 0)

    assert ledger.state(0).remaining == 96


def test_a_count_that_jumps_up_within_a_window_is_not_believed() -> None:
    ledger = RateLimitWindow()
    ledger.record_response(ledger.reserve(0), RateLimitStatus(remaining=10, reset=300), 0)
    ledger.record_response(ledger.reserve(1), RateLimitStatus(remaining=400, reset=299), 1)
    ledger.record_response(ledger.reserve(2), RateLimitStatus(remaining=400, reset=900), 2)

    assert ledger.state(2).remaining == 8


def test_a_new_window_raises_the_count() -> None:
    ledger = RateLimitWindow()
    ledger.record_response(ledger.reserve(0), RateLimitStatus(remaining=0, reset=300), 0)
    ledger.record_response(ledger.reserve(299), RateLimitStatus(remaining=499, reset=900), 299)

    assert ledger.state(299).remaining == 499


def test_a_late_answer_from_the_window_before_does_not_lower_the_new_one() -> None:
    ledger = RateLimitWindow()
    ledger.record_response(ledger.reserve(0), RateLimitStatus(remaining=7, reset=300), 0)
    late = ledger.reserve(300)
    ledger.record_response(late, RateLimitStatus(remaining=3, reset=1), 302)

    # Whether it was counted in the new window is not known, so it is debited there.
    assert ledger.state(302).remaining == 499


def test_without_headers_our_own_count_holds_and_the_window_ends_by_itself() -> None:
    ledger = RateLimitWindow(limit=2)
    for number in spend(ledger, 2):
        ledger.record_response(number, RateLimitStatus(), 0)

    assert [ledger.wait(Priority.WRITE, at) for at in (0, 900, 901)] == [901.0, 1.0, 0.0]
    assert ledger.state(901).remaining == 2


def test_a_window_without_a_stated_end_may_have_begun_as_late_as_its_first_answer() -> None:
    ledger = RateLimitWindow(limit=2)
    one, two = spend(ledger, 2)
    ledger.record_response(one, RateLimitStatus(), 8)
    ledger.record_response(two, RateLimitStatus(), 9)

    assert [ledger.wait(Priority.WRITE, at) for at in (901, 908, 909)] == [8.0, 1.0, 0.0]


def test_where_the_windows_end_is_not_known_it_is_looked_again_soon_and_ever_more_seldom() -> None:
    ledger = RateLimitWindow()
    ledger.record_response(ledger.reserve(0), RateLimitStatus(limit=500, remaining=40), 0)
    looked = []
    now = 0
    while now < 300:
        now += 1
        if not ledger.wait(Priority.INTERACTIVE, now):
            ledger.record_response(
                ledger.reserve(now), RateLimitStatus(limit=500, remaining=40), now
            )
            looked.append(now)

    assert looked == [2, 6, 14, 30, 62, 122, 182, 242]


def test_what_an_answer_says_is_left_is_believed_where_the_windows_end_was_not_known() -> None:
    ledger = RateLimitWindow()
    ledger.record_response(ledger.reserve(0), RateLimitStatus(limit=500, remaining=40), 0)
    ledger.record_response(
        ledger.reserve(2), RateLimitStatus(limit=500, remaining=499, reset=899), 2
    )

    assert ledger.state(2) == RateLimitState(limit=500, remaining=499, reset_seconds=900)
    assert ledger.wait(Priority.INTERACTIVE, 2) == 0


def test_an_answer_to_what_was_sent_before_raises_nothing() -> None:
    ledger = RateLimitWindow()
    early, late = spend(ledger, 2)
    ledger.record_response(late, RateLimitStatus(limit=500, remaining=40), 1)
    ledger.record_response(early, RateLimitStatus(limit=500, remaining=480, reset=899), 2)

    assert ledger.state(2).remaining == 40


def test_a_limit_the_api_states_is_adopted_with_its_lanes() -> None:
    ledger = RateLimitWindow()
    ledger.record_response(
        ledger.reserve(0), RateLimitStatus(limit=1000, remaining=999, reset=900), 0
    )

    assert ledger.state(0) == RateLimitState(limit=1000, remaining=999, reset_seconds=901)


def test_what_still_flies_when_the_window_turns_is_debited_in_the_new_one_too() -> None:
    ledger = RateLimitWindow(limit=5)
    spend(ledger, 3)

    assert ledger.state(901).remaining == 2


def test_a_window_full_of_what_still_flies_is_not_shut_for_ever() -> None:
    ledger = RateLimitWindow(limit=2)
    numbers = spend(ledger, 2)

    assert ledger.wait(Priority.WRITE, 901) > 0
    for number in numbers:
        ledger.record_no_response(number, 901)
    assert ledger.wait(Priority.WRITE, 1802) == 0


@dataclass
class Api:
    """A fixed window that begins with its first request, as the API's seems to."""

    limit: int
    window: int
    ends: float = -math.inf
    used: int = 0
    overspent: int = 0

    def call(self, now: float) -> RateLimitStatus:
        if now >= self.ends:
            self.ends, self.used = now + self.window, 0
        self.used += 1
        self.overspent += self.used > self.limit
        remaining = max(0, self.limit - self.used)
        return RateLimitStatus(
            limit=self.limit, remaining=remaining, reset=int(self.ends - now) or None
        )


FATES = ["answered", "answered", "answered", "lost", "never sent", "headerless"]


def steps(*fates: str) -> st.SearchStrategy[list[tuple[float, float, float, str]]]:
    return st.lists(
        st.tuples(
            st.floats(0, 40),  # seconds before sending
            st.floats(0, 8),  # seconds on the way there
            st.floats(0, 8),  # seconds on the way back: answers overtake one another
            st.sampled_from(fates),
        ),
        max_size=120,
    )


def overspent(steps: list[tuple[float, float, float, str]], limit: int) -> int:
    """Calls the API refuses, when everything is sent that the ledger lets out."""
    ledger, api = RateLimitWindow(limit=limit, window_seconds=100), Api(limit=limit, window=100)
    events: list[tuple[float, int, str, int, RateLimitStatus, str, float]] = []
    now = 0.0
    for index, (pause, there, back, fate) in enumerate(steps):
        now += pause if index % 3 == 0 else 0.0
        _happen(events, ledger, api, now)
        if ledger.wait(Priority.WRITE, now):
            continue
        number = ledger.reserve(now)
        if fate == "never sent":
            ledger.release(number)
        else:
            events.append((now + there, index, "arrives", number, RateLimitStatus(), fate, back))

    _happen(events, ledger, api, math.inf)
    return api.overspent


@given(steps(*FATES), st.integers(1, 12))
def test_alone_on_its_address_the_gateway_never_overspends_whatever_order_answers_come_in(
    calls: list[tuple[float, float, float, str]], limit: int
) -> None:
    assert overspent(calls, limit) == 0


@given(steps("headerless", "never sent"), st.integers(1, 12))
def test_nor_does_it_where_no_answer_says_anything_of_the_window(
    calls: list[tuple[float, float, float, str]], limit: int
) -> None:
    assert overspent(calls, limit) == 0


@given(
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 600), st.floats(1, 900)), max_size=40)
)
def test_within_a_window_no_header_raises_the_count(headers: list[tuple[int, int, float]]) -> None:
    ledger = RateLimitWindow()
    ledger.record_response(
        ledger.reserve(0), RateLimitStatus(limit=500, remaining=499, reset=900), 0
    )
    left = [ledger.state(1).remaining]
    for limit, remaining, reset in headers:
        ledger.record_response(
            ledger.reserve(1), RateLimitStatus(limit or None, remaining, reset), 1
        )
        left.append(ledger.state(1).remaining)

    assert left == sorted(left, reverse=True)
    assert len(left) - 1 <= 499 - left[-1] or not left[-1]


def test_a_shared_window_takes_the_place_of_the_own_count() -> None:
    ledger = RateLimitWindow()
    ledger.reserve(0)

    ledger.adopt(SharedWindow(number=0, limit=500, left=321, rest=600.0), 10)

    assert ledger.state(10) == RateLimitState(500, 321, 600)
    assert ledger.window_number(10) == 0


def test_a_later_shared_window_begins_the_count_of_writes_and_refreshes_again() -> None:
    ledger = RateLimitWindow()
    for _ in range(100):
        ledger.reserve(0, Priority.REFRESH)
    assert ledger.wait(Priority.REFRESH, 1) > 0

    ledger.adopt(SharedWindow(number=7, limit=500, left=500, rest=300.0), 10)

    assert ledger.window_number(10) == 7
    assert ledger.wait(Priority.REFRESH, 10) == 0


def _happen(
    events: list[tuple[float, int, str, int, RateLimitStatus, str, float]],
    ledger: RateLimitWindow,
    api: Api,
    until: float,
) -> None:
    """Let what is on its way arrive, in the order of time."""
    while events and min(events)[0] <= until:
        event = min(events)
        events.remove(event)
        at, index, what, number, headers, fate, back = event
        if what == "arrives":
            headers = api.call(at)
            events.append((at + back, index, "returns", number, headers, fate, back))
        elif fate == "lost":
            ledger.record_no_response(number, at)
        else:
            ledger.record_response(
                number, RateLimitStatus() if fate == "headerless" else headers, at
            )
