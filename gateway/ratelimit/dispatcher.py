"""Grant permits: to a call that may be sent at once, or to the next call that waits."""

import asyncio
from collections.abc import Callable

from gateway.ratelimit.admission import AdmissionController, Permit
from gateway.ratelimit.call_context import Call, CallContext
from gateway.ratelimit.queue import FairQueue, Waiter
from schema.source.errors import ClientError, RateLimited, Unavailable

MAX_WAIT = 2.0
"""Seconds a request may wait for the window; a longer wait is an error with Retry-After."""
GRACE = 0.5
"""Additional seconds for a request that waited for the end of a 429, during the first trial."""
MIN_DELAY = 0.001
"""Least seconds to the next look at the queue: a shorter wait is a rounding error, and a timer
below the clock's resolution runs in the same iteration of the event loop."""
MAX_UNPROVEN_WAITING = 2 / 3
"""The part of the queue in which requests with unverified credentials may wait."""


class Dispatcher:
    """Limits the calls in flight, and lets the others wait by priority and in fair order.

    A call that would have to wait too long is rejected at once, with the exact seconds.
    """

    def __init__(
        self,
        admission: AdmissionController,
        clock: Callable[[], float],
        *,
        max_concurrency: int,
        max_waiting: int,
    ) -> None:
        self._admission = admission
        self._clock = clock
        self._max_concurrency = max_concurrency
        self._max_waiting = max_waiting
        self._queue = FairQueue()
        self.in_flight = 0
        """Calls in flight."""
        self._unproven_waiting = 0
        self._timer: asyncio.TimerHandle | None = None
        self.when_waited: Callable[[float], None] | None = None
        """Called with the seconds that a call has waited when it gets its permit."""

    def waiting(self) -> dict[str, int]:
        """Return the number of calls that wait, by the name of their priority."""
        return {priority.name.lower(): count for priority, count in self._queue.depths().items()}

    @property
    def has_free_slot(self) -> bool:
        """Return True if fewer calls than allowed are in flight."""
        return self.in_flight < self._max_concurrency

    def try_acquire(self, call: Call) -> Permit | None:
        """Return a permit; None if the call has to wait. Raises `ClientError` if it may not."""
        context, now = call.context, self._clock()
        if context.is_abandoned():
            raise _abandoned()
        if now >= call.deadline:
            raise self._too_late(context, now)
        if self._admission.can_send_now(context, now):
            return self._take(context, now) if self.has_free_slot else None
        if rejection := self._admission.rejection(context, now):
            raise rejection
        wait = self._admission.wait(context, now)
        if wait > MAX_WAIT or now + wait >= call.deadline:
            raise self._admission.rate_limited_error(context, now)
        if wait or not self.has_free_slot:
            return None
        # A waiter in the queue while slots are free is waiting for something else.
        return self._take(context, now) if self._admission.has_slot(context, now) else None

    def wait(self, call: Call) -> Waiter:
        """Queue a call until it gets a permit, is rejected or expires.

        Raises `ClientError` if the queue is full.
        """
        loop, context, now = asyncio.get_running_loop(), call.context, self._clock()
        unproven = self._admission.unproven(context, now)
        self._make_room(context, now, unproven=unproven)
        waiter = self._queue.join(call, loop.create_future(), now)
        expiry = loop.call_later(call.deadline - now, self._expire, waiter)
        self._unproven_waiting += unproven

        def on_end(_: asyncio.Future[Permit]) -> None:
            expiry.cancel()
            self._unproven_waiting -= unproven

        waiter.permit.add_done_callback(on_end)
        self._serve()
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiter whose caller has left."""
        self._queue.leave(waiter)
        waiter.permit.cancel()

    def release(self) -> None:
        """Free the slot of a call that has ended, for the next waiter."""
        self.in_flight -= 1
        self._serve()

    def close(self) -> None:
        """Reject all waiters."""
        if self._timer is not None:
            self._timer.cancel()
        for waiter in self._queue:
            self._reject(waiter, shutting_down())

    def _take(self, context: CallContext, now: float) -> Permit:
        self.in_flight += 1
        return self._admission.acquire(context, now)

    def _make_room(self, context: CallContext, now: float, *, unproven: bool) -> None:
        """Ensure a place in the queue: if it is full, the caller with most waiters loses one."""
        if unproven and self._unproven_waiting >= self._max_waiting * MAX_UNPROVEN_WAITING:
            raise self._admission.rate_limited_error(context, now)
        if len(self._queue) < self._max_waiting:
            return
        crowded = Unavailable("Too many requests wait for the API already.")
        other = self._queue.newest_of_longest(context)
        if other is None:
            raise crowded
        self._reject(other, crowded)

    def _reject(self, waiter: Waiter, error: ClientError) -> None:
        self._queue.leave(waiter)
        if not waiter.permit.done():
            waiter.permit.set_exception(error)

    def _serve(self) -> None:
        """Give permits, reject waiters that cannot be served in time, and set the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._queue:
            return
        now = self._clock()
        while self.has_free_slot:
            waiter = self._queue.next(now, lambda context: self._admission.rank(context, now))
            if waiter is None:
                break
            if waiter.context.is_abandoned():
                self._reject(waiter, _abandoned())
            elif not waiter.permit.done():
                if self.when_waited is not None:
                    self.when_waited(now - waiter.since)
                waiter.permit.set_result(self._take(waiter.context, now))
        held = (self._admission.wait(waiter.context, now) for waiter in self._queue.heads())
        if not self.has_free_slot and not any(held):
            return  # they wait for a slot; each free slot calls this function
        waits = [wait for waiter in self._queue if (wait := self._reassess(waiter, now))]
        if waits:
            self._timer = asyncio.get_running_loop().call_later(
                max(min(waits), MIN_DELAY), self._serve
            )

    def _reassess(self, waiter: Waiter, now: float) -> float:
        """Return the seconds until a waiter may be served; reject it if that is too late."""
        if rejection := self._admission.rejection(waiter.context, now):
            self._reject(waiter, rejection)
            return 0.0
        wait = self._admission.wait(waiter.context, now)
        if not wait:
            if not self._admission.unproven(waiter.context, now):
                waiter.expires_at = None
            return 0.0
        if waiter.expires_at is None:
            waiter.expires_at = now + MAX_WAIT + GRACE
        if wait > MAX_WAIT or now + wait > min(waiter.expires_at, waiter.call.deadline):
            self._reject(waiter, self._admission.rate_limited_error(waiter.context, now))
            return 0.0
        return wait

    def _expire(self, waiter: Waiter) -> None:
        """Reject a waiter whose deadline has passed."""
        self._reject(waiter, self._too_late(waiter.context, self._clock()))

    def _too_late(self, context: CallContext, now: float) -> RateLimited | Unavailable:
        if self._admission.wait(context, now) or self._admission.unproven(context, now):
            return self._admission.rate_limited_error(context, now)
        return Unavailable("The API is too busy to be called in time.", code="UPSTREAM_TIMEOUT")


def shutting_down() -> ClientError:
    """Return the error of a call that waits when the gateway stops."""
    return Unavailable("The gateway is shutting down.")


def _abandoned() -> ClientError:
    return Unavailable("The callers of this request have left.")
