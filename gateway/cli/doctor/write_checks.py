"""The probes that write: the doctor creates, changes and always deletes one client of its own."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

from gateway.cli.doctor import write_findings as outcomes
from gateway.cli.doctor.probe import Probe, ProbeResponse, integer, parse_integer
from gateway.cli.doctor.report import fail, ok
from gateway.cli.doctor.runner import BudgetExhausted
from schema.source.records import MAX_PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cli.doctor.probe import Decoded, NoResponse
    from gateway.cli.doctor.probe_client import ProbeClient
    from gateway.cli.doctor.report import Finding
    from gateway.cli.doctor.runner import Runner

ID = re.compile("[A-Za-z0-9_-]+")
"""Form of an id that is safe in the path of a delete."""
ABSENT = {HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
"""Statuses of a delete after which the client does not exist."""
ATTEMPTS = 3
"""Maximum deletes of the clean-up."""
MAX_DELAY = 30
"""Maximum seconds between two of these deletes, whatever `Retry-After` requests."""


@dataclass(slots=True)
class TestRecord:
    """The client that the doctor writes to, as far as it is known."""

    email: str
    """Unique. The clean-up finds the client by it if the response with the id is lost."""
    may_exist: bool = False
    id: str | None = None
    version: int | None = None

    @property
    def path(self) -> str:
        """Path of the client."""
        return f"/clients/{self.id}"

    def update(self, data: Decoded) -> None:
        """Take the id and the version from a response."""
        id = data.get("id")
        if self.id is None and isinstance(id, str) and ID.fullmatch(id):
            self.id = id
        self.version = integer(data.get("version")) or self.version


async def run_write_checks(runner: Runner) -> None:
    """Send all probes that write. The client is deleted in every case."""
    record = TestRecord(email=f"Doctor-Check-{uuid4().hex[:12]}@example.com")
    try:
        await _check_writes(runner, record)
    finally:
        # In a separate task: the current one may be cancelled.
        await asyncio.create_task(_clean_up(runner, record))


async def _check_writes(runner: Runner, record: TestRecord) -> None:
    await _check_create(runner, record)
    if record.id is None:
        return
    await _check_update(runner, record)
    response = await runner.probe(Probe("delete", "DELETE", record.path), outcomes.deleted)
    if response is None or response.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        return
    record.may_exist = False
    repeated = Probe("second delete", "DELETE", record.path, odd=True)
    await runner.probe(repeated, outcomes.deleted_again)
    await runner.probe(Probe("read after delete", "GET", record.path), outcomes.after_delete)


async def _check_create(runner: Runner, record: TestRecord) -> None:
    body = {
        "first_name": "Doctor",
        "last_name": "Check",
        "client_type": "buyer",
        "email": record.email,
        "phone": "(661) 555-0142",
    }
    record.may_exist = True
    try:
        response = await runner.probe(
            Probe("create", "POST", "/clients", body=body), outcomes.created
        )
    except BudgetExhausted:
        record.may_exist = False
        raise
    if response is None:
        return
    if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        record.may_exist = False
        return
    record.update(response.data)
    runner.report.add(outcomes.stored(response, body))
    if record.id is not None:
        await _read_back(runner, record, "read after create")


async def _read_back(runner: Runner, record: TestRecord, about: str) -> None:
    check = partial(outcomes.read_back, about, version=record.version)
    await runner.probe(Probe(about, "GET", record.path), check)


async def _check_update(runner: Runner, record: TestRecord) -> None:
    first = record.version
    check = partial(outcomes.updated, before=first)
    if await _put(runner, record, "update", {"phone": "+1 661 555 0123"}, check):
        await _read_back(runner, record, "read after update")
        if first is not None and record.version != first:
            outdated = {"phone": "(661) 555-0199", "version": first}
            await _put(runner, record, "stale version", outdated, outcomes.stale)
    for about, changes, outcome in (
        ("update to null", {"phone": None}, outcomes.cleared),
        ("unknown field", {outcomes.UNDOCUMENTED: "value"}, outcomes.unknown_field),
        ("unknown status", {"status": "doctor-check"}, outcomes.unknown_status),
    ):
        await _put(runner, record, about, changes, outcome, odd=True)


async def _put(  # noqa: PLR0913 - a probe and its check
    runner: Runner,
    record: TestRecord,
    about: str,
    changes: Decoded,
    check: Callable[[ProbeResponse], Finding],
    *,
    odd: bool = False,
) -> ProbeResponse | None:
    """Update with the current version, unless `changes` has another."""
    guard = {} if record.version is None else {"version": record.version}
    probe = Probe(about, "PUT", record.path, body={**guard, **changes}, odd=odd)
    response = await runner.probe(probe, check)
    if response is not None and response.status == HTTPStatus.OK:
        record.update(response.data)
    return response


async def _clean_up(runner: Runner, record: TestRecord) -> None:
    if not record.may_exist:
        return
    runner.report.write_line("Cleaning up")
    await runner.client.reconnect()
    if record.id is None and await _is_absent(runner.client, record):
        runner.report.add(ok("clean-up", "nothing was created"))
        return
    if record.id is not None and await _delete(runner.client, record):
        record.may_exist = False
        runner.report.add(ok("clean-up", "the client Doctor Check is deleted again"))
        return
    which = f"id {record.id}" if record.id else f"e-mail {record.email}"
    found = "failed: a client named Doctor Check may be left"
    runner.report.add(fail("clean-up", found, f"delete the one with {which} yourself"))


async def _is_absent(client: ProbeClient, record: TestRecord) -> bool:
    """Search the first and the last page. Return True if all rows were read without a match."""
    page, seen, total, more = 1, 0, None, True
    for _ in range(2):
        response = await client.send(
            Probe("clean-up", "GET", "/clients", params={"page": page, "limit": MAX_PAGE})
        )
        if not isinstance(response, ProbeResponse) or response.total is None:
            return False
        more = response.meta.get("hasMore") is not False
        for row in response.rows:
            if str(row.get("email")).strip().lower() == record.email.lower():
                record.update(row)
                return False
        seen, total = seen + len(response.rows), response.total
        page = integer(response.meta.get("totalPages")) or 1
        if page <= 1:
            break
    return total is not None and seen >= total and not more


async def _delete(client: ProbeClient, record: TestRecord) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        response = await client.send(Probe("clean-up", "DELETE", record.path))
        if isinstance(response, ProbeResponse) and response.status in ABSENT:
            return True
        if attempt < ATTEMPTS:
            await asyncio.sleep(_delay(response, attempt))
    return False


def _delay(response: ProbeResponse | NoResponse, attempt: int) -> int:
    """Return the seconds before the next attempt: `Retry-After` up to a maximum, or `attempt`."""
    headers = response.headers if isinstance(response, ProbeResponse) else {}
    requested = parse_integer(headers.get("retry-after", ""))
    return min(attempt if requested is None else requested, MAX_DELAY)
