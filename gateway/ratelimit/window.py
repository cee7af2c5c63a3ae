"""Count the calls that are left in the API's rate limit window.

API page: 500 calls in 15 minutes for one IP address. Pure arithmetic: every method takes the time,
in monotonic seconds. Each request is debited before it is sent, so that a gateway alone on its IP
address never sends one too many. If others share the address, response headers correct the count.
Responses arrive in any order, so a header lowers it by all calls that it may not include; when
those have ended, what was too much is returned. Calls without a response count until a call that
was sent long after them is answered. Never more: only a new window raises it otherwise.
"""

import math

from gateway.ratelimit.lost_calls import LostCalls
from gateway.shared_budget import SharedWindow
from gateway.transport.rate_limit_status import RateLimitStatus
from schema.source.request_context import Priority, RateLimitState

RESERVED = 10
"""Per cent of a window reserved for writes, and as many more not available to refreshes."""
MAX_RESERVED = 30
"""Per cent of a window reserved for writes at most, if many are expected."""
PRIOR = 0.25
"""The initial estimate of writes: windows' worth at the least share."""
REFRESHING = 20
"""Per cent of a window that refreshes may use together."""
PROBE_SECONDS, MAX_PROBE_SECONDS = 2.0, 60.0
"""Seconds until a call probes the remaining calls, if responses do not state the window's end; and
the longest interval, up to which it is doubled."""
_WRITE, _REFRESH = Priority.WRITE, Priority.REFRESH
"""Enum members, looked up once: a lookup takes longer than a comparison."""


