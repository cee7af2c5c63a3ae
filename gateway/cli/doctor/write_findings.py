"""What the answers to our own writes say: versions, conflicts, clearing, deleting."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from gateway.api.error_envelope import names_version
from gateway.cli.doctor.probe import integer
from gateway.cli.doctor.report import fail, note, ok
from schema.source.records import FIELDS

if TYPE_CHECKING:
    from gateway.cli.doctor.probe import Decoded, ProbeResponse
    from gateway.cli.doctor.report import Finding

UNDOCUMENTED = "doctor_check"
"""A field no client has."""
CONFLICTS = {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}
"""Reference, version conflict: the statuses the gateway takes for one whatever their code."""
REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.LOCKED}
"""Statuses it takes for one where the error names the version."""


def created(answer: ProbeResponse) -> Finding:
    """A create with the documented fields."""
    if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        if not isinstance(answer.data.get("id"), str):
            return fail("create", f"{answer} without the new client's id")
        carried = f"{len(FIELDS & answer.data.keys())} of the {len(FIELDS)} fields"
        return ok(
            "create", f"{answer}, version {integer(answer.data.get('version'))}, with {carried}"
        )
    if answer.status == HTTPStatus.FORBIDDEN:
        return fail("create", f"{answer}", "the key may not write: give it clients: write")
    return fail("create", f"a documented create is refused: {answer}{_details(answer)}")


def stored(answer: ProbeResponse, sent: Decoded) -> Finding:
    """Whether the API stores values as they are sent."""
    about = "values"
    tidied = sorted(name for name in sent if answer.data.get(name, sent[name]) != sent[name])
    if not tidied:
        return ok(about, "stored as sent")
    meaning = "a lost answer is looked for by what values mean, not by how they are spelt"
    return note(about, f"changed on the way in: {', '.join(tidied)}", meaning)


def read_back(about: str, answer: ProbeResponse, version: int | None) -> Finding:
    """A detail read right after a write that was answered with `version`."""
    seen = integer(answer.data.get("version"))
    if answer.status != HTTPStatus.OK or (version is not None and (seen or 0) < version):
        found = f"{answer}, version {seen} where the write was answered with {version}"
        return note(about, found, "reads lag behind writes: an answer may be older than it seems")
    return ok(about, "the write is seen at once")


def updated(answer: ProbeResponse, before: int | None) -> Finding:
    """An update under the current version."""
    if answer.status != HTTPStatus.OK:
        return fail("update", f"under the current version refused: {answer}{_details(answer)}")
    carried = f"with {len(FIELDS & answer.data.keys())} of the {len(FIELDS)} fields"
    after = integer(answer.data.get("version"))
    found = f"{answer}, version {before} became {after}, {carried}"
    if before is None or after is None or after <= before:
        return note("update", found, "updates cannot be guarded")
    return ok("update", found)


def stale(answer: ProbeResponse) -> Finding:
    """An update under a version that is no longer current: what a conflict looks like."""
    about = "stale version"
    if answer.status == HTTPStatus.OK:
        return fail(about, "accepted", "the last write wins: nobody learns of a conflict")
    named = names_version(answer.code or "", answer.error.get("details"))
    if answer.status in CONFLICTS or (answer.status in REFUSED and named):
        return ok(about, f"{answer}", "the gateway sees it as a version conflict")
    return fail(about, f"{answer}", "the gateway does not see it as a version conflict")


def cleared(answer: ProbeResponse) -> Finding:
    """An update of `phone` to null."""
    about = "update to null"
    if answer.status != HTTPStatus.OK:
        return note(about, f"refused: {answer}", "a field once set cannot be cleared")
    if "phone" not in answer.data:
        return note(about, "200, and the answer no longer has the field", "it seems cleared")
    match answer.data["phone"]:
        case None:
            return ok(about, "the field is null", "null clears a field")
        case "":
            return note(about, "the field is an empty text", "null clears a field, to empty text")
        case _:
            return note(about, "200, and nothing changed", "a field once set cannot be cleared")


def unknown_field(answer: ProbeResponse) -> Finding:
    """An update with a field no client has."""
    if answer.status != HTTPStatus.OK:
        return ok("unknown field", f"refused: {answer}{_details(answer)}")
    return note("unknown field", "stored" if UNDOCUMENTED in answer.data else "ignored")


def unknown_status(answer: ProbeResponse) -> Finding:
    """An update to a status there is not: how the API tells what is wrong with a field."""
    if answer.status == HTTPStatus.OK:
        return note("unknown status", "accepted", "any text can be a status")
    return ok("unknown status", f"refused: {answer}{_details(answer)}")


def deleted(answer: ProbeResponse) -> Finding:
    """A delete."""
    if answer.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        return ok("delete", f"{answer}")
    return fail("delete", f"refused: {answer}", "the key may write and not delete")


def deleted_again(answer: ProbeResponse) -> Finding:
    """A delete of what is deleted."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return ok("second delete", f"{answer}", "a repeated delete is told from a first")
    return note("second delete", f"{answer}", "a repeated delete looks like a first")


def after_delete(answer: ProbeResponse) -> Finding:
    """A detail read of what is deleted."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return ok("read after delete", f"{answer}", "gone")
    return note("read after delete", f"{answer}", "still readable: the API only marks it deleted")


def _details(answer: ProbeResponse) -> str:
    """The shape of `error.details`: its keys, never its values."""
    details = answer.error.get("details")
    if isinstance(details, list):
        keys = {str(key) for item in details if isinstance(item, dict) for key in item}
        return f", details are an array of {{{', '.join(sorted(keys))}}}"
    if isinstance(details, dict):
        return f", details are an object {{{', '.join(sorted(map(str, details)))}}}"
    return ", without details"
