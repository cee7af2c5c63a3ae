"""What one gateway knows of the shared budget: the snapshots of the replies that it got."""

import math
from collections.abc import Callable, Sequence

from gateway.shared_budget import SharedWindow
from gateway.storage.shared.replies import BudgetSnapshot, parse_snapshot
from schema.source.request_context import RateLimitState

DRIFT = 0.0001
"""Seconds by which two clocks may drift apart between two replies."""
_LEASE = "l:"
"""The beginning of a gateway's name in a memo."""


class BudgetMirror:
    """The latest state of the budget; every method takes the time, in seconds."""

    def __init__(self, limit: int, window_seconds: float, now: float) -> None:
        self.when_changed: Callable[[SharedWindow], None] = lambda _: None
        """Called with each newer state of the window."""
        self._known: BudgetSnapshot | None = None
        """The newest state that the server may have to learn again."""
        self._state = RateLimitState(limit, limit, math.ceil(window_seconds))
        self._state_until = now + window_seconds
        self.incarnation = ""
        """The state that the server has now."""
        self._lead: float | None = None
        """Seconds by which the server's clock is ahead of ours, or somewhat more."""

    @property
    def memo(self) -> str:
        """What the server needs to learn the state again; empty if nothing is known."""
        return "" if self._known is None else self._known.memo

    @property
    def gateways(self) -> int:
        """The number of gateways that had a lease at the latest reply; at least this one."""
        return max(1, sum(word.startswith(_LEASE) for word in self.memo.split(" ")))

    @property
    def version(self) -> tuple[str, int]:
        """The newest known state and the changes counted in it."""
        return ("", 0) if self._known is None else (self._known.incarnation, self._known.total)

    def state(self, now: float) -> RateLimitState:
        """Return the latest known state of the window."""
        limit, remaining, _ = self._state  # `_replace` takes almost three times as long
        return RateLimitState(limit, remaining, max(0, math.ceil(self._state_until - now)))

    def server_time(self, at: float) -> float:
        """Return the server's time at `at`, or somewhat later; 0 if it is not known."""
        return 0.0 if self._lead is None else at + self._lead

    def forget_server_time(self) -> None:
        """Learn the server's time again: its clock was set."""
        self._lead = None

    def adopt(
        self, reply: Sequence[str], *, sent_at: float, now: float, learnt: bool = False
    ) -> float:
        """Take the snapshot of a reply; return for how long no call may be sent after a 429.

        A lost state is forgotten only if the server has `learnt` it.
        """
        snapshot, known = parse_snapshot(reply), self._known
        self.incarnation = snapshot.incarnation
        lead = snapshot.time - sent_at  # more than the truth, by the time that the command took
        self._lead = lead if self._lead is None else min(lead, self._lead + DRIFT)
        same = known is not None and known.incarnation == snapshot.incarnation
        if same and snapshot.total < self.version[1]:
            return snapshot.shut
        remaining = 0 if snapshot.shut else max(0, snapshot.left)
        reset = max(snapshot.rest, snapshot.shut)
        self._state = RateLimitState(snapshot.limit, remaining, math.ceil(reset))
        self._state_until = now + reset
        self.when_changed(
            SharedWindow(
                snapshot.window_number,
                snapshot.limit,
                snapshot.left,
                snapshot.rest,
                snapshot.probe,
                snapshot.kept,
            )
        )
        if not snapshot.is_learning and (same or learnt or known is None):
            self._known = snapshot
        return snapshot.shut
