"""An office at work: who its callers are and what they ask, hour by hour, the same every time."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from gateway.sandbox.users import DemoUser

Kind = Literal["list", "next", "client", "details", "update", "create", "delete"]

READS: tuple[tuple[Kind, int], ...] = (("list", 45), ("next", 15), ("client", 25), ("details", 15))
"""What is read, in parts of a hundred."""
WRITES: tuple[tuple[Kind, int], ...] = (("update", 60), ("create", 25), ("delete", 15))
FILTERS: tuple[str, ...] = (
    "status: ACTIVE",
    "clientType: BUYER",
    "clientType: SELLER, status: ACTIVE",
    "status: CLOSED",
)
"""Each caller has two of them that it looks at; every other list is unfiltered."""
LARGE = 2_500


@dataclass(frozen=True, slots=True)
class Question:
    """One operation: when it is sent (seconds from the beginning), by whom, and of what kind."""

    at: float
    who: DemoUser
    kind: Kind
    filter: str
    chance: float
    """From 0 to 1: which of the clients seen it is about."""


def callers(
    count: int, seed: int, *, rows: float = 60, spread: float = 0.4, large: int = 3
) -> list[DemoUser]:
    """`count` callers whose collections are lognormal around `rows`, but `large` with 2,500."""
    chance = Random(f"callers {seed}")
    sizes = [
        LARGE if place < large else max(1, round(rows * chance.lognormvariate(0, spread)))
        for place in range(count)
    ]
    return [DemoUser(f"agent {seed}-{place}", size) for place, size in enumerate(sizes)]


def day(  # noqa: PLR0913 - what makes a day
    people: list[DemoUser],
    *,
    seed: int,
    windows: int = 4,
    operations: int = 100,
    reads: int = 1,
    window_seconds: float = 900,
) -> list[Question]:
    """`operations` of each caller in each window, one in a hundred a write, in order of time.

    With `reads` there are so many times more reads, and as many writes.
    """
    chance = Random(f"day {seed}")
    questions: list[Question] = []
    for window in range(windows):
        for who in people:
            own = Random(f"{who.name} looks at").sample(FILTERS, 2)
            for place in range(operations):
                write = place == 0
                for _ in range(1 if write else reads):
                    [kind] = _one_of(chance, WRITES if write else READS)
                    at = (window + chance.random()) * window_seconds
                    questions.append(
                        Question(at, who, kind, chance.choice(("", "", *own)), chance.random())
                    )
    return sorted(questions, key=lambda question: question.at)


def _one_of(chance: Random, kinds: tuple[tuple[Kind, int], ...]) -> list[Kind]:
    return chance.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
