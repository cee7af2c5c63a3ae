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
        shown = {name: self._safe(fact) for name, fact in facts.items()}
        line = json.dumps(shown) if self._as_json else self._safe(text)
        if facts or not self._as_json:
            with suppress(BrokenPipeError):
                print(line, file=self._out, flush=True)

    def _safe(self, fact: str | int) -> str | int:
        """Escape what is not printable ASCII, and could control a terminal; hide the secret."""
        if not isinstance(fact, str):
            return fact
        shown = fact.replace(self._secret, "[key]")
        return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in shown)[:MAX_LINE]
