"""How long an attack goes on: a little in the suite, `make attack` for as long as it says."""

import os
import time
from collections.abc import Iterator

SECONDS = float(os.environ.get("GATEWAY_ATTACK_SECONDS", "0"))
"""Seconds for each attack that can go on; 0 has each take its few steps of the suite."""


def steps(few: int) -> Iterator[int]:
    """Numbers from 0: so `few` in the suite, and otherwise as many as fit into the time."""
    ends = time.monotonic() + SECONDS
    number = 0
    while number < few or time.monotonic() < ends:
        yield number
        number += 1
