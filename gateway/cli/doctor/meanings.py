"""What single responses mean: the first row of a subject that applies is the finding."""
# ruff: noqa: E501 - one row is one line

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from gateway.api.error_envelope import names_version
from gateway.cli.doctor.probe_client import ProbeResponse
from gateway.cli.doctor.report import Finding, fail, note, ok
from schema.source.records import MAX_PAGE

ANY = range(1000)
REFUSED = range(201, 500)
"""Any status but 200 of a response that the API wrote."""
UNDOCUMENTED = "doctor_check"
"""A field that does not exist."""
ODD = {
    "page past the end",
    f"limit {MAX_PAGE + 1}",
    "id that is no UUID",
    "update to null",
    "unknown field",
    "unknown status",
    "second delete",
}
"""Subjects whose requests the gateway never sends: an invalid response is only a note."""


class Row(NamedTuple):
    """A finding, and the responses that it is for: their statuses and, optionally, a condition.

    `{}` in the finding is the status with the error's code, `{0.NAME}` an attribute of the response.
    """

    statuses: Collection[int]
    finding: Finding
    condition: Callable[[ProbeResponse], object] = lambda _: True


def meaning(rows: Collection[Row], response: ProbeResponse) -> Finding | None:
    """Return the finding of the first row that applies to a response; None if no row does."""
    for statuses, finding, condition in rows:
        if response.status in statuses and condition(response):
            return finding._replace(found=finding.found.format(response))
    return None


def rise(response: ProbeResponse) -> int:
    """Return by how much the version rose with the request; below zero if that is unknown."""
    before, after = response.probe.version, response.version
    return -1 if before is None or after is None else after - before


