"""What parts of responses, and several responses together, show of the API."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from gateway.cli.doctor.probe_client import Decoded, ProbeResponse
from gateway.cli.doctor.report import Finding, fail, note, ok
from gateway.transport.rate_limit_headers import parse_rate_limit
from schema.source.records import FIELDS, MAX_PAGE
from schema.types.enums import ClientStatus, ClientType

META = {"page": int, "limit": int, "total": int, "totalPages": int, "hasMore": bool}
"""API page, List all clients: `data.meta`."""
BUDGET = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
OTHER_BUDGETS = ("RateLimit", "RateLimit-Policy", "X-RateLimit-Remaining")
"""Drafts 7 to 11 of the RateLimit fields, and their older names."""
ERROR_IDS = ("errorId", "correlationId")
DOCUMENTED = {
    field: {str(member.value) for member in kind if member is not kind["UNKNOWN"]}
    for field, kind in (("client_type", ClientType), ("status", ClientStatus))
}
ORDERS = {
    "oldest first": "new clients are last: earlier pages do not change",
    "newest first": "a new client shifts every page by one",
}
MAX_SHOWN = 40
"""Maximum characters of an undocumented value in the report."""
MONEY = ("budget_min", "budget_max", "pre_approval_amount")
NUMERIC = re.compile(r"-?\d+(\.\d+)?")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{8,}Z")
"""Form of a time; texts of this form sort by time."""


def envelope(response: ProbeResponse) -> Finding:
    """Check the documented envelope of a list, which all other checks need."""
    wrong = [] if response.body.get("success") is True else ["`success` is not true"]
    listed = response.data.get("clients")
    if not isinstance(listed, list):
        wrong.append("`data.clients` is no array")
    elif sum(isinstance(row.get("id"), str) for row in response.rows) != len(listed):
        wrong.append("a row is no object with an `id`")
    wrong += [
        f"`data.meta.{key}` is {'missing' if key not in response.meta else 'of another type'}"
        for key, kind in META.items()
        if type(response.meta.get(key)) is not kind
    ]
    if wrong:
        return fail("; ".join(wrong), "the gateway cannot read such lists")
    return ok(f"as documented; {len(response.rows)} of {response.total} clients in the first page")


def counts(response: ProbeResponse) -> tuple[str, Finding]:
    """Check that the first page has the requested rows and consistent counts."""
    rows, limit, total = len(response.rows), response.meta["limit"], response.meta["total"]
    more = response.meta["hasMore"]
    if rows < MAX_PAGE and (more or limit != MAX_PAGE):
        found = f"{MAX_PAGE} rows requested, {rows} came, meta.limit {limit}"
        return "page size", note(found, "pages are capped: long lists cost more calls")
    if more != (rows < total):
        found = f"{rows} rows of meta.total {total}, and meta.hasMore {str(more).lower()}"
        meaning = "one of them is wrong: totals are unreliable; the gateway reads pages by both"
        return "counts", fail(found, meaning)
    return "counts", ok(f"meta.total {total} and meta.hasMore agree")


def budget(response: ProbeResponse) -> Finding:
    """Check that the rate limit headers exist and that the gateway can read them."""
    missing = [name for name in BUDGET if not response.headers.get(name.lower())]
    others = [name for name in OTHER_BUDGETS if response.headers.get(name.lower())]
    if missing and others:
        return note(f"in {', '.join(others)}", "not as documented, but supported")
    if missing:
        meaning = "the gateway counts its own calls, but not those of others on this address"
        return note(f"{', '.join(missing)} not sent", meaning)
    limit, left, reset = (response.headers.get(name.lower()) for name in BUDGET)
    found, status = f"{left} of {limit} left, reset {reset}", parse_rate_limit(response.headers)
    if status.limit is None or status.remaining is None:
        return fail(f"{found}: a header is no integer in its bounds")
    if status.reset is None:
        return note(found, "the end of the window is unknown: the gateway retries soon")
    return ok(f"{found}: {status.reset:g} s ahead")


def spending(responses: Sequence[ProbeResponse]) -> Finding | None:
    """Report the calls of one request by the fall of the remaining budget; None if unknown."""
    left = [parse_rate_limit(each.headers).remaining for each in responses]
    falls = [a - b for a, b in pairwise(left) if a is not None and b is not None and b <= a]
    if not falls:
        return None
    if (fall := max(falls)) > 1:
        found = f"the budget fell by up to {fall} between two requests"
        return note(found, "others are calling from this address")
    if not fall:
        return note("the remaining budget does not fall with our calls")
    return ok("each request costs one call")


def error_ids(responses: Iterable[ProbeResponse]) -> Finding:
    """Report where responses have an id for the API's support."""
    places: set[str] = set()
    for response in responses:
        places |= {key for key in ERROR_IDS if key in response.body}
        places |= {f"error.{key}" for key in ERROR_IDS if key in response.error}
        places |= {
            f"header {name.decode()}"
            for name, _ in response.headers.fields
            if b"request-id" in name or b"correlation" in name
        }
    if not places:
        return note("none seen", "the API's support cannot identify a failure")
    return ok(f"in {', '.join(sorted(places))}")


