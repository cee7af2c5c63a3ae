"""The server's time, which all gateways count by, and this gateway's."""

from collections import deque
from collections.abc import Callable

STEP = 1.0
"""Seconds by which a clock must have been set for the difference to be learnt at once."""
REPLIES = 20
"""Replies after which the quickest counts no more: two clocks never run at quite the same rate."""


class ServerClock:
    """How far the server's clock is ahead of `clock`, from the replies that state its time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._leads: deque[float] = deque(maxlen=REPLIES)
        self._lead = 0.0

    @property
    def is_known(self) -> bool:
        """Whether a reply has stated the time."""
        return bool(self._leads)

    def observe(self, server_time: float, sent_at: float) -> None:
        """Learn from a reply to a command sent at `sent_at`; the quickest of the last is the best.

        The difference is known as somewhat too large: by the time that the command took to arrive.
        """
        lead = server_time - sent_at
        if abs(lead - self._lead) > STEP:
            self._leads.clear()
        self._leads.append(lead)
        self._lead = min(self._leads)

    def server_time(self, at: float | None = None) -> float:
        """Return the server's time at `at`, now by default, or somewhat later."""
        return (self._clock() if at is None else at) + self._lead

    def own_time(self, server_time: float) -> float:
        """Return this gateway's time at the server's, or somewhat earlier."""
        return server_time - self._lead
