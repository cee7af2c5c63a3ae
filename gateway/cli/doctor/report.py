"""The report of the doctor: one line per finding, written at once."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from typing import TextIO

MAX_LINE = 600
"""Maximum characters of a line: text of the API cannot flood a terminal."""


class Finding(NamedTuple):
    """What a check found and, optionally, the consequence for the gateway."""

    severity: Literal["ok", "note", "FAIL"]
    found: str
    consequence: str = ""


ok = partial(Finding, "ok")
note = partial(Finding, "note")
"""A finding that needs no correction, but may surprise."""
fail = partial(Finding, "FAIL")
"""A finding that needs a correction."""


class Report:
    """Writes findings at once. `secret` and control characters are never written."""

    def __init__(self, out: TextIO, *, secret: str) -> None:
        self._out = out
        self._secret = secret
        self.failures = 0

    def add(self, about: str, finding: Finding | None) -> None:
        """Write a finding about a subject; None is nothing to report."""
        if finding is None:
            return
        self.failures += finding.severity == "FAIL"
        line = f"{finding.severity:<4}  {about}: {finding.found}"
        self.write_line(f"{line} -> {finding.consequence}" if finding.consequence else line)

    def write_line(self, text: str) -> None:
        """Write a line. A closed pipe is ignored, so that the clean-up is completed."""
        if self._secret:
            text = text.replace(self._secret, "[key]")
        with suppress(BrokenPipeError):
            self._out.write(f"{printable(text)[:MAX_LINE]}\n")
            self._out.flush()


def printable(text: str) -> str:
    """Escape non-ASCII and control characters, which could control a terminal."""
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text)
