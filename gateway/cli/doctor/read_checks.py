"""The probes that only read: about ten, each for one undocumented behaviour."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

from gateway.cli.doctor import read_findings as readings
from gateway.cli.doctor import record_findings as records
from gateway.cli.doctor.probe import Probe, ProbeResponse, integer
from gateway.cli.doctor.report import Severity, fail, note
from gateway.cli.doctor.runner import Abort
from schema.source.records import MAX_PAGE

if TYPE_CHECKING:
    from gateway.cli.doctor.probe import Decoded
    from gateway.cli.doctor.runner import Runner


async def run_read_checks(runner: Runner) -> None:
    """Send all probes that only read. Raises `Abort` if the API cannot be checked further."""
    first = await _check_list(runner)
    details = await _check_details(runner, first)
    await _check_pages(runner, first)
    await _check_filters(runner, first)
    errors = await _check_ids(runner)
    runner.report.add(readings.error_ids([first, *details, *errors]))
    if cost := readings.spending([first, *details]):
        runner.report.add(cost)


async def _check_list(runner: Runner) -> ProbeResponse:
    report = runner.report
    first = await runner.probe(
        Probe("reached", "GET", "/clients", params={"page": 1, "limit": MAX_PAGE}),
        partial(readings.reached, secure=runner.client.secure),
    )
    if first is None:
        raise Abort("there is nothing to examine")
    for finding in (*readings.admission(first), readings.budget(first)):
        report.add(finding)
    if first.status != HTTPStatus.OK:
        raise Abort("the API does not let us read")
    envelope = readings.envelope(first)
    report.add(envelope)
    if envelope.severity is Severity.FAIL:
        raise Abort("its lists cannot be read")
    report.add(readings.counts(first))
    return first


async def _check_details(runner: Runner, first: ProbeResponse) -> list[ProbeResponse]:
    rows, report = first.rows, runner.report
    if not rows:
        report.add(note("list rows", "there is no client to look at"))
        return []
    responses = [found for row in _sample(rows) if (found := await _read_detail(runner, row))]
    details = [response.data for response in responses]
    if details:
        row = next(row for row in rows if row["id"] == details[0]["id"])
        for finding in (*records.row_fields(row, details[0]), records.versions(details[0])):
            report.add(finding)
    report.add(records.enumerations([*rows, *details]))
    report.add(records.money([*rows, *details]))
    report.add(records.ordering(rows if "created_at" in rows[0] else details))
    return responses


def _sample(rows: tuple[Decoded, ...]) -> list[Decoded]:
    """Return the first row; without `created_at` in rows also the middle and the last row."""
    if "created_at" in rows[0]:
        return [rows[0]]
    return [rows[index] for index in sorted({0, len(rows) // 2, len(rows) - 1})]


async def _read_detail(runner: Runner, row: Decoded) -> ProbeResponse | None:
    path = f"/clients/{quote(str(row['id']), safe='', errors='replace')}"
    response = await runner.probe(Probe("detail read", "GET", path))
    if response is None:
        return None
    if response.status != HTTPStatus.OK or response.data.get("id") != row["id"]:
        runner.report.add(note("detail read", f"of a client just listed: {response}"))
        return None
    return response


async def _check_pages(runner: Runner, first: ProbeResponse) -> None:
    page = max(1, integer(first.meta.get("totalPages")) or 1) + 1
    past = {"page": page, "limit": MAX_PAGE}
    await runner.probe(
        Probe("page past the end", "GET", "/clients", params=past, odd=True),
        partial(readings.past_the_end, page=page),
    )
    limit = MAX_PAGE + 1
    await runner.probe(
        Probe(f"limit {limit}", "GET", "/clients", params={"limit": limit}, odd=True),
        partial(readings.above_the_limit, limit=limit),
    )


async def _check_filters(runner: Runner, first: ProbeResponse) -> None:
    responses: list[ProbeResponse] = []
    for kind, limit in (("buyer", MAX_PAGE), ("seller", 1), ("both", 1)):
        about = f"filter client_type={kind}"
        params: dict[str, str | int] = {"client_type": kind, "limit": limit}
        response = await runner.probe(Probe(about, "GET", "/clients", params=params))
        if response is None:
            return
        if response.total is None:
            runner.report.add(fail(about, f"a documented filter is refused: {response}"))
            return
        responses.append(response)
    buyers, sellers, both = responses
    finding = records.type_filter(first.total or 0, buyers, sellers.total or 0, both.total or 0)
    runner.report.add(finding)


async def _check_ids(runner: Runner) -> list[ProbeResponse]:
    probes = (
        (Probe("unknown id", "GET", f"/clients/{uuid4()}"), readings.unknown_id),
        (
            Probe("id that is no UUID", "GET", "/clients/not-a-uuid", odd=True),
            readings.malformed_id,
        ),
    )
    responses = [await runner.probe(probe, check) for probe, check in probes]
    return [response for response in responses if response is not None]
