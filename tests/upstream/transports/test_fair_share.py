"""How a window is shared out, on times made up; and in a trace where no call queues."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ratelimit.fair_share import FairShare
from gateway.ratelimit.window import RateLimitWindow
from schema.source.request_context import Priority


class Window:
    """A ledger of 500 calls and what callers may spend of it, with nothing on the way."""

    def __init__(self, limit: int = 500) -> None:
        self.ledger = RateLimitWindow(limit=limit)
        self.shares = FairShare(self.ledger)
        self.served: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def wait(self, caller: str, now: float) -> float:
        return max(self.ledger.wait(Priority.INTERACTIVE, now), self.shares.wait(caller, now))

    def ask(self, caller: str, now: float, times: int = 1) -> int:
        """How many of so many reads went out."""
        for _ in range(times):
            if self.wait(caller, now):
                self.refused[caller] += 1
            else:
                self.ledger.record_no_response(self.ledger.reserve(now), now)
                self.shares.spend(caller, now)
                self.served[caller] += 1
        return self.served[caller]


def test_a_lone_caller_may_have_all_that_is_not_for_writes() -> None:
    assert Window().ask("a", 0, 1_000) == 450


def test_the_first_to_come_leaves_room_for_those_already_seen() -> None:
    window = Window()
    for caller in "bcdefghij":
        window.ask(caller, 0)
    window.ask("a", 0, 1_000)

    assert [window.ask(caller, 1, 30) for caller in "bcdefghij"] == [31] * 9


def test_what_others_are_not_expected_to_need_any_more_is_lent() -> None:
    window = Window()
    window.ask("b", 0)
    served = [window.ask("a", at, 1_000) for at in (0, 300, 600, 890)]

    assert served == sorted(served)
    assert served[0] < 250
    assert served[-1] > 440


def test_one_who_spent_nothing_yet_is_never_held_up_by_its_share() -> None:
    window = Window()
    for number in range(400):
        window.ask(str(number), 0)

    assert window.wait("new", 0) == 0


def test_a_held_up_caller_learns_when_one_more_can_be_spared_if_the_others_go_on() -> None:
    window = Window()
    for _ in range(10):
        window.ask("b", 0)
    window.ask("a", 0, 1_000)
    wait = window.wait("a", 1)

    assert 1 < wait < 400
    assert window.wait("a", 2) > 0
    assert window.wait("a", 1 + wait) == 0


def test_what_was_never_sent_is_not_spent() -> None:
    window = Window(limit=10)
    window.ask("a", 0, 9)
    for _ in range(9):
        window.shares.refund("a")
    window.ask("b", 0)

    assert window.shares.wait("a", 0) == 0


def test_in_the_next_window_a_caller_is_expected_to_need_what_it_needed() -> None:
    window = Window()
    for at in range(0, 900, 9):
        window.ask("b", at)
    window.ask("a", 901, 1_000)
    for at in range(901, 1_801, 9):
        window.ask("b", at)

    assert 300 < window.served["a"] < 350
    assert window.refused["b"] == 0


def test_after_hours_of_silence_no_credential_is_remembered() -> None:
    window = Window()
    window.ask("b", 0, 100)

    assert window.ask("a", 50_000, 1_000) == 450


def test_a_caller_that_had_half_of_a_window_comes_after_the_others() -> None:
    window = Window()
    window.ask("a", 0, 249)
    before = window.shares.has_used_half("a")
    window.ask("a", 0, 1)

    assert (before, window.shares.has_used_half("a"), window.shares.has_used_half("b")) == (
        False,
        True,
        False,
    )


@pytest.mark.parametrize("seed", range(3))
def test_one_caller_at_a_hundred_times_the_rest_takes_next_to_nothing_from_them(seed: int) -> None:
    chance, window = Random(seed), Window()  # noqa: S311 - the same trace every time
    needs = {f"caller {number}": chance.lognormvariate(0, 0.7) for number in range(99)}
    scale = 250 / sum(needs.values())  # calls that all of them need together in a window
    moments = [("flood", chance.uniform(0, 3_600)) for _ in range(4 * 10_000)]
    for caller, need in needs.items():
        moments.append((caller, chance.uniform(0, 60)))
        moments += [(caller, chance.uniform(0, 3_600)) for _ in range(round(4 * need * scale))]
    for caller, at in sorted(moments, key=lambda moment: moment[1]):
        window.ask(caller, at)

    flood = window.served.pop("flood"), window.refused.pop("flood")
    others = window.served.total(), window.refused.total()
    assert others[1] <= 0.01 * others[0]
    assert window.ledger.limit < flood[0] < 4 * 200


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 30)), max_size=300), st.integers(10, 60))
def test_whatever_is_requested_no_caller_is_held_below_an_equal_share(
    asks: list[tuple[int, float]], limit: int
) -> None:
    window, now = Window(limit=limit), 0.0
    for number, pause in asks:
        now += pause
        if now > 890:
            break
        window.ask(str(number), now)
        left = window.ledger.left(Priority.INTERACTIVE, now)
        callers = len(window.served)
        equal = (window.served.total() + left) // callers
        for caller, spent in window.served.items():
            if left and spent < equal - 2 * (equal * callers) ** 0.5:
                assert window.wait(caller, now + 1) == 0
