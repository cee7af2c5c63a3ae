"""What the doctor says: one line per finding, the moment it is found."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class Severity(Enum):
    """How much a finding matters; values are what the report shows."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about something and, where useful, what it means for the gateway."""

    mark: Severity
    about: str
    found: str
    consequence: str = ""

    def __str__(self) -> str:
        line = f"{self.mark.value:<4}  {self.about}: {self.found}"
        return f"{line} -> {self.consequence}" if self.consequence else line


def ok(about: str, found: str, consequence: str = "") -> Finding:
    """As hoped."""
    return Finding(Severity.OK, about, found, consequence)


def note(about: str, found: str, consequence: str = "") -> Finding:
    """Worth knowing, nothing to mend."""
    return Finding(Severity.NOTE, about, found, consequence)


def fail(about: str, found: str, consequence: str = "") -> Finding:
    """Something to mend."""
    return Finding(Severity.FAIL, about, found, consequence)


MAX_LINE = 600
"""Characters: the API's words cannot flood a terminal either."""


class Report:
    """Findings, written out as they come. Never writes `secret`, nor what a terminal obeys."""

    def __init__(self, out: TextIO, *, secret: str) -> None:
        self._out = out
        self._secret = secret
        self.failures = 0

    def add(self, finding: Finding) -> None:
        """Write a finding."""
        self.failures += finding.mark is Severity.FAIL
        self.write_line(str(finding))

    def write_line(self, text: str) -> None:
        """Write a line. A reader that went away is no reason to stop half-way through a trial."""
        if self._secret:
            text = text.replace(self._secret, "[key]")
        with suppress(BrokenPipeError):
            self._out.write(f"{printable(text)[:MAX_LINE]}\n")
            self._out.flush()

    def close(self, requests: int) -> None:
        """Write the sum."""
        verdict = "nothing to mend" if not self.failures else f"{self.failures} to mend (FAIL)"
        self.write_line(f"{requests} {'request' if requests == 1 else 'requests'} sent; {verdict}.")


def printable(text: str) -> str:
    """`text` in ASCII without control characters: the API's words cannot drive a terminal."""
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text)
