"""What the configured API really does, asked politely: the undocumented, settled by looking."""

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
    """Ask the API at `base_url` about ten questions by `api_key`, and report to `out` (stdout).

    Only reads, unless `write`: then one client is also created, changed and deleted again.
    Returns an exit status: 0 when all that matters is fine, 1 when something must be mended.
    An API that cannot be reached or answers nonsense is a finding, never an exception.
    """
    report = Report(sys.stdout if out is None else out, secret=api_key)
    report.write_line(
        f"Asking {base_url}" + (", writing one client too" if write else ", only reading")
    )
    async with ProbeClient(base_url, api_key, transport) as line:
        desk = Runner(line, report)
        try:
            await run_read_checks(desk)
            if write:
                await run_write_checks(desk)
        except Abort as reason:
            report.write_line(f"Stopped early: {reason}")
        report.close(line.sent)
    return 1 if report.failures else 0