def records(rows: Sequence[Decoded], details: Sequence[Decoded]) -> Iterator[tuple[str, Finding]]:
    """Yield what list rows, and the detail reads of some of them, show about records."""
    if not rows:
        yield "list rows", note("there is no client to look at")
        return
    for detail in details[:1]:
        yield from row_fields(next(row for row in rows if row["id"] == detail["id"]), detail)
    yield "enumerations", enumerations([*rows, *details])
    yield "money", money([*rows, *details])
    yield "order", ordering(rows if "created_at" in rows[0] else details)


def row_fields(row: Decoded, detail: Decoded) -> Iterator[tuple[str, Finding]]:
    """Compare the fields of a list row with those of the same client's detail read."""
    listed, detailed = FIELDS & row.keys(), FIELDS & detail.keys()
    count = f"{len(listed)} of the {len(FIELDS)} documented fields"
    found = f"{count}; a detail read has {len(detailed)}"
    if lacking := sorted(detailed - listed):
        found = f"{found}; rows lack {', '.join(lacking)}"
        yield "list rows", note(found, "those fields cost a detail read per client")
    else:
        yield "list rows", ok(found, "list rows are full: no detail reads needed")
    if unseen := sorted(FIELDS - listed - detailed):
        yield "fields", note(f"never seen: {', '.join(unseen)}", "the graph returns null")
    if new := sorted((row.keys() | detail.keys()) - FIELDS):
        yield "fields", note(f"not documented: {', '.join(new)}", "ignored")
    if type(detail.get("version")) is int:
        yield "version", ok("an integer, in the detail read")
    else:
        yield "version", note("no integer in the detail read", "updates cannot be guarded")


def enumerations(records: Iterable[Decoded]) -> Finding:
    """Report undocumented values of enumerations."""
    seen = {
        f"{field} {str(record[field])[:MAX_SHOWN]!r}"
        for record in records
        for field, values in DOCUMENTED.items()
        if record.get(field) is not None and str(record[field]) not in values
    }
    if not seen:
        return ok("only documented values seen")
    shown = ", ".join(sorted(seen)[:5])
    return note(f"not documented: {shown}", "the graph returns UNKNOWN")


def money(records: Iterable[Decoded]) -> Finding:
    """Report the JSON types of the amounts."""
    amounts = [record.get(field) for record in records for field in MONEY]
    kinds = {_kind(amount) for amount in amounts if amount is not None}
    found = f"amounts are {' and '.join(sorted(kinds))}"
    if not kinds:
        return note("no amount seen")
    if kinds & {"text", "no numbers"}:
        return fail(found, "the gateway cannot read such amounts")
    return ok(found, "the graph returns numbers")


def _kind(amount: object) -> str:
    if isinstance(amount, str) and NUMERIC.fullmatch(amount):
        return "numeric strings"
    return {int: "integers", float: "fractions", str: "text"}.get(type(amount), "no numbers")


def ordering(records: Sequence[Decoded]) -> Finding:
    """Report the order of `records`, which are in list order."""
    for field in ("created_at", "updated_at"):
        times = [time for record in records if INSTANT.fullmatch(time := str(record.get(field)))]
        for order, meaning in ORDERS.items():
            newest_first = order == "newest first"
            if len(set(times)) > 1 and times == sorted(times, reverse=newest_first):
                return ok(f"by {field}, {order} (from {len(times)} rows)", meaning)
    return note(f"unknown (from {len(records)} rows)")


def type_filter(
    total: int, buyers: ProbeResponse, sellers: ProbeResponse, both: ProbeResponse
) -> Finding:
    """Check whether `client_type=buyer` also returns `both`, by rows and by counts."""
    totals = [response.total or 0 for response in (buyers, sellers, both)]
    types = {str(row.get("client_type")) for row in buyers.rows}
    counts = "(of {}: buyer {}, seller {}, both {})".format(total, *totals)
    if not types <= {"buyer", "both"} or (total > 0 and set(totals) == {total}):
        return fail(f"returns others too {counts}", "filters do not filter")
    if "both" in types:
        return note(f"also returns both {counts}", "filtered lists overlap")
    if not both.total:
        return note(f"unknown: there is no client of type both {counts}")
    if sum(totals) == total or len(buyers.rows) == buyers.total:
        return ok(f"an exact match {counts}")
    return note(f"returned no `both` among its first {len(buyers.rows)} {counts}")


def stored(response: ProbeResponse) -> Finding:
    """Check that the API stores the values of a create as they were sent."""
    sent, data = response.probe.body or {}, response.data
    normalised = sorted(name for name in sent if data.get(name, sent[name]) != sent[name])
    if not normalised:
        return ok("stored as sent")
    meaning = "a write without a response is searched by normalised values"
    return note(f"normalised by the API: {', '.join(normalised)}", meaning)
