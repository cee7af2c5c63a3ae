"""The `doctor` command: checks how the configured API behaves where the API page is silent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gateway.cli.doctor.probe_client import ProbeClient
from gateway.cli.doctor.read_checks import run_read_checks
from gateway.cli.doctor.report import Report
from gateway.cli.doctor.runner import Abort, Runner
from gateway.cli.doctor.write_checks import run_write_checks

if TYPE_CHECKING:
    from typing import TextIO

    import httpx

__all__ = ["run_checks"]


async def run_checks(
    base_url: str,
    api_key: str,
    *,
    write: bool,
    transport: httpx.AsyncBaseTransport | None = None,
    out: TextIO | None = None,
) -> int:
    """Send about ten probes to the API at `base_url` with `api_key`; report to `out` (stdout).

    With `write` the doctor also creates, changes and deletes one client. Returns an exit status:
    0, or 1 if a finding is a failure. An unreachable API or an invalid response is a finding, not
    an exception.
    """
    report = Report(sys.stdout if out is None else out, secret=api_key)
    report.write_line(
        f"Checking {base_url}" + (", writing one client too" if write else ", only reading")
    )
    async with ProbeClient(base_url, api_key, transport) as client:
        runner = Runner(client, report)
        try:
            await run_read_checks(runner)
            if write:
                await run_write_checks(runner)
        except Abort as reason:
            report.write_line(f"Stopped early: {reason}")
        report.close(client.sent)
    return 1 if report.failures else 0