class RateLimitWindow:
    """The current window: its limit, the calls left, and when it ends."""

    def __init__(self, *, limit: int = 500, window_seconds: float = 900.0) -> None:
        self.limit = limit
        """Calls that the API grants in a window."""
        self.window = window_seconds
        """Seconds in a window."""
        self._slack = min(5.0, window_seconds / 4)
        """Seconds of tolerance between two responses about one window's end: latency, rounding."""
        self._left = limit
        self._ends: float | None = None
        self._synced = self._last_synced = False
        self._previous_end = -math.inf
        self._number = self._first = 0
        self._in_flight: set[int] = set()
        self._lowest: int | None = None
        """The fewest remaining calls that a response of this window stated."""
        self._lowest_since = 0
        """The last request before that response: it includes none that was sent later."""
        self._lowered = self._contradicted = 0
        """Calls that headers took from this window, and headers that a lower earlier one denies."""
        self._lost = LostCalls()
        self._refreshes = 0
        self._writes = self._writes_before = 0
        self._window_number = 0
        self._unsure: int | None = None
        """The last request before a response that stated no end of the window."""
        self._probe_at, self._pause = -math.inf, PROBE_SECONDS

    def window_number(self, now: float) -> int:
        """Return the number of the current window; numbers are consecutive."""
        self._roll_if_ended(now)
        return self._window_number

    def rest(self, now: float) -> float:
        """Return the seconds until the window ends; the full length if it has not begun."""
        self._roll_if_ended(now)
        return self.window if self._ends is None else self._ends - now

    def left(self, priority: Priority, now: float) -> int:
        """Return how many requests this priority may still send in this window."""
        self._roll_if_ended(now)
        left = self._left - self._reserved_for_others(priority, now)
        return 0 if left == 1 and self._kept(now) else max(0, left)

    def wait(self, priority: Priority, now: float) -> float:
        """Return the seconds until this priority may send a request; 0 if it may now."""
        rest = self.rest(now)
        reserved = self._reserved_for_others(priority, now)
        if self._left == reserved + 1 and (kept := self._kept(now)):
            return min(kept, rest)
        if self._left <= reserved:
            if self._unsure is not None:
                return max(0.0, min(self._probe_at - now, rest))
            # The reserve above the minimum shrinks with the time left.
            least = self.limit * RESERVED // 100 * (2 if priority is _REFRESH else 1)
            shrinks = priority is not _WRITE and self._left > least
            return max(1.0, rest * (1 - self._left / reserved)) if shrinks else rest
        if priority is not _REFRESH or self._ends is None:
            return 0.0
        if self._refreshes >= self.limit * REFRESHING // 100:
            return rest
        # More of the calls must be left than of the time.
        return max(0.0, rest - self.window * (self._left - 1) / self.limit)

    def _kept(self, now: float) -> float:
        return self._lost.kept(now, self._lowered, stated=self._lowest is not None)

    def _reserved_for_others(self, priority: Priority, now: float) -> int:
        """Return how many calls this priority must leave to other priorities.

        Writes get a tenth of the window, or the number expected until its end: the rate of this
        window and the last one, plus twice the standard deviation.
        """
        if priority is _WRITE:
            return 0
        reserved = least = self.limit * RESERVED // 100
        if self._writes or self._writes_before:
            rest = self.rest(now)
            observed = self.window * (1 + PRIOR + bool(self._writes_before)) - rest
            seen = self._writes + self._writes_before + PRIOR * least
            expected = max(0.0, rest * seen / observed)
            most = self.limit * MAX_RESERVED // 100
            reserved = min(max(least, math.ceil(expected + 2 * math.sqrt(expected))), most)
        return reserved + least if priority is _REFRESH else reserved

    def reserve(self, now: float, priority: Priority = Priority.INTERACTIVE) -> int:
        """Debit a request that is about to be sent; return its number."""
        self._roll_if_ended(now)
        if self._ends is None:
            self._ends = now + self.window + 1
        if self._unsure is not None and self._left <= self._reserved_for_others(priority, now):
            self._pause = min(2 * self._pause, MAX_PROBE_SECONDS)
            self._probe_at = now + self._pause
        self._left -= 1
        self._refreshes += priority is _REFRESH
        self._writes += priority is _WRITE
        self._number += 1
        self._in_flight.add(self._number)
        self._lost.record_sent(self._number, now)
        return self._number

    def release(self, number: int) -> None:
        """Return the debit of a request that was never sent."""
        if number in self._in_flight:
            self._in_flight.discard(number)
            self._left += 1

    def record_no_response(self, number: int, now: float) -> None:
        """Keep the debit of a request that the API may have counted."""
        if number in self._in_flight:
            self._in_flight.discard(number)
            self._lost.add(now)
            self._extend_unsynced(now)

    def record_response(self, number: int, status: RateLimitStatus, now: float) -> None:
        """Adjust the window to the headers of a response."""
        self._roll_if_ended(now)
        self._in_flight.discard(number)
        self._raise_unsure(number, status, now)
        if status.reset is None or status.reset > self.window:
            self._extend_unsynced(now)
            if number >= self._first:
                self._lower_remaining(number, status, now)
                if status.remaining is not None and not self._synced:
                    self._schedule_probe(now)
            return
        # One second more: seconds may be rounded down, and spending too early is the costly error.
        ends = now + status.reset + 1
        if number < self._first and ends <= self._previous_end + self._slack + 1:
            return  # sent in the last window, and counted there
        if self._synced and self._ends is not None:
            if ends > self._ends + self._slack and now >= self._ends - self._slack:
                self._start_next(self._ends)
            elif self._ends - self._slack <= ends < self._ends:
                self._ends = ends
        if not self._synced:
            self._synced = True
            self._unsure, self._pause = None, PROBE_SECONDS
            self._ends = ends
            if status.limit is not None:
                self._left += status.limit - self.limit
                self.limit = status.limit
        self._lower_remaining(number, status, now)

    def adopt(self, shared: SharedWindow, now: float) -> None:
        """Take over the count of a window that several gateways share."""
        if shared.number != self._window_number:
            self._start_next(now)
            self._window_number = shared.number
        self.limit, self._left, self._ends = shared.limit, shared.left, now + shared.rest
        self._synced, self._unsure = True, None
        self._lost.kept_until = now + shared.kept
        if shared.probe is not None:
            self._unsure, self._probe_at = self._number, now + shared.probe

    def state(self, now: float) -> RateLimitState:
        """Return the state of the window."""
        rest = self.rest(now)
        return RateLimitState(self.limit, max(0, self._left), math.ceil(rest))

    def _extend_unsynced(self, now: float) -> None:
        """Extend a window whose end no response states: it may have begun as late as `now`."""
        if not (self._synced or self._last_synced) and self._ends is not None:
            self._last_synced = True
            self._ends = max(self._ends, now + self.window + 1)

    def _schedule_probe(self, now: float) -> None:
        """Schedule a probe: the remaining calls are known, the window's end is not."""
        if self._unsure is None:
            self._probe_at = now + self._pause
        self._unsure = self._number

    def _raise_unsure(self, number: int, status: RateLimitStatus, now: float) -> None:
        """Accept more remaining calls from a request sent after the end was unstated."""
        if self._unsure is None or number <= self._unsure or status.remaining is None:
            return
        left = status.remaining - len(self._in_flight)
        raised = max(0, left - self._left)
        self._left += raised
        self._lowered = max(0, self._lowered - raised)
        if left > self._reserved_for_others(Priority.INTERACTIVE, now):
            self._pause = PROBE_SECONDS

    def _roll_if_ended(self, now: float) -> None:
        while self._ends is not None and now >= self._ends:
            self._start_next(self._ends)

    def _start_next(self, ended: float) -> None:
        # Requests in flight may be counted in the new window: they are debited there as well.
        self._left = self.limit - len(self._in_flight)
        self._previous_end = ended
        self._ends = ended + self.window + 1 if self._in_flight else None
        self._lowest, self._lost = None, LostCalls()
        self._lowered = self._contradicted = 0
        self._synced = self._last_synced = False
        self._unsure, self._pause = None, PROBE_SECONDS
        self._refreshes, self._writes_before, self._writes = 0, self._writes, 0
        self._window_number += 1
        self._first = self._number + 1

    def _lower_remaining(self, number: int, status: RateLimitStatus, now: float) -> None:
        if status.remaining is None:
            self._lost.add(now)
            return
        if self._lowest is None or status.remaining < self._lowest:
            self._lowest, self._lowest_since = status.remaining, self._number
            self._lowered += self._lost.settle(number)
        elif number > self._lowest_since:
            self._contradicted += 1
        if status.remaining - len(self._in_flight) < self._left:
            later_requests = sum(later > number for later in self._in_flight)
            lower = max(0, self._left - (status.remaining - later_requests))
            self._left -= lower
            self._lowered += lower
        self._return_certain(self._lowest)

    def _return_certain(self, lowest: int) -> None:
        """Return what headers took too much.

        The lowest count includes each request that was answered, unless a later one contradicts it;
        those in flight, and those without a response, may have been counted since.
        """
        uncertain = len(self._in_flight) + self._lost.count + self._contradicted
        returned = max(0, min(self._lowered, lowest - uncertain - self._left))
        self._left += returned
        self._lowered -= returned
