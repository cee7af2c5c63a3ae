"""Where questions are asked: what is wrong whatever was asked is reported here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from gateway.cli.doctor.probe import NoResponse
from gateway.cli.doctor.read_findings import spent, trouble
from gateway.cli.doctor.report import fail

if TYPE_CHECKING:
    from gateway.cli.doctor.probe import Probe, ProbeResponse
    from gateway.cli.doctor.probe_client import ProbeClient
    from gateway.cli.doctor.report import Report

SILENCES = 2
"""Silences in a row after which nothing more is asked."""


class Abort(Exception):
    """Asking further would tell nothing or cost too much; the message says why."""


class BudgetExhausted(Abort):
    """The budget is spent: what was asked last was refused."""


class Runner:
    """Asks on the line, and reports at once what is wrong with any answer, whatever was asked."""

    def __init__(self, line: ProbeClient, report: Report) -> None:
        self.line = line
        self.report = report
        self._silences = 0

    async def probe(self, asked: Probe) -> ProbeResponse | None:
        """An answer worth reading, or None when its trouble is reported already.

        Raises `Spent` at a 429, and `Enough` when the API has fallen silent.
        """
        heard = await self.line.send(asked)
        if isinstance(heard, NoResponse):
            self.report.add(fail(asked.about, heard.reason))
            self._silences += 1
            if self._silences == SILENCES:
                raise Abort("the API has stopped answering")
            return None
        self._silences = 0
        if heard.status == httpx.codes.TOO_MANY_REQUESTS:
            self.report.add(spent(heard))
            raise BudgetExhausted("the budget is spent")
        found = trouble(asked.about, heard, odd=asked.odd)
        if found is not None:
            self.report.add(found)
            return None
        return heard
