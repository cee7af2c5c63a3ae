"""The `doctor` command: checks how the configured API behaves where the API page is silent."""

import asyncio
import sys
from typing import TextIO
from uuid import uuid4

from gateway.cli.doctor.checks import Abort, Runner, run_read_checks, run_write_checks
from gateway.cli.doctor.probe_client import ProbeClient
from gateway.cli.doctor.record import TestRecord, clean_up
from gateway.cli.doctor.registration import Endpoint, run_webhook_checks
from gateway.cli.doctor.report import Report
from gateway.transport.transport import Transport
from schema.source.request_context import Credential

RESPONSE_SECONDS = 15.0
"""Seconds that a response may take."""


async def run_checks(  # noqa: PLR0913 - keyword arguments for the options
    base_url: str,
    api_key: str,
    transport: Transport,
    *,
    write: bool,
    webhook: Endpoint | None = None,
    broker_token: str | None = None,
    as_json: bool = False,
    out: TextIO | None = None,
) -> int:
    """Send about ten probes through `transport`, which is then closed; report to `out` (stdout).

    With `write` the doctor also creates, changes and always deletes one client. With a broker's
    token it checks whether `webhook` is registered, by two more probes. With `as_json` each
    line of the report is a JSON object: a finding, the reason of an early end, or the totals.
    Returns an exit status: 0, or 1 if a finding is a failure. An unreachable API or an invalid
    response is a finding, not an exception.
    """
    report = Report(sys.stdout if out is None else out, secret=api_key, as_json=as_json)
    scope = "writing one client too" if write else "only reading"
    report.write_line(f"Checking {base_url}, {scope}")
    client = ProbeClient(base_url, Credential("X-API-Key", api_key), transport)
    broker = Credential("Authorization", f"Bearer {broker_token}")
    manager = ProbeClient(base_url, broker, transport)
    record = TestRecord(email=f"Doctor-Check-{uuid4().hex[:12]}@example.com")
    runner = Runner(client, report, record)
    try:
        await run_read_checks(runner)
        if webhook is not None and broker_token is not None:
            await run_webhook_checks(manager, report, webhook)
        if write:
            await run_write_checks(runner)
    except Abort as reason:
        report.write_line(f"Stopped early: {reason}", stopped=str(reason))
    finally:
        if record.may_exist:
            report.write_line("Cleaning up")
            # In a separate task: the current one may be cancelled.
            cleaning = asyncio.create_task(clean_up(client, record))
            report.add("clean-up", await cleaning)
        await transport.aclose()
    count = client.sent + manager.sent
    sent = f"{count} {'request' if count == 1 else 'requests'} sent"
    left = f"{report.failures} to correct (FAIL)" if report.failures else "nothing to correct"
    report.write_line(f"{sent}; {left}.", requests=count, failures=report.failures)
    return 1 if report.failures else 0
