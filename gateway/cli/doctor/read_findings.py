"""Findings about the API itself: connection, credential, envelope, rate limit."""

from __future__ import annotations

from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING

from gateway.cli.doctor.probe import integer, parse_integer
from gateway.cli.doctor.report import fail, note, ok
from schema.source.records import MAX_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.cli.doctor.probe import ProbeResponse
    from gateway.cli.doctor.report import Finding

DAY_SECONDS = 24 * 60 * 60
"""Longer than any window (API page, Rate limits: 15 minutes). A larger reset is an instant."""
META = {"page": int, "limit": int, "total": int, "totalPages": int, "hasMore": bool}
"""API page, List all clients: `data.meta`."""
BUDGET = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
OTHER_BUDGETS = ("RateLimit", "RateLimit-Policy", "X-RateLimit-Remaining")
"""Drafts 7 to 11 of the RateLimit fields, and their older names."""


def invalid_response(about: str, answer: ProbeResponse, *, odd: bool) -> Finding | None:
    """Return why a response to any probe is invalid, as a note if `odd`; None if it is valid."""
    finding = note if odd else fail
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        body = "" if answer.body is not None else f", as {answer.media_type} instead of JSON"
        return finding(about, f"answered {answer}{body}")
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return finding(
            about, f"redirected ({answer.status})", "redirects are never followed: correct the URL"
        )
    if answer.body is None and answer.status != HTTPStatus.NO_CONTENT:
        return finding(
            about,
            f"answered {answer.status} with {answer.media_type} instead of JSON",
            "a proxy answered, or the URL is another site's",
        )
    if answer.status >= HTTPStatus.BAD_REQUEST and not answer.error:
        return finding(
            about,
            f"answered {answer.status} in JSON that is not the API's",
            "a proxy answered: the gateway does not count this as a response of the API",
        )
    return None


def rate_limited(answer: ProbeResponse) -> Finding:
    """Report a 429."""
    wait = parse_integer(
        answer.headers.get("retry-after") or answer.headers.get("ratelimit-reset") or ""
    )
    when = "" if wait is None else f"; retry in {wait} s"
    return fail("budget", f"answered {answer}: the window of this address is exhausted{when}")


def reached(answer: ProbeResponse, *, secure: bool) -> Finding:
    """Report that the API answers, the time in milliseconds and TLS."""
    how = f"over {answer.tls or 'TLS'}" if secure else "without TLS"
    return ok("reached", f"answered in {answer.seconds * 1000:.0f} ms {how}")


def admission(answer: ProbeResponse) -> list[Finding]:
    """Report by the first status whether the key is accepted and may read clients."""
    match answer.status:
        case HTTPStatus.OK:
            return [
                ok("credential", "the key is accepted"),
                ok("scopes", "it may read clients; --write checks whether it may write"),
            ]
        case HTTPStatus.UNAUTHORIZED:
            hint = "correct GATEWAY_API_KEY: it is wrong, revoked or expired"
            return [fail("credential", f"the key is refused: {answer}", hint)]
        case HTTPStatus.FORBIDDEN:
            return [
                ok("credential", "the key is accepted"),
                fail("scopes", f"it may not read clients: {answer}", _forbidden(answer)),
            ]
        case HTTPStatus.NOT_FOUND:
            hint = "correct GATEWAY_UPSTREAM_URL: it ends in /v1"
            return [fail("list", f"there is no /clients there: {answer}", hint)]
        case _:
            return [fail("list", f"a plain list read is refused: {answer}")]


def _forbidden(answer: ProbeResponse) -> str:
    if answer.code in {"ACCOUNT_NOT_ACTIVE", "ACCOUNT_SUSPENDED"}:
        return "the key's owner must be admitted first"
    return "give the key the scope clients: read (and write, to change them)"


def envelope(answer: ProbeResponse) -> Finding:
    """Check the documented envelope of a list, which all other checks need."""
    wrong = []
    if answer.decoded.get("success") is not True:
        wrong.append("`success` is not true")
    listed = answer.data.get("clients")
    if not isinstance(listed, list):
        wrong.append("`data.clients` is no array")
    elif len(answer.rows) != len(listed) or any(
        not isinstance(row.get("id"), str) for row in answer.rows
    ):
        wrong.append("a row is no object with an `id`")
    wrong += [
        f"`data.meta.{key}` is {'missing' if key not in answer.meta else 'of another type'}"
        for key, kind in META.items()
        if type(answer.meta.get(key)) is not kind
    ]
    if wrong:
        return fail("envelope", "; ".join(wrong), "the gateway cannot read such lists")
    count = f"{len(answer.rows)} of {answer.total} clients"
    return ok("envelope", f"as documented; {count} in the first page")


