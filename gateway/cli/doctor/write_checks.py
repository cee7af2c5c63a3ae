"""The questions that write: one client of our own, created, changed, deleted and never left."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import uuid4

from gateway.cli.doctor import write_findings as outcomes
from gateway.cli.doctor.probe import Probe, ProbeResponse, integer, whole
from gateway.cli.doctor.report import fail, ok
from gateway.cli.doctor.runner import BudgetExhausted
from schema.source.records import MAX_PAGE

if TYPE_CHECKING:
    from gateway.cli.doctor.probe import Decoded, NoResponse
    from gateway.cli.doctor.probe_client import ProbeClient
    from gateway.cli.doctor.runner import Runner

NAME = re.compile("[A-Za-z0-9_-]+")
"""What an id must look like to be written into the path of a delete."""
ATTEMPTS = 3
"""Deletes sent, at most, before the clean-up is called failed."""
PATIENCE_SECONDS = 30
"""The longest wait between two of them, also when the API asks for more."""


@dataclass(slots=True)
class TestRecord:
    """The client written on, as far as we know of it."""

    email: str
    """Unlike any other: by it the client is found again when the answer with its id is lost."""
    may_exist: bool = False
    id: str | None = None
    version: int | None = None

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/clients/{self.id}"

    def learn(self, record: Decoded) -> None:
        """Take over what an answer tells of it."""
        id = record.get("id")
        if self.id is None and isinstance(id, str) and NAME.fullmatch(id):
            self.id = id
        self.version = integer(record.get("version")) or self.version


async def run_write_checks(desk: Runner) -> None:
    """Ask everything that takes a write. Whatever happens, the client is deleted again."""
    patient = TestRecord(email=f"Doctor-Check-{uuid4().hex[:12]}@example.com")
    try:
        await _treat(desk, patient)
    finally:
        # In a task of its own: of this one an interruption may have been asked.
        await asyncio.create_task(_clean_up(desk, patient))


async def _treat(desk: Runner, patient: TestRecord) -> None:
    await _create(desk, patient)
    if patient.id is None:
        return
    await _update(desk, patient)
    answer = await desk.probe(Probe("delete", "DELETE", patient.path))
    if answer is None:
        return
    desk.report.add(outcomes.deleted(answer))
    if answer.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        return
    patient.may_exist = False
    answer = await desk.probe(Probe("second delete", "DELETE", patient.path, odd=True))
    if answer is not None:
        desk.report.add(outcomes.deleted_again(answer))
    answer = await desk.probe(Probe("read after delete", "GET", patient.path))
    if answer is not None:
        desk.report.add(outcomes.after_delete(answer))


async def _create(desk: Runner, patient: TestRecord) -> None:
    body = {
        "first_name": "Doctor",
        "last_name": "Check",
        "client_type": "buyer",
        "email": patient.email,
        "phone": "(661) 555-0142",
    }
    patient.may_exist = True
    try:
        answer = await desk.probe(Probe("create", "POST", "/clients", body=body))
    except BudgetExhausted:
        patient.may_exist = False
        raise
    if answer is None:
        return
    desk.report.add(outcomes.created(answer))
    if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        patient.may_exist = False
        return
    patient.learn(answer.data)
    desk.report.add(outcomes.stored(answer, body))
    if patient.id is not None:
        await _read_back(desk, patient, "read after create")


async def _read_back(desk: Runner, patient: TestRecord, about: str) -> None:
    answer = await desk.probe(Probe(about, "GET", patient.path))
    if answer is not None:
        desk.report.add(outcomes.read_back(about, answer, patient.version))


async def _update(desk: Runner, patient: TestRecord) -> None:
    first = patient.version
    answer = await _put(desk, patient, "update", {"phone": "+1 661 555 0123"})
    if answer is not None:
        desk.report.add(outcomes.updated(answer, first))
        await _read_back(desk, patient, "read after update")
    if answer is not None and first is not None and patient.version != first:
        outdated = {"phone": "(661) 555-0199", "version": first}
        answer = await _put(desk, patient, "stale version", outdated)
        if answer is not None:
            desk.report.add(outcomes.stale(answer))
    for about, changes, outcome in (
        ("update to null", {"phone": None}, outcomes.cleared),
        ("unknown field", {outcomes.UNDOCUMENTED: "asked"}, outcomes.unknown_field),
        ("unknown status", {"status": "doctor-check"}, outcomes.unknown_status),
    ):
        answer = await _put(desk, patient, about, changes, odd=True)
        if answer is not None:
            desk.report.add(outcome(answer))


async def _put(
    desk: Runner, patient: TestRecord, about: str, changes: Decoded, *, odd: bool = False
) -> ProbeResponse | None:
    """Update under the current version, unless `changes` names another."""
    guard = {} if patient.version is None else {"version": patient.version}
    answer = await desk.probe(Probe(about, "PUT", patient.path, body={**guard, **changes}, odd=odd))
    if answer is not None and answer.status == HTTPStatus.OK:
        patient.learn(answer.data)
    return answer


async def _clean_up(desk: Runner, patient: TestRecord) -> None:
    if not patient.may_exist:
        return
    desk.report.write_line("Cleaning up")
    await desk.line.redial()
    if patient.id is None and await _find(desk.line, patient):
        desk.report.add(ok("clean-up", "nothing was created"))
        return
    if patient.id is not None and await _delete(desk.line, patient):
        patient.may_exist = False
        desk.report.add(ok("clean-up", "the client Doctor Check is deleted again"))
        return
    which = f"id {patient.id}" if patient.id else f"e-mail {patient.email}"
    found = "failed: a client named Doctor Check may be left"
    desk.report.add(fail("clean-up", found, f"delete the one with {which} yourself"))


async def _find(line: ProbeClient, patient: TestRecord) -> bool:
    """Look for it at both ends of the list. True when every row was seen and it was not there."""
    page, seen, total, more = 1, 0, None, True
    for _ in range(2):
        answer = await line.send(
            Probe("clean-up", "GET", "/clients", params={"page": page, "limit": MAX_PAGE})
        )
        if not isinstance(answer, ProbeResponse) or answer.total is None:
            return False
        more = answer.meta.get("hasMore") is not False
        for row in answer.rows:
            if str(row.get("email")).strip().lower() == patient.email.lower():
                patient.learn(row)
                return False
        seen, total = seen + len(answer.rows), answer.total
        page = integer(answer.meta.get("totalPages")) or 1
        if page <= 1:
            break
    return total is not None and seen >= total and not more


async def _delete(line: ProbeClient, patient: TestRecord) -> bool:
    for attempt in range(1, ATTEMPTS + 1):
        heard = await line.send(Probe("clean-up", "DELETE", patient.path))
        if isinstance(heard, ProbeResponse) and heard.status in {
            HTTPStatus.OK,
            HTTPStatus.NO_CONTENT,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.GONE,
        }:
            return True
        if attempt < ATTEMPTS:
            await asyncio.sleep(_pause(heard, attempt))
    return False


def _pause(heard: ProbeResponse | NoResponse, attempt: int) -> int:
    """Seconds to wait: what the API asks for, within our patience; else a little longer each."""
    retry_after = heard.headers.get("retry-after", "") if isinstance(heard, ProbeResponse) else ""
    asked = whole(retry_after)
    return min(attempt if asked is None else asked, PATIENCE_SECONDS)
