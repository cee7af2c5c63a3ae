"""The checks in order: each sends a probe, and the table of meanings judges the response."""

from http import HTTPStatus
from urllib.parse import quote
from uuid import uuid4

from gateway.cli.doctor import evidence
from gateway.cli.doctor.meanings import INVALID, MEANINGS, ODD, RATE_LIMITED, UNDOCUMENTED, meaning
from gateway.cli.doctor.probe_client import Decoded, Probe, ProbeClient, ProbeResponse
from gateway.cli.doctor.record import TestRecord
from gateway.cli.doctor.report import Report, fail, note
from schema.source.records import MAX_PAGE

MAX_NO_RESPONSES = 2
"""Consecutive requests without a response after which the doctor stops."""


class Abort(Exception):
    """Further probes would be useless or too expensive; the message is the reason."""


class Runner:
    """Sends probes with a client and reports the findings at once."""

    def __init__(self, client: ProbeClient, report: Report, record: TestRecord) -> None:
        self._client = client
        self.report = report
        self.record = record
        self._no_responses = 0

    async def check(self, about: str, probe: Probe) -> ProbeResponse | None:
        """Send a probe, report what its response means, and return a response of the API.

        Raises `Abort` for a 429, and after `MAX_NO_RESPONSES` in a row.
        """
        response = await self._client.send(probe)
        self._no_responses = self._no_responses + 1 if response.missing else 0
        finding = fail(response.missing) if response.missing else meaning(INVALID, response)
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.record.follow(response)
            self.report.add("budget", meaning(RATE_LIMITED, response))
            raise Abort("the budget is spent")
        if finding is not None:
            odd = about in ODD and not response.missing
            self.report.add(about, note(*finding[1:]) if odd else finding)
            if self._no_responses == MAX_NO_RESPONSES:
                raise Abort("the API has stopped answering")
            return None
        self.record.follow(response)
        self.report.add(about, meaning(MEANINGS[about], response))
        return response


async def run_read_checks(runner: Runner) -> None:
    """Send all probes that only read. Raises `Abort` if the API cannot be checked further."""
    check, report = runner.check, runner.report
    first = await check("reached", _list(page=1, limit=MAX_PAGE))
    if first is None:
        raise Abort("there is nothing to examine")
    report.add("budget", evidence.budget(first))
    for about in ("credential", "scopes", "list"):
        report.add(about, meaning(MEANINGS[about], first))
    if first.status != HTTPStatus.OK:
        raise Abort("the API does not let us read")
    envelope = evidence.envelope(first)
    report.add("envelope", envelope)
    if envelope.severity == "FAIL":
        raise Abort("its lists cannot be read")
    report.add(*evidence.counts(first))

    rows = first.rows
    sample = rows[:1]
    if rows and "created_at" not in rows[0]:  # the order is then seen by details
        sample = [rows[index] for index in sorted({0, len(rows) // 2, len(rows) - 1})]
    details = [found for row in sample if (found := await _detail(runner, row))]
    for about, finding in evidence.records(first.rows, [detail.data for detail in details]):
        report.add(about, finding)

    past = max(1, first.meta["totalPages"]) + 1
    await check("page past the end", _list(page=past, limit=MAX_PAGE))
    await check(f"limit {MAX_PAGE + 1}", _list(limit=MAX_PAGE + 1))
    await _check_filters(runner, first.total or 0)
    unknown = await check("unknown id", Probe("GET", f"/clients/{uuid4()}"))
    malformed = await check("id that is no UUID", Probe("GET", "/clients/not-a-uuid"))
    errors = [response for response in (unknown, malformed) if response is not None]
    report.add("error ids", evidence.error_ids([first, *details, *errors]))
    report.add("cost", evidence.spending([first, *details]))


def _list(**params: str | int) -> Probe:
    return Probe("GET", "/clients", params)


async def _detail(runner: Runner, row: Decoded) -> ProbeResponse | None:
    path = f"/clients/{quote(row['id'], safe='', errors='replace')}"
    response = await runner.check("detail read", Probe("GET", path))
    return response if response is not None and response.data.get("id") == row["id"] else None


async def _check_filters(runner: Runner, total: int) -> None:
    filtered: list[ProbeResponse] = []
    for kind, limit in (("buyer", MAX_PAGE), ("seller", 1), ("both", 1)):
        probe = _list(client_type=kind, limit=limit)
        found = await runner.check(f"filter client_type={kind}", probe)
        if found is None or found.total is None:
            return
        filtered.append(found)
    runner.report.add("filter client_type=buyer", evidence.type_filter(total, *filtered))


async def run_write_checks(runner: Runner) -> None:
    """Send all probes that write: create, change and delete the test record."""
    check, record = runner.check, runner.record
    created = await check("create", record.create())
    if created is None or not record.may_exist:
        return
    runner.report.add("values", evidence.stored(created))
    if record.id is None:
        return
    await check("read after create", record.probe("GET"))
    before = record.version
    if await check("update", record.update(phone="+1 661 555 0123")):
        await check("read after update", record.probe("GET"))
        if before is not None and record.version != before:
            await check("stale version", record.update(phone="(661) 555-0199", version=before))
    await check("update to null", record.update(phone=None))
    await check("unknown field", record.update(**{UNDOCUMENTED: "value"}))
    await check("unknown status", record.update(status="doctor-check"))
    deleted = await check("delete", record.probe("DELETE"))
    if deleted is not None and deleted.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        await check("second delete", record.probe("DELETE"))
        await check("read after delete", record.probe("GET"))