def counts(answer: ProbeResponse) -> Finding:
    """Check that the first page has the requested rows and consistent counts."""
    rows, limit, total = len(answer.rows), integer(answer.meta.get("limit")), answer.total or 0
    more = answer.meta.get("hasMore") is True
    if rows < MAX_PAGE and (more or limit != MAX_PAGE):
        found = f"{MAX_PAGE} rows requested, {rows} came, meta.limit {limit}"
        return note("page size", found, "pages are capped: long lists cost more calls")
    if more != (rows < total):
        found = f"{rows} rows of meta.total {total}, and meta.hasMore {str(more).lower()}"
        meaning = "one of them is wrong: totals are unreliable; the gateway reads pages by both"
        return fail("counts", found, meaning)
    return ok("counts", f"meta.total {total} and meta.hasMore agree")


def budget(answer: ProbeResponse) -> Finding:
    """Check that the rate limit headers exist and that the reset is in seconds from now."""
    missing = [name for name in BUDGET if name not in answer.headers]
    others = [name for name in OTHER_BUDGETS if name in answer.headers]
    if missing and others:
        return note("budget", f"in {', '.join(others)}", "not as documented, but supported")
    if missing:
        return note(
            "budget",
            f"{', '.join(missing)} not sent",
            "the gateway counts its own calls, but cannot see those of others on this address",
        )
    values = [answer.headers[name] for name in BUDGET]
    limit, remaining, reset = map(parse_integer, values)
    if limit is None or remaining is None or reset is None:
        return fail("budget", f"headers that are no parse_integer numbers: {', '.join(values)}")
    found = f"{remaining} of {limit} left, reset {reset}"
    if reset > DAY_SECONDS:
        return fail(
            "budget",
            f"{found}: not seconds within a window",
            "as seconds this would delay the gateway far too long",
        )
    if reset == 0:
        return note("budget", found, "the end of the window is unknown: the gateway retries soon")
    return ok("budget", f"{found} s ahead (a delta)")


def spending(answers: list[ProbeResponse]) -> Finding | None:
    """Report the calls of one request by the fall of the remaining budget; None if unknown."""
    left = [_remaining(answer) for answer in answers]
    falls = [
        before - after
        for before, after in pairwise(left)
        if before is not None and after is not None and after <= before
    ]
    if not falls:
        return None
    if max(falls) == 0:
        return note("cost", "the remaining budget does not fall with our calls")
    if max(falls) == 1:
        return ok("cost", "each request costs one call")
    return note(
        "cost",
        f"the budget fell by up to {max(falls)} between two requests",
        "others are calling from this address",
    )


def _remaining(answer: ProbeResponse) -> int | None:
    return parse_integer(answer.headers.get("ratelimit-remaining", ""))


def error_ids(answers: Iterable[ProbeResponse]) -> Finding:
    """Report where responses have an id for the API's support."""
    places: set[str] = set()
    for answer in answers:
        for key in ("errorId", "correlationId"):
            places |= {key} if key in answer.decoded else set()
            places |= {f"error.{key}"} if key in answer.error else set()
        places |= {
            f"header {name.lower()}"
            for name in answer.headers
            if "request-id" in name.lower() or "correlation" in name.lower()
        }
    if not places:
        return note("error ids", "none seen", "the API's support cannot identify a failure")
    return ok("error ids", f"in {', '.join(sorted(places))}")


def past_the_end(answer: ProbeResponse, page: int) -> Finding:
    """Report the response to a page past the end, which the API page does not specify."""
    if answer.status != HTTPStatus.OK:
        return note(
            "page past the end", f"refused: {answer}", "rows deleted meanwhile can cause this"
        )
    if not answer.rows:
        return ok("page past the end", "200 with no rows", "the end of a list is detected")
    return note(
        "page past the end",
        f"200 with {len(answer.rows)} rows of page {integer(answer.meta.get('page'))}, not {page}",
        "rows are repeated; only hasMore and total show the end",
    )


def above_the_limit(answer: ProbeResponse, limit: int) -> Finding:
    """Report the response to a `limit` above the documented maximum."""
    about = f"limit {limit}"
    if answer.status != HTTPStatus.OK:
        return ok(about, f"refused: {answer}", "the gateway never requests more than 100")
    given = integer(answer.meta.get("limit"))
    if given is not None and given < limit:
        return ok(about, f"lowered to {given}", "the gateway never requests more than 100")
    if len(answer.rows) == limit or given == limit:
        return note(about, "accepted", "larger pages would cost fewer calls")
    return note(about, f"200 with {len(answer.rows)} rows and limit {given}")


def unknown_id(answer: ProbeResponse) -> Finding:
    """Report the response to a UUID without a client."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return ok("unknown id", str(answer), "the graph returns null")
    if answer.status == HTTPStatus.FORBIDDEN:
        return note("unknown id", str(answer), "the graph returns FORBIDDEN instead of null")
    return fail("unknown id", str(answer), "the gateway treats only 404 as a missing client")


def malformed_id(answer: ProbeResponse) -> Finding:
    """Report the response to an id that is not a UUID; the gateway never sends one."""
    return note("id that is no UUID", str(answer), "the gateway never sends one")
