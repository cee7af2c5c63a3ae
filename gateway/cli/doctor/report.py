"""The report of the doctor: one line per finding, written at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class Severity(Enum):
    """The severity of a finding; the values are printed."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """A result about a subject and, optionally, its consequence for the gateway."""

    severity: Severity
    about: str
    found: str
    consequence: str = ""

    def __str__(self) -> str:
        line = f"{self.severity.value:<4}  {self.about}: {self.found}"
        return f"{line} -> {self.consequence}" if self.consequence else line


ok = partial(Finding, Severity.OK)
note = partial(Finding, Severity.NOTE)
"""A finding that needs no correction, but may surprise."""
fail = partial(Finding, Severity.FAIL)
"""A finding that needs a correction."""

MAX_LINE = 600
"""Maximum characters of a line: text of the API cannot flood a terminal."""


class Report:
    """Writes findings at once. `secret` and control characters are never written."""

    def __init__(self, out: TextIO, *, secret: str) -> None:
        self._out = out
        self._secret = secret
        self.failures = 0

    def add(self, finding: Finding) -> None:
        """Write a finding."""
        self.failures += finding.severity is Severity.FAIL
        self.write_line(str(finding))

    def write_line(self, text: str) -> None:
        """Write a line. A closed pipe is ignored, so that write checks are completed."""
        if self._secret:
            text = text.replace(self._secret, "[key]")
        with suppress(BrokenPipeError):
            self._out.write(f"{printable(text)[:MAX_LINE]}\n")
            self._out.flush()

    def close(self, requests: int) -> None:
        """Write the number of requests and of failures."""
        verdict = (
            "nothing to correct" if not self.failures else f"{self.failures} to correct (FAIL)"
        )
        self.write_line(f"{requests} {'request' if requests == 1 else 'requests'} sent; {verdict}.")


def printable(text: str) -> str:
    """Escape non-ASCII and control characters, which could control a terminal."""
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text)
