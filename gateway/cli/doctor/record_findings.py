"""Findings about records: fields, values and order."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from gateway.cli.doctor.report import Finding, fail, note, ok
from schema.source.records import FIELDS
from schema.types.enums import ClientStatus, ClientType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.cli.doctor.probe import Decoded, ProbeResponse

DOCUMENTED = {
    field: {str(member.value) for member in kind if member is not kind["UNKNOWN"]}
    for field, kind in (("client_type", ClientType), ("status", ClientStatus))
}
MAX_SHOWN = 40
"""Maximum characters of an undocumented value in the report."""
MONEY = ("budget_min", "budget_max", "pre_approval_amount")


def row_fields(row: Decoded, detail: Decoded) -> list[Finding]:
    """Compare the fields of a list row with those of the same client's detail read."""
    listed, detailed = FIELDS & row.keys(), FIELDS & detail.keys()
    found = (
        f"{len(listed)} of the {len(FIELDS)} documented fields; a detail read has {len(detailed)}"
    )
    lacking = sorted(detailed - listed)
    findings = [
        note(
            "list rows",
            f"{found}; rows lack {', '.join(lacking)}",
            "those fields cost a detail read per client",
        )
        if lacking
        else ok("list rows", found, "list rows are full: no detail reads needed")
    ]
    if unseen := sorted(FIELDS - listed - detailed):
        findings.append(
            note("fields", f"never seen: {', '.join(unseen)}", "the graph returns null")
        )
    if new := sorted((row.keys() | detail.keys()) - FIELDS):
        findings.append(note("fields", f"not documented: {', '.join(new)}", "ignored"))
    return findings


def versions(detail: Decoded) -> Finding:
    """Check that a record has the version that guards an update."""
    version = detail.get("version")
    if isinstance(version, int) and not isinstance(version, bool):
        return ok("version", "an integer, in the detail read")
    return note("version", "no integer in the detail read", "updates cannot be guarded")


def enumerations(records: Iterable[Decoded]) -> Finding:
    """Report undocumented values of enumerations."""
    seen = {
        f"{field} {str(record[field])[:MAX_SHOWN]!r}"
        for record in records
        for field, values in DOCUMENTED.items()
        if record.get(field) is not None and str(record[field]) not in values
    }
    if not seen:
        return ok("enumerations", "only documented values seen")
    shown = ", ".join(sorted(seen)[:5])
    return note("enumerations", f"not documented: {shown}", "the graph returns UNKNOWN")


def money(records: Iterable[Decoded]) -> Finding:
    """Report the JSON types of the amounts."""
    amounts = [record.get(field) for record in records for field in MONEY]
    kinds = {_kind(amount) for amount in amounts if amount is not None}
    if not kinds:
        return note("money", "no amount seen")
    found = f"amounts are {' and '.join(sorted(kinds))}"
    known = {"integers", "fractions", "numeric strings"}
    if kinds <= known:
        return ok("money", found, "the graph returns numbers")
    return fail("money", found, "the gateway cannot read such amounts")


def _kind(amount: object) -> str:
    if isinstance(amount, bool | list | dict):
        return "no numbers"
    if isinstance(amount, int):
        return "integers"
    if isinstance(amount, float):
        return "fractions"
    try:
        float(str(amount))
    except ValueError:
        return "text"
    return "numeric strings"


def ordering(records: Sequence[Decoded]) -> Finding:
    """Report the order of `records`, which are in list order."""
    for field in ("created_at", "updated_at"):
        times = [time for record in records if (time := _time(record.get(field)))]
        if len(set(times)) < 2:  # noqa: PLR2004 - one time has no order
            continue
        if all(a <= b for a, b in pairwise(times)):
            meaning = "new clients are last: earlier pages do not change"
            return ok("order", f"by {field}, oldest first (from {len(times)} rows)", meaning)
        if all(a >= b for a, b in pairwise(times)):
            meaning = "a new client shifts every page by one"
            return ok("order", f"by {field}, newest first (from {len(times)} rows)", meaning)
    return note("order", f"unknown (from {len(records)} rows)")


def _time(value: object) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return parsed if parsed and parsed.tzinfo else None


def type_filter(total: int, buyers: ProbeResponse, sellers: int, both: int) -> Finding:
    """Check whether `client_type=buyer` also returns `both`, by rows and by counts."""
    about, count = "filter client_type=buyer", buyers.total or 0
    counts = f"of {total}: buyer {count}, seller {sellers}, both {both}"
    types = {str(row.get("client_type")) for row in buyers.rows}
    if not types <= {"buyer", "both"} or (total > 0 and count == sellers == both == total):
        return fail(about, f"returns others too ({counts})", "filters do not filter")
    if "both" in types:
        return note(about, f"also returns both ({counts})", "filtered lists overlap")
    if not both:
        return note(about, f"unknown: there is no client of type both ({counts})")
    if count + sellers + both == total or len(buyers.rows) == count:
        return ok(about, f"an exact match ({counts})")
    return note(about, f"returned no `both` among its first {len(buyers.rows)} ({counts})")
