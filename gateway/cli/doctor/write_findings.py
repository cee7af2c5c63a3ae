"""Findings about writes: versions, conflicts, null and deletes."""

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
"""A field that does not exist."""
CONFLICTS = {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}
"""Statuses that the gateway treats as a version conflict with any code."""
REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.LOCKED}
"""Statuses that the gateway treats as a version conflict if the error names the version."""


def created(answer: ProbeResponse) -> Finding:
    """Report a create with the documented fields."""
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
    """Check that the API stores values as sent."""
    about = "values"
    normalised = sorted(name for name in sent if answer.data.get(name, sent[name]) != sent[name])
    if not normalised:
        return ok(about, "stored as sent")
    meaning = "a write without a response is searched by normalised values"
    return note(about, f"normalised by the API: {', '.join(normalised)}", meaning)


def read_back(about: str, answer: ProbeResponse, version: int | None) -> Finding:
    """Check that a detail read shows the preceding write, which returned `version`."""
    seen = integer(answer.data.get("version"))
    if answer.status != HTTPStatus.OK or (version is not None and (seen or 0) < version):
        found = f"{answer}, version {seen}; the write returned {version}"
        return note(about, found, "reads lag behind writes: a read may be older than it seems")
    return ok(about, "the write is visible at once")


def updated(answer: ProbeResponse, before: int | None) -> Finding:
    """Report an update with the current version."""
    if answer.status != HTTPStatus.OK:
        return fail("update", f"with the current version refused: {answer}{_details(answer)}")
    carried = f"with {len(FIELDS & answer.data.keys())} of the {len(FIELDS)} fields"
    after = integer(answer.data.get("version"))
    found = f"{answer}, version {before} became {after}, {carried}"
    if before is None or after is None or after <= before:
        return note("update", found, "updates cannot be guarded")
    return ok("update", found)


def stale(answer: ProbeResponse) -> Finding:
    """Report an update with an outdated version, which must be a conflict."""
    about = "stale version"
    if answer.status == HTTPStatus.OK:
        return fail(about, "accepted", "the last write wins: conflicts are not detected")
    named = names_version(answer.code or "", answer.error.get("details"))
    if answer.status in CONFLICTS or (answer.status in REFUSED and named):
        return ok(about, f"{answer}", "the gateway treats it as a version conflict")
    return fail(about, f"{answer}", "the gateway does not treat it as a version conflict")


def cleared(answer: ProbeResponse) -> Finding:
    """Report an update of `phone` to null."""
    about = "update to null"
    if answer.status != HTTPStatus.OK:
        return note(about, f"refused: {answer}", "a field once set cannot be cleared")
    if "phone" not in answer.data:
        return note(about, "200, and the response lacks the field", "null probably clears a field")
    match answer.data["phone"]:
        case None:
            return ok(about, "the field is null", "null clears a field")
        case "":
            return note(about, "the field is an empty text", "null clears a field, to empty text")
        case _:
            return note(about, "200, and nothing changed", "a field once set cannot be cleared")


def unknown_field(answer: ProbeResponse) -> Finding:
    """Report an update with an undocumented field."""
    if answer.status != HTTPStatus.OK:
        return ok("unknown field", f"refused: {answer}{_details(answer)}")
    return note("unknown field", "stored" if UNDOCUMENTED in answer.data else "ignored")


def unknown_status(answer: ProbeResponse) -> Finding:
    """Report an update to an unknown status, and the form of the error's details."""
    if answer.status == HTTPStatus.OK:
        return note("unknown status", "accepted", "any text can be a status")
    return ok("unknown status", f"refused: {answer}{_details(answer)}")


def deleted(answer: ProbeResponse) -> Finding:
    """Report a delete."""
    if answer.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        return ok("delete", f"{answer}")
    return fail("delete", f"refused: {answer}", "the key may write, but not delete")


def deleted_again(answer: ProbeResponse) -> Finding:
    """Report a second delete of the same client."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return ok("second delete", f"{answer}", "a repeated delete differs from a first")
    return note("second delete", f"{answer}", "a repeated delete equals a first")


def after_delete(answer: ProbeResponse) -> Finding:
    """Report a detail read of a deleted client."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return ok("read after delete", f"{answer}", "gone")
    return note("read after delete", f"{answer}", "still readable: the API only marks it deleted")


def _details(answer: ProbeResponse) -> str:
    """Describe the keys of `error.details`, never the values."""
    details = answer.error.get("details")
    if isinstance(details, list):
        keys = {str(key) for item in details if isinstance(item, dict) for key in item}
        return f", details are an array of {{{', '.join(sorted(keys))}}}"
    if isinstance(details, dict):
        return f", details are an object {{{', '.join(sorted(map(str, details)))}}}"
    return ", without details"
