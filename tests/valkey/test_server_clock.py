"""How far the server's clock is ahead of a gateway's, as its replies show."""

from gateway.storage.shared.server_clock import REPLIES, STEP, ServerClock


def a_clock(*leads: float) -> ServerClock:
    """A clock that replies showed to be behind by so much, each of them a second after the last."""
    clock = ServerClock(lambda: 0.0)
    for sent_at, lead in enumerate(leads):
        clock.observe(sent_at + lead, sent_at)
    return clock


def test_the_quickest_of_the_last_replies_counts() -> None:
    assert a_clock(5.03, 5.01, 5.04).server_time(10.0) == 15.01


def test_a_clock_that_was_set_is_learnt_at_once() -> None:
    assert a_clock(5.0, 5.5 + STEP).server_time(10.0) == 15.5 + STEP
    assert a_clock(5.0, 4.9).own_time(10.0) == 10.0 - 4.9


def test_a_clock_that_runs_more_slowly_than_the_server_s_keeps_its_commands_in_time() -> None:
    """It lags by 0.1 ms more at each reply, in a day by far more than a command may be late."""
    leads = [5.0 + 0.0001 * number for number in range(20_000)]

    clock = a_clock(*leads)

    assert 0 <= leads[-1] - clock.server_time(0.0) <= 0.0001 * REPLIES
