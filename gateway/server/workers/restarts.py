"""When a worker that has ended is started again."""

STEADY_SECONDS = 30.0
"""A worker that has lived for so long is started again at once."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
ENOUGH = 10
"""Doublings after which a delay is the longest; two to the power of all lives may be no float."""


def restart_delay(short_lives: int) -> float:
    """Return the seconds to wait, after so many lives in a row shorter than `STEADY_SECONDS`."""
    if short_lives == 0:
        return 0.0
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(short_lives - 1, ENOUGH))
