"""How much of a window one caller may spend while other callers are active.

Calls are rarely queued at the same time, so fair queueing is not enough: a caller with a hundred
times the rate would spend the window before the others send. So each caller that was seen in this
window or the last one is expected to keep its rate, and the window is divided by max-min fairness:
no caller is limited below the level at which the calls would be exactly used up. Calls that others
are not expected to need are lent; a single caller may use all.
"""

import math
from bisect import bisect_left, bisect_right

from gateway.ratelimit.window import RateLimitWindow
from schema.source.request_context import Priority

PRIOR = 0.25
"""The initial estimate of a caller's need, in windows of an equal share."""
GRACE = 10
"""Calls allowed above an equal share, up to twice that share."""
RECOMPUTE_SECONDS = 1.0
"""Seconds for which a level is valid, unless more callers join."""
RECOMPUTE_CALLS = 20
"""A level is also recomputed when one in this many of the remaining calls is spent."""
WRITES = 0.5
"""The part of a window that one caller's writes may use while others are active."""
REJECTED_WRITE_WEIGHT = 5
"""The weight of a write that the API rejects for its caller: 403, or 404 for a random id."""
MANY = 1_000
"""Callers above which a level is valid for longer, since computing it takes longer."""


class FairShare:
    """What each caller has spent of the rate limit window, and the level up to which it may spend.

    Every method takes the time, in seconds. Callers are identified by their partitions.
    """

    def __init__(self, window: RateLimitWindow) -> None:
        self._window = window
        self._window_number = -1
        self._started = -math.inf
        self._spent: dict[str, int] = {}
        self._last_window: dict[str, int] = {}
        """What callers spent in the last window, if it has just ended."""
        self._writes: dict[str, int] = {}
        """The weighted writes of callers in this window."""
        self._level = math.inf
        self._waits: dict[int, float] = {}
        """Seconds until one more call is allowed, by calls spent; cleared by a recomputation."""
        self._recompute_at = -math.inf
        self._calls = 0
        """Calls until the next recomputation."""
        self._callers_seen = 0

    def spend(self, partition: str, now: float, *, writes: bool = False) -> None:
        """Record a call that is about to be sent; `writes` if it writes or confirms a write."""
        self._roll_if_ended(now)
        if writes:
            self._writes[partition] = self._writes.get(partition, 0) + 1
        self._spent[partition] = self._spent.get(partition, 0) + 1
        self._calls -= 1

    def pointless(self, partition: str) -> None:
        """Add the weight of a write that the API rejected for this caller."""
        if partition in self._writes:
            self._writes[partition] += REJECTED_WRITE_WEIGHT - 1

    def wait_to_write(self, partition: str, now: float) -> float:
        """Return the seconds until `partition` may send one more write; 0 if it may now.

        A single caller is limited only by its rejected writes, since others may arrive.
        """
        self._roll_if_ended(now)
        writes = self._writes.get(partition, 0)
        if writes < WRITES * self._window.limit:
            return 0.0
        others = len(self._spent.keys() | self._last_window.keys()) > 1
        rejected = writes - self._spent.get(partition, 0)
        limited = others or rejected >= WRITES * self._window.limit
        return max(1.0, self._window.rest(now)) if limited else 0.0

    def refund(self, partition: str, *, writes: bool = False) -> None:
        """Undo the record of a call that was never sent."""
        if writes and self._writes.get(partition, 0):
            self._writes[partition] -= 1
        if self._spent.get(partition, 0):
            self._spent[partition] -= 1

    def wait(self, partition: str, now: float) -> float:
        """Return the seconds until `partition` may send one more read; 0 if it may now.

        A wait is an estimate: it holds if the other callers keep their rates.
        """
        self._roll_if_ended(now)
        spent = self._spent.get(partition)
        if not spent:
            return 0.0
        joined = len(self._spent) > self._callers_seen + self._callers_seen // 10
        if now >= self._recompute_at or self._calls <= 0 or joined:
            self._recompute(now)
        if spent < self._level:
            return 0.0
        if spent not in self._waits:
            self._waits[spent] = self._seconds_until_allowed(spent, now)
        return self._waits[spent]

    def has_used_half(self, partition: str) -> bool:
        """Return True if it has spent half of a window; other callers then go first."""
        return 2 * self._spent.get(partition, 0) >= self._window.limit

    def _roll_if_ended(self, now: float) -> None:
        window_number = self._window.window_number(now)
        recent = now < self._started + 2 * self._window.window
        if window_number == self._window_number and recent:
            return
        just_ended = window_number == self._window_number + 1 and recent
        self._last_window = self._spent if just_ended else {}
        self._spent, self._writes = {}, {}
        self._window_number, self._started = window_number, now
        self._recompute_at = -math.inf

    def _recompute(self, now: float) -> None:
        remaining = self._window.left(Priority.INTERACTIVE, now)
        needs = self._needs(remaining, now)
        self._recompute_at, self._callers_seen = (
            now + RECOMPUTE_SECONDS * max(1.0, len(needs) / MANY),
            len(self._spent),
        )
        self._calls = 1 + remaining // RECOMPUTE_CALLS
        self._waits.clear()
        levels = range(1, max(spent for spent, _ in needs) + remaining + 2)
        level = bisect_right(levels, remaining, key=lambda level: _demand_up_to(needs, level))
        # Estimates are rough: a few calls above the others are no flood.
        equal = self._equal_share(remaining)
        self._level = max(1, level, int(equal + min(GRACE, 2 * equal)))

    def _equal_share(self, remaining: int) -> float:
        """Return an equal share of the window for each active caller."""
        callers = len(self._spent.keys() | self._last_window.keys())
        return (sum(self._spent.values()) + remaining) / callers

    def _needs(self, remaining: int, now: float) -> list[tuple[int, float]]:
        """Return what each caller has spent, and its expected need until the window's end.

        The need is its rate in this window and the last one, weighted with an equal share.
        """
        window, rest = self._window.window, self._window.rest(now)
        equal = self._equal_share(remaining)
        watched = window - rest + PRIOR * window + (window if self._last_window else 0.0)
        needs = []
        for caller in self._spent.keys() | self._last_window.keys():
            spent = self._spent.get(caller, 0)
            seen = spent + self._last_window.get(caller, 0) + PRIOR * equal
            needs.append((spent, rest * seen / watched))
        return sorted(needs)  # sums of floats depend on the order, which must not be the hashing's

    def _seconds_until_allowed(self, spent: int, now: float) -> float:
        """Return the seconds until the expected needs, which shrink with time, leave a call."""
        remaining = self._window.left(Priority.INTERACTIVE, now)
        rest = self._window.rest(now)
        needs = self._needs(remaining, now)

        def needed(elapsed: int) -> int:
            part = 1 - elapsed / rest
            return -_demand_up_to([(had, need * part) for had, need in needs], spent + 1)

        return RECOMPUTE_SECONDS + bisect_left(range(int(rest)), -remaining, key=needed)


def _demand_up_to(needs: list[tuple[int, float]], level: int) -> int:
    """Return what all callers are expected to spend if none may spend more than `level`.

    Those below the level may need more than expected: twice the standard deviation of a Poisson
    process is added for them.
    """
    expected = uncertain = 0.0
    for spent, need in needs:
        if need < level - spent:
            expected += need
            uncertain += need
        elif spent < level:
            expected += level - spent
    return math.ceil(expected + 2 * math.sqrt(uncertain))
