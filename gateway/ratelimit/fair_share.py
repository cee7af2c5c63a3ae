"""How much of a window one caller may spend while others are about.

Calls are rarely queued at the same instant, so that taking turns is not enough: whoever asks a
hundred times as often would have spent the window before the others came to ask. So each caller
that was seen in this window or the one before is expected to go on as it did, and the window is
shared out by max-min fairness: nobody is held below the level at which it would be exactly used
up. What others are not expected to need is lent; a lone caller may have everything.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from schema.source.request_context import Priority

if TYPE_CHECKING:
    from gateway.ratelimit.window import RateLimitWindow

PRIOR = 0.25
"""Windows' worth of an equal share that is believed of a caller before it has shown its need."""
GRACE = 10
"""Calls above an equal share that nobody is held below, if they are not over twice that share."""
RECOMPUTE_SECONDS = 1.0
"""Seconds for which a level holds, unless more callers join."""
RECOMPUTE_CALLS = 20
"""Or until one in so many of the calls left is spent."""
WRITES = 0.5
"""Part of a window that one caller's writes may take while others are about."""
POINTLESS = 5
"""As so many counts a write that the API refuses its caller: 403, or 404 for a random id."""
MANY = 1_000
"""Callers beyond whom it holds longer, as it takes longer to find."""


class FairShare:
    """What each caller has spent of `ledger`'s window, and the level up to which it may.

    Every method is told the time, in seconds. Callers are known by their partitions.
    """

    def __init__(self, ledger: RateLimitWindow) -> None:
        self._ledger = ledger
        self._epoch = -1
        self._began = -math.inf
        self._spent: dict[str, int] = {}
        self._before: dict[str, int] = {}
        """What callers spent in the window before, if that one has just ended."""
        self._writes: dict[str, int] = {}
        """What callers' writes came to in this window, pointless ones at their weight."""
        self._level = math.inf
        self._waits: dict[int, float] = {}
        """Seconds until one more may be spent, by what was spent: true for one look."""
        self._due = -math.inf
        self._calls = 0
        """How many may still be spent before it is time to look again."""
        self._seen = 0

    def spend(self, partition: str, now: float, *, writes: bool = False) -> None:
        """Note a call about to be sent; `writes`: whether it writes, or confirms a write."""
        self._turn(now)
        if writes:
            self._writes[partition] = self._writes.get(partition, 0) + 1
        self._spent[partition] = self._spent.get(partition, 0) + 1
        self._calls -= 1

    def pointless(self, partition: str) -> None:
        """A write that was sent turned out to be none this caller could make."""
        if partition in self._writes:
            self._writes[partition] += POINTLESS - 1

    def wait_to_write(self, partition: str, now: float) -> float:
        """Seconds until `partition` may write once more; 0 when it may now.

        One alone may write without end, but for what is refused: others may come.
        """
        self._turn(now)
        writes = self._writes.get(partition, 0)
        if writes < WRITES * self._ledger.limit:
            return 0.0
        others = len(self._spent.keys() | self._before.keys()) > 1
        pointless = writes - self._spent.get(partition, 0)
        held = others or pointless >= WRITES * self._ledger.limit
        return max(1.0, self._ledger.rest(now)) if held else 0.0

    def refund(self, partition: str, *, writes: bool = False) -> None:
        """The call was never sent."""
        if writes and self._writes.get(partition, 0):
            self._writes[partition] -= 1
        if self._spent.get(partition, 0):
            self._spent[partition] -= 1

    def wait(self, partition: str, now: float) -> float:
        """Seconds until `partition` may read once more; 0 when it may now.

        A wait is an estimate: it comes true if the others go on as they did.
        """
        self._turn(now)
        spent = self._spent.get(partition)
        if not spent:
            return 0.0
        joined = len(self._spent) > self._seen + self._seen // 10
        if now >= self._due or self._calls <= 0 or joined:
            self._recompute(now)
        if spent < self._level:
            return 0.0
        if spent not in self._waits:
            self._waits[spent] = self._until(spent, now)
        return self._waits[spent]

    def has_used_half(self, partition: str) -> bool:
        """Whether it has had half of a window: while others wait, they come first."""
        return 2 * self._spent.get(partition, 0) >= self._ledger.limit

    def _turn(self, now: float) -> None:
        epoch = self._ledger.window_number(now)
        lately = now < self._began + 2 * self._ledger.window
        if epoch == self._epoch and lately:
            return
        just_ended = epoch == self._epoch + 1 and lately
        self._before = self._spent if just_ended else {}
        self._spent, self._writes = {}, {}
        self._epoch, self._began = epoch, now
        self._due = -math.inf

    def _recompute(self, now: float) -> None:
        left = self._ledger.left(Priority.INTERACTIVE, now)
        needs = self._needs(left, now)
        self._due, self._seen = (
            now + RECOMPUTE_SECONDS * max(1.0, len(needs) / MANY),
            len(self._spent),
        )
        self._calls = 1 + left // RECOMPUTE_CALLS
        self._waits.clear()
        levels = range(1, max(spent for spent, _ in needs) + left + 2)
        level = bisect_right(levels, left, key=lambda level: _demand_up_to(needs, level))
        # Expectations are rough: whoever is a few calls above the others is no flood.
        equal = self._equal(left)
        self._level = max(1, level, int(equal + min(GRACE, 2 * equal)))

    def _equal(self, left: int) -> float:
        """An equal share of the window for each caller about."""
        callers = len(self._spent.keys() | self._before.keys())
        return (sum(self._spent.values()) + left) / callers

    def _needs(self, left: int, now: float) -> list[tuple[int, float]]:
        """Of each caller: what it spent, and what it is expected to spend until the window's end.

        Expected is its rate in this window and the last, leaning to an equal share at first.
        """
        window, rest = self._ledger.window, self._ledger.rest(now)
        equal = self._equal(left)
        watched = window - rest + PRIOR * window + (window if self._before else 0.0)
        needs = []
        for caller in self._spent.keys() | self._before.keys():
            spent = self._spent.get(caller, 0)
            seen = spent + self._before.get(caller, 0) + PRIOR * equal
            needs.append((spent, rest * seen / watched))
        return needs

    def _until(self, spent: int, now: float) -> float:
        """Seconds until the needs of all, which shrink with the time left, leave one call more."""
        left, rest = self._ledger.left(Priority.INTERACTIVE, now), self._ledger.rest(now)
        needs = self._needs(left, now)

        def needed(elapsed: int) -> int:
            part = 1 - elapsed / rest
            return -_demand_up_to([(had, need * part) for had, need in needs], spent + 1)

        return RECOMPUTE_SECONDS + bisect_left(range(int(rest)), -left, key=needed)


def _demand_up_to(needs: list[tuple[int, float]], level: int) -> int:
    """What all may come to spend yet, if nobody may spend more than `level`.

    Those expected to stay below it may need more than expected: twice the standard deviation of
    as many calls at random is kept for them.
    """
    expected = uncertain = 0.0
    for spent, need in needs:
        if need < level - spent:
            expected += need
            uncertain += need
        elif spent < level:
            expected += level - spent
    return math.ceil(expected + 2 * math.sqrt(uncertain))
