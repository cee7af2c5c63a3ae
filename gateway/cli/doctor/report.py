"""The report of the doctor: one line per finding, written at once."""

import json
from contextlib import suppress
from functools import partial
from typing import Literal, NamedTuple, TextIO

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
    """Writes findings at once. `secret` and control characters are never written.

    With `as_json` each line is a JSON object.
    """

    def __init__(self, out: TextIO, *, secret: str, as_json: bool = False) -> None:
        self._out = out
        self._secret = secret
        self._as_json = as_json
        self.failures = 0

    def add(self, about: str, finding: Finding | None) -> None:
        """Write a finding about a subject; None is nothing to report."""
        if finding is None:
            return
        self.failures += finding.severity == "FAIL"
        line = f"{finding.severity:<4}  {about}: {finding.found}"
        line = f"{line} -> {finding.consequence}" if finding.consequence else line
        self.write_line(line, subject=about, **finding._asdict())

    def write_line(self, text: str, **facts: str | int) -> None:
        """Write `text`, or `facts` as a JSON object; without facts JSON has no such line.

        A closed pipe is ignored, so that the clean-up is completed.
        """
        if not self._as_json:
            self._write(f"{self._safe(text)}")
        elif facts:
            self._write(json.dumps({name: self._safe(fact) for name, fact in facts.items()}))

    def _safe(self, fact: str | int) -> str | int:
        if not isinstance(fact, str):
            return fact
        shown = fact.replace(self._secret, "[key]") if self._secret else fact
        return printable(shown)[:MAX_LINE]

    def _write(self, line: str) -> None:
        with suppress(BrokenPipeError):
            self._out.write(f"{line}\n")
            self._out.flush()


def printable(text: str) -> str:
    """Escape non-ASCII and control characters, which could control a terminal."""
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text)
