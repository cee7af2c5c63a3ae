"""The probes in order of execution: each response gets the checks that apply to all responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from gateway.cli.doctor.probe import NoResponse
from gateway.cli.doctor.read_findings import invalid_response, rate_limited
from gateway.cli.doctor.report import fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cli.doctor.probe import Probe, ProbeResponse
    from gateway.cli.doctor.probe_client import ProbeClient
    from gateway.cli.doctor.report import Finding, Report

MAX_NO_RESPONSES = 2
"""Consecutive requests without a response after which the doctor stops."""


class Abort(Exception):
    """Further probes would be useless or too expensive; the message is the reason."""


class BudgetExhausted(Abort):
    """The rate limit's window is exhausted; the last probe was rejected with 429."""


class Runner:
    """Sends probes with a client and reports the findings at once."""

    def __init__(self, client: ProbeClient, report: Report) -> None:
        self.client = client
        self.report = report
        self._no_responses = 0

    async def probe(
        self, probe: Probe, *checks: Callable[[ProbeResponse], Finding]
    ) -> ProbeResponse | None:
        """Send a probe and report what `checks` find in the response.

        Returns None if there is no valid response; that finding is reported here. Raises
        `BudgetExhausted` for a 429, and `Abort` after `MAX_NO_RESPONSES` in a row.
        """
        response = await self.client.send(probe)
        if isinstance(response, NoResponse):
            self.report.add(fail(probe.about, response.reason))
            self._no_responses += 1
            if self._no_responses == MAX_NO_RESPONSES:
                raise Abort("the API has stopped answering")
            return None
        self._no_responses = 0
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.report.add(rate_limited(response))
            raise BudgetExhausted("the budget is spent")
        invalid = invalid_response(probe.about, response, odd=probe.odd)
        if invalid is not None:
            self.report.add(invalid)
            return None
        for check in checks:
            self.report.add(check(response))
        return response
