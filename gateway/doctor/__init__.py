"""What the configured API really does, asked politely: the undocumented, settled by looking."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gateway.doctor.desk import Desk, Enough
from gateway.doctor.line import Line
from gateway.doctor.questions import ask_reading
from gateway.doctor.report import Report
from gateway.doctor.trial import ask_writing

if TYPE_CHECKING:
    from typing import TextIO

    import httpx

__all__ = ["examine"]


async def examine(
    base_url: str,
    api_key: str,
    *,
    write: bool,
    transport: httpx.AsyncBaseTransport | None = None,
    out: TextIO | None = None,
) -> int:
    """Ask the API at `base_url` about ten questions by `api_key`, and report to `out` (stdout).

    Only reads, unless `write`: then one client is also created, changed and deleted again.
    Returns an exit status: 0 when all that matters is fine, 1 when something must be mended.
    An API that cannot be reached or answers nonsense is a finding, never an exception.
    """
    report = Report(sys.stdout if out is None else out, secret=api_key)
    report.say(f"Asking {base_url}" + (", writing one client too" if write else ", only reading"))
    async with Line(base_url, api_key, transport) as line:
        desk = Desk(line, report)
        try:
            await ask_reading(desk)
            if write:
                await ask_writing(desk)
        except Enough as reason:
            report.say(f"Stopped early: {reason}")
        report.close(line.sent)
    return 1 if report.failures else 0
