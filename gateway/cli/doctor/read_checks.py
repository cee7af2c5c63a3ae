"""The questions that only read: about ten, each chosen to settle one thing."""

from __future__ import annotations

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


async def run_read_checks(desk: Runner) -> None:
    """Ask everything that can be asked without writing. Raises `Abort` when there is no point."""
    first = await _front_door(desk)
    details = await _details(desk, first)
    await _pages(desk, first)
    await _filters(desk, first)
    refusals = await _ids(desk)
    desk.report.add(readings.error_ids([first, *details, *refusals]))
    if cost := readings.spending([first, *details]):
        desk.report.add(cost)


async def _front_door(desk: Runner) -> ProbeResponse:
    answer = await desk.probe(
        Probe("reached", "GET", "/clients", params={"page": 1, "limit": MAX_PAGE})
    )
    if answer is None:
        raise Abort("there is nothing to examine")
    desk.report.add(readings.reached(answer, secure=desk.line.secure))
    for finding in readings.admission(answer):
        desk.report.add(finding)
    desk.report.add(readings.budget(answer))
    if answer.status != HTTPStatus.OK:
        raise Abort("the API does not let us read")
    shape = readings.envelope(answer)
    desk.report.add(shape)
    if shape.mark is Severity.FAIL:
        raise Abort("its lists cannot be read")
    desk.report.add(readings.counts(answer))
    return answer


async def _details(desk: Runner, first: ProbeResponse) -> list[ProbeResponse]:
    rows = first.rows
    if not rows:
        desk.report.add(note("list rows", "there is no client to look at"))
        return []
    answers = [answer for row in _sample(rows) if (answer := await _detail(desk, row))]
    told = [answer.data for answer in answers]
    if told:
        same = next(row for row in rows if row["id"] == told[0]["id"])
        for finding in records.row_fields(same, told[0]):
            desk.report.add(finding)
        desk.report.add(records.versions(told[0]))
    desk.report.add(records.enumerations([*rows, *told]))
    desk.report.add(records.money([*rows, *told]))
    desk.report.add(records.ordering(rows if "created_at" in rows[0] else told))
    return answers


def _sample(rows: tuple[Decoded, ...]) -> list[Decoded]:
    """The first row; where rows keep quiet of their age also the middle and the last."""
    if "created_at" in rows[0]:
        return [rows[0]]
    return [rows[index] for index in sorted({0, len(rows) // 2, len(rows) - 1})]


async def _detail(desk: Runner, row: Decoded) -> ProbeResponse | None:
    path = f"/clients/{quote(str(row['id']), safe='', errors='replace')}"
    answer = await desk.probe(Probe("detail read", "GET", path))
    if answer is None:
        return None
    if answer.status != HTTPStatus.OK or answer.data.get("id") != row["id"]:
        desk.report.add(note("detail read", f"of a client just listed: {answer}"))
        return None
    return answer


async def _pages(desk: Runner, first: ProbeResponse) -> None:
    past = max(1, integer(first.meta.get("totalPages")) or 1) + 1
    params = {"page": past, "limit": MAX_PAGE}
    answer = await desk.probe(
        Probe("page past the end", "GET", "/clients", params=params, odd=True)
    )
    if answer is not None:
        desk.report.add(readings.past_the_end(answer, past))

    asked = MAX_PAGE + 1
    answer = await desk.probe(
        Probe(f"limit {asked}", "GET", "/clients", params={"limit": asked}, odd=True)
    )
    if answer is not None:
        desk.report.add(readings.above_the_limit(answer, asked))


async def _filters(desk: Runner, first: ProbeResponse) -> None:
    answers: list[ProbeResponse] = []
    for kind, limit in (("buyer", MAX_PAGE), ("seller", 1), ("both", 1)):
        about = f"filter client_type={kind}"
        params: dict[str, str | int] = {"client_type": kind, "limit": limit}
        answer = await desk.probe(Probe(about, "GET", "/clients", params=params))
        if answer is None:
            return
        if answer.total is None:
            desk.report.add(fail(about, f"a documented filter is refused: {answer}"))
            return
        answers.append(answer)
    buyers, sellers, both = answers
    finding = records.type_filter(first.total or 0, buyers, sellers.total or 0, both.total or 0)
    desk.report.add(finding)


async def _ids(desk: Runner) -> list[ProbeResponse]:
    unknown = await desk.probe(Probe("unknown id", "GET", f"/clients/{uuid4()}"))
    if unknown is not None:
        desk.report.add(readings.unknown_id(unknown))
    malformed = await desk.probe(
        Probe("id that is no UUID", "GET", "/clients/not-a-uuid", odd=True)
    )
    if malformed is not None:
        desk.report.add(readings.malformed_id(malformed))
    return [answer for answer in (unknown, malformed) if answer is not None]
