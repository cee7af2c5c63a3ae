"""The project's recipes, read: what the Makefile does and what the Dockerfile does."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Step(NamedTuple):
    """One instruction of a Dockerfile, its continued lines joined."""

    word: str
    rest: str


def dockerfile() -> list[Step]:
    """The Dockerfile's instructions in order, comments left out."""
    text = (ROOT / "Dockerfile").read_text()
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line]


def stages() -> list[list[Step]]:
    """The Dockerfile's instructions by stage, each beginning with its FROM."""
    found: list[list[Step]] = []
    for step in dockerfile():
        if step.word == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def makefile() -> str:
    """The Makefile, continued lines joined."""
    return (ROOT / "Makefile").read_text().replace("\\\n", "")


def variable(name: str) -> str:
    """What the Makefile gives this name."""
    match = re.search(rf"^{name} [:?]?= (.*)$", makefile(), re.MULTILINE)
    assert match is not None, name
    return match[1]