# fmt: off
INVALID = (
    Row(range(500, 1000), fail("answered {0}, as {0.media_type} instead of JSON"), lambda r: not r.body),
    Row(range(500, 1000), fail("answered {}")),
    Row(range(300, 400), fail("redirected ({})", "redirects are never followed: correct the URL")),
    Row({*ANY} - {204}, fail("answered {0.status} with {0.media_type} instead of JSON", "a proxy answered, or the URL is another site's"), lambda r: not r.body),
    Row(range(400, 500), fail("answered {0.status} in JSON that is not the API's", "a proxy answered: the gateway does not count this as a response of the API"), lambda r: not r.error),
)
"""Responses that the API did not write."""
RATE_LIMITED = (
    Row(ANY, fail("answered {}: the window of this address is exhausted"), lambda r: r.retry_after is None),
    Row(ANY, fail("answered {0}: the window of this address is exhausted; retry in {0.retry_after} s")),
)
FILTER = [Row(ANY, fail("a documented filter is refused: {}"), lambda r: r.total is None)]
READ_BACK = [
    Row({200}, ok("the write is visible at once"), lambda r: rise(r) >= 0 or r.probe.version is None),
    Row(ANY, note("{0}, version {0.version}; the write returned {0.probe.version}", "reads lag behind writes: a read may be older than it seems")),
]
MEANINGS: Mapping[str, Collection[Row]] = {
    "reached": [Row(ANY, ok("answered in {0.milliseconds} ms"))],
    "credential": [
        Row({200, 403}, ok("the key is accepted")),
        Row({401}, fail("the key is refused: {}", "correct GATEWAY_API_KEY: it is wrong, revoked or expired")),
    ],
    "scopes": [
        Row({200}, ok("it may read clients; --write checks whether it may write")),
        Row({403}, fail("it may not read clients: {}", "the key's owner must be admitted first"), lambda r: r.error.get("code") in {"ACCOUNT_NOT_ACTIVE", "ACCOUNT_SUSPENDED"}),
        Row({403}, fail("it may not read clients: {}", "give the key the scope clients: read (and write, to change them)")),
    ],
    "list": [
        Row({404}, fail("there is no /clients there: {}", "correct GATEWAY_UPSTREAM_URL: it ends in /v1")),
        Row({*REFUSED} - {401, 403}, fail("a plain list read is refused: {}")),
    ],
    "detail read": [
        Row(ANY, note("of a client just listed: {}"), lambda r: not r.probe.path.endswith(f"/{r.data.get('id')}")),
    ],
    "page past the end": [
        Row(REFUSED, note("refused: {}", "rows deleted meanwhile can cause this")),
        Row(ANY, ok("200 with no rows", "the end of a list is detected"), lambda r: not r.rows),
        Row(ANY, note("200 with {0.count} rows of page {0.page}, not {0.probe.params[page]}", "rows are repeated; only hasMore and total show the end")),
    ],
    f"limit {MAX_PAGE + 1}": [
        Row(REFUSED, ok("refused: {}", "the gateway never requests more than 100")),
        Row(ANY, ok("lowered to {0.limit}", "the gateway never requests more than 100"), lambda r: r.limit <= MAX_PAGE),
        Row(ANY, note("accepted", "larger pages would cost fewer calls")),
    ],
    "filter client_type=buyer": FILTER, "filter client_type=seller": FILTER, "filter client_type=both": FILTER,
    "unknown id": [
        Row({403}, note("{}", "the graph returns FORBIDDEN instead of null")),
        Row({404}, ok("{}", "the graph returns null")),
        Row(ANY, fail("{}", "the gateway treats only 404 as a missing client")),
    ],
    "id that is no UUID": [Row(ANY, note("{}", "the gateway never sends one"))],
    "create": [
        Row({403}, fail("{}", "the key may not write: give it clients: write")),
        Row(range(202, 500), fail("a documented create is refused: {0}, {0.details}")),
        Row(ANY, fail("{} without the new client's id"), lambda r: not isinstance(r.data.get("id"), str)),
        Row(ANY, ok("{0}, version {0.version}, with {0.fields}")),
    ],
    "read after create": READ_BACK,
    "update": [
        Row(REFUSED, fail("with the current version refused: {0}, {0.details}")),
        Row(ANY, ok("{0}, version {0.probe.version} became {0.version}, with {0.fields}"), lambda r: rise(r) > 0),
        Row(ANY, note("{0}, version {0.probe.version} became {0.version}, with {0.fields}", "updates cannot be guarded")),
    ],
    "read after update": READ_BACK,
    "stale version": [
        Row({200}, fail("accepted", "the last write wins: conflicts are not detected")),
        Row({409, 412}, ok("{}", "the gateway treats it as a version conflict")),
        Row({400, 422, 423}, ok("{}", "the gateway treats it as a version conflict"), lambda r: names_version(str(r.error.get("code")), r.error.get("details"))),
        Row(ANY, fail("{}", "the gateway does not treat it as a version conflict")),
    ],
    "update to null": [
        Row(REFUSED, note("refused: {}", "a field once set cannot be cleared")),
        Row(ANY, note("200, and the response lacks the field", "null probably clears a field"), lambda r: "phone" not in r.data),
        Row(ANY, ok("the field is null", "null clears a field"), lambda r: r.data["phone"] is None),
        Row(ANY, note("the field is an empty text", "null clears a field, to empty text"), lambda r: r.data["phone"] == ""),
        Row(ANY, note("200, and nothing changed", "a field once set cannot be cleared")),
    ],
    "unknown field": [
        Row(REFUSED, ok("refused: {0}, {0.details}")),
        Row(ANY, note("stored"), lambda r: UNDOCUMENTED in r.data),
        Row(ANY, note("ignored")),
    ],
    "unknown status": [
        Row(REFUSED, ok("refused: {0}, {0.details}")),
        Row(ANY, note("accepted", "any text can be a status")),
    ],
    "delete": [
        Row({200, 204}, ok("{}")),
        Row(ANY, fail("refused: {}", "the key may write, but not delete")),
    ],
    "second delete": [
        Row({404}, ok("{}", "a repeated delete differs from a first")),
        Row(ANY, note("{}", "a repeated delete equals a first")),
    ],
    "read after delete": [
        Row({404}, ok("{}", "gone")),
        Row(ANY, note("{}", "still readable: the API only marks it deleted")),
    ],
}
"""The meaning of a response that the API wrote, by the subject of its check."""
# fmt: on
