"""The gateway's time takes the larger of both clocks of the machine."""

from dataclasses import dataclass

from gateway.clock import Clock


@dataclass
class Machine:
    """Two clocks, wound by hand."""

    steady: float = 100.0
    unix: float = 1_700_000_000.0

    def clock(self) -> Clock:
        return Clock(lambda: self.steady, lambda: self.unix)

    def run(self, seconds: float) -> None:
        self.steady += seconds
        self.unix += seconds


def test_while_both_clocks_agree_it_is_the_monotonic_one() -> None:
    machine = Machine()
    clock = machine.clock()

    machine.run(5)

    assert (clock(), clock.monotonic()) == (105.0, 105.0)


def test_a_suspend_that_the_monotonic_clock_slept_through_has_passed() -> None:
    machine = Machine()
    clock = machine.clock()

    machine.unix += 8 * 3600
    machine.run(1)

    assert (clock(), clock.monotonic()) == (101.0 + 8 * 3600, 101.0)


def test_a_wall_clock_that_is_set_back_takes_nothing_away() -> None:
    machine = Machine()
    clock = machine.clock()

    machine.unix -= 3600
    machine.run(10)
    before = clock()
    machine.unix += 3600  # and forward again: by all that is known, an hour has passed
    machine.run(1)

    assert (before, clock()) == (110.0, 111.0 + 3600)


def test_a_step_there_and_back_makes_nothing_younger() -> None:
    machine = Machine()
    clock = machine.clock()

    machine.unix += 25 * 3600
    forward = clock()
    machine.unix -= 25 * 3600
    machine.run(2)

    assert (forward, clock()) == (100.0 + 25 * 3600, 102.0 + 25 * 3600)


def test_clocks_that_jitter_or_drift_do_not_add_up() -> None:
    machine = Machine()
    clock = machine.clock()

    for _ in range(500):
        machine.unix += 0.4
        clock()
        machine.unix -= 0.4
        clock()
    for _ in range(1_000):
        machine.steady += 1
        machine.unix += 1.0005
        clock()

    assert clock() == 1_100.0


def test_a_function_that_tells_seconds_is_a_clock_of_its_own() -> None:
    machine = Machine()
    own = machine.clock()

    assert Clock.of(own) is own
    assert Clock.of(lambda: 7.0)() == 7.0
