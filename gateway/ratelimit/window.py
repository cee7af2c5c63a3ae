"""How many calls are left in the API's window (API page: 500 in 15 minutes for one IP address).

Pure arithmetic: every method is told the time, in monotonic seconds. Each request is debited
before it is sent, so that alone on its IP address the gateway never sends one too many. The
answers' headers correct the count where others share the address: within a window they only
lower it, since answers come back in any order; only a new window raises it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from schema.source.request_context import Priority, RateLimitState

if TYPE_CHECKING:
    from gateway.transport.rate_limit_status import RateLimitStatus

KEPT = 10
"""Per cent of a window that are for writes alone, and as many more that are not for refreshes."""
MOST_KEPT = 30
"""Per cent of a window that are kept for writes where many are to be expected."""
PRIOR = 0.25
"""Windows' worth of writes, at the least share, that are expected before any were seen."""
REFRESHING = 20
"""Per cent of a window that refreshes may take together."""
LOOK, SELDOM = 2.0, 60.0
"""Seconds until a call finds out what is left where an answer does not say when the window ends,
and the most that this is doubled to."""
_WRITE, _REFRESH = (
    Priority.WRITE,
    Priority.REFRESH,
)  # looked up once: it takes longer than to compare


class RateLimitWindow:
    """The running window: its limit, what is left of it, and when it ends."""

    def __init__(self, *, limit: int = 500, window_seconds: float = 900.0) -> None:
        self.limit = limit
        """Calls the API grants in a window."""
        self.window = window_seconds
        """Seconds in a window."""
        self._slack = min(5.0, window_seconds / 4)
        """How far two answers may differ about one window's end: travel time and rounding."""
        self._left = limit
        self._ends: float | None = None
        self._synced = False
        self._last_synced = False
        self._previous_end = -math.inf
        self._number = 0
        self._first = 0
        self._in_flight: set[int] = set()
        self._refreshes = 0
        self._writes = self._writes_before = 0
        self._window_number = 0
        self._unsure: int | None = None
        """The last request sent before an answer told what is left, and not until when."""
        self._look_at, self._pause = -math.inf, LOOK

    def window_number(self, now: float) -> int:
        """Which window this is; each has the next number."""
        self._roll_if_ended(now)
        return self._window_number

    def rest(self, now: float) -> float:
        """Seconds until the window ends; of one that has not begun, all of them."""
        self._roll_if_ended(now)
        return self.window if self._ends is None else self._ends - now

    def left(self, lane: Priority, now: float) -> int:
        """How many requests `lane` may send in this window yet."""
        self._roll_if_ended(now)
        return max(0, self._left - self._reserved_for_others(lane, now))

    def wait(self, lane: Priority, now: float) -> float:
        """Seconds until `lane` may send a request; 0 when it may now."""
        rest = self.rest(now)
        kept = self._reserved_for_others(lane, now)
        if self._left <= kept:
            if self._unsure is not None:
                return max(0.0, min(self._look_at - now, rest))
            # What is kept beyond the least shrinks with the time left.
            least = self.limit * KEPT // 100 * (2 if lane is _REFRESH else 1)
            shrinks = lane is not _WRITE and self._left > least
            return max(1.0, rest * (1 - self._left / kept)) if shrinks else rest
        if lane is not _REFRESH or self._ends is None:
            return 0.0
        if self._refreshes >= self.limit * REFRESHING // 100:
            return rest
        return self._surplus_in(rest)

    def _reserved_for_others(self, lane: Priority, now: float) -> int:
        """How many calls `lane` leaves to others.

        To writes a tenth of the window, or as many as are to be expected until its end: as many
        a second as in this window and the last, and twice the standard deviation of that more.
        """
        if lane is _WRITE:
            return 0
        kept = least = self.limit * KEPT // 100
        if self._writes or self._writes_before:
            rest = self.rest(now)
            watched = self.window * (1 + PRIOR + bool(self._writes_before)) - rest
            seen = self._writes + self._writes_before + PRIOR * least
            expected = max(0.0, rest * seen / watched)
            most = self.limit * MOST_KEPT // 100
            kept = min(max(least, math.ceil(expected + 2 * math.sqrt(expected))), most)
        return kept + least if lane is _REFRESH else kept

    def _surplus_in(self, rest: float) -> float:
        """Seconds until more is left of the calls than of the time to spend them in."""
        return max(0.0, rest - self.window * (self._left - 1) / self.limit)

    def reserve(self, now: float, lane: Priority = Priority.INTERACTIVE) -> int:
        """Debit one request that is about to be sent; the number names it afterwards."""
        self._roll_if_ended(now)
        if self._ends is None:
            self._ends = now + self.window + 1
        if self._unsure is not None and self._left <= self._reserved_for_others(lane, now):
            self._pause = min(2 * self._pause, SELDOM)
            self._look_at = now + self._pause
        self._left -= 1
        self._refreshes += lane is _REFRESH
        self._writes += lane is _WRITE
        self._number += 1
        self._in_flight.add(self._number)
        return self._number

    def release(self, number: int) -> None:
        """The request never left: its debit is returned."""
        if number in self._in_flight:
            self._in_flight.discard(number)
            self._left += 1

    def record_no_response(self, number: int) -> None:
        """The request may have been counted by the API: its debit stays."""
        self._in_flight.discard(number)

    def record_response(self, number: int, said: RateLimitStatus, now: float) -> None:
        """The request was answered, with what its headers said."""
        self._roll_if_ended(now)
        self._in_flight.discard(number)
        self._raise_unsure(number, said, now)
        if said.reset is None or said.reset > self.window:
            self._synced_at(now)
            if number >= self._first:
                self._lower(number, said)
                if said.remaining is not None and not self._synced:
                    self._doubt(now)
            return
        # One second more: seconds may be rounded down, and spending early is what costs.
        ends = now + said.reset + 1
        if number < self._first and ends <= self._previous_end + self._slack + 1:
            return  # sent before the window turned, and counted there
        if self._synced and self._ends is not None:
            if ends > self._ends + self._slack and now >= self._ends - self._slack:
                self._start_next(self._ends)
            elif self._ends - self._slack <= ends < self._ends:
                self._ends = ends
        if not self._synced:
            self._synced = True
            self._unsure, self._pause = None, LOOK
            self._ends = ends
            self._adopt(said.limit)
        self._lower(number, said)

    def state(self, now: float) -> RateLimitState:
        """The window as it stands."""
        rest = self.rest(now)
        return RateLimitState(self.limit, max(0, self._left), math.ceil(rest))

    def _synced_at(self, now: float) -> None:
        """An answer does not say when the window ends: it may have begun as late as `now`."""
        if not (self._synced or self._last_synced) and self._ends is not None:
            self._last_synced = True
            self._ends = max(self._ends, now + self.window + 1)

    def _doubt(self, now: float) -> None:
        """What is left is told, and not until when: look again soon, ever more seldom."""
        if self._unsure is None:
            self._look_at = now + self._pause
        self._unsure = self._number

    def _raise_unsure(self, number: int, said: RateLimitStatus, now: float) -> None:
        """Believe that more is left, of a request that was sent since an end was not told."""
        if self._unsure is None or number <= self._unsure or said.remaining is None:
            return
        left = said.remaining - len(self._in_flight)
        self._left = max(self._left, left)
        if left > self._reserved_for_others(Priority.INTERACTIVE, now):
            self._pause = LOOK

    def _roll_if_ended(self, now: float) -> None:
        if self._ends is not None and now >= self._ends:
            self._start_next(self._ends)

    def _start_next(self, ended: float) -> None:
        # What is still flying may be counted in the new window: it is debited there as well.
        self._left = self.limit - len(self._in_flight)
        self._previous_end = ended
        self._ends = ended + self.window + 1 if self._in_flight else None
        self._synced = self._last_synced = False
        self._unsure, self._pause = None, LOOK
        self._refreshes = 0
        self._writes_before, self._writes = self._writes, 0
        self._window_number += 1
        self._first = self._number + 1

    def _adopt(self, limit: int | None) -> None:
        if limit is not None:
            self._left += limit - self.limit
            self.limit = limit

    def _lower(self, number: int, said: RateLimitStatus) -> None:
        if said.remaining is None or said.remaining - len(self._in_flight) >= self._left:
            return  # nothing lower, however many of those that fly were sent later
        unseen = sum(later > number for later in self._in_flight)
        self._left = min(self._left, said.remaining - unseen)
