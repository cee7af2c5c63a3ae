"""The replies of the functions: a snapshot of the budget, then what was decided."""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.shared_budget import Refusal, Reservation

FIELDS = 12
"""The number of the fields of a snapshot."""
LEARNING_PAUSE = 0.1
"""Seconds after which a call is reserved again while the server learns this gateway's state."""


class BudgetSnapshot(NamedTuple):
    """The state of the budget at the time of one reply."""

    time: float
    """The server's time."""
    incarnation: str
    """The name of this state; another one after its loss."""
    total: int
    """Changes counted in this state; a larger number is newer."""
    limit: int
    left: int
    rest: float
    """Seconds until the window ends."""
    window_number: int
    """The number of the window; numbers are consecutive."""
    probe: float | None
    """Seconds until a call may probe the calls left; None if they are known."""
    kept: float
    """Seconds for which the last call is kept: its headers may return more than one."""
    shut: float
    """Seconds until a call may be sent after a 429."""
    is_learning: bool
    """Whether the server lost its state and collects what gateways know of it."""
    memo: str
    """What the server needs to learn the state again."""


def parse_snapshot(reply: Sequence[str]) -> BudgetSnapshot:
    """Return the snapshot at the beginning of a reply."""
    time, incarnation, total, limit, left, rest, number, probe, kept, shut, learning, memo = reply[
        :FIELDS
    ]
    return BudgetSnapshot(
        float(time),
        incarnation,
        int(total),
        int(float(limit)),
        int(float(left)),
        float(rest),
        int(number),
        float(probe) if probe else None,
        float(kept),
        float(shut),
        learning == "1",
        memo,
    )


def decision(reply: Sequence[str]) -> tuple[str, str, str]:
    """Return what a function decided, after the snapshot: a word, a number and a detail."""
    verdict, value, detail = reply[FIELDS:]
    return verdict, value, detail


def refusal_of(reservation: Reservation, verdict: str, seconds: float, reason: str) -> Refusal:
    """Return the refusal of a call that was not granted."""
    if verdict == "late":
        return Refusal(0.0, "budget", final=False)
    if verdict == "unheard":
        return Refusal(LEARNING_PAUSE, "learning", final=False)
    final = verdict == "refused" or seconds > reservation.patience
    if reason == "share":
        return Refusal(seconds, "share", final)
    if reason == "unknown":
        return Refusal(seconds, "unknown", final)
    return Refusal(seconds, "learning" if reason == "learning" else "budget", final)
