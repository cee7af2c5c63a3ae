"""What an answer says about the API itself: the door, the key, the envelope, the budget."""

from __future__ import annotations

from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING

from gateway.cli.doctor.probe import integer, whole
from gateway.cli.doctor.report import fail, note, ok
from schema.source.records import MAX_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.cli.doctor.probe import ProbeResponse
    from gateway.cli.doctor.report import Finding

DAY_SECONDS = 24 * 60 * 60
"""No window is as long (reference, rate limits: fifteen minutes): more is a moment, no delta."""
META = {"page": int, "limit": int, "total": int, "totalPages": int, "hasMore": bool}
"""API page, List all clients: `data.meta`."""
BUDGET = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
OTHER_BUDGETS = ("RateLimit", "RateLimit-Policy", "X-RateLimit-Remaining")
"""Drafts 7 to 11 of the RateLimit fields, and their older names."""


def trouble(about: str, answer: ProbeResponse, *, odd: bool) -> Finding | None:
    """What is wrong with an answer whatever was asked; of an `odd` question, only a note."""
    mark = note if odd else fail
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        body = "" if answer.body is not None else f", as {answer.media_type} instead of JSON"
        return mark(about, f"answered {answer}{body}")
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return mark(
            about, f"redirected ({answer.status})", "redirects are never followed: mend the URL"
        )
    if answer.body is None and answer.status != HTTPStatus.NO_CONTENT:
        return mark(
            about,
            f"answered {answer.status} with {answer.media_type} instead of JSON",
            "something stands before the API, or the URL is another site's",
        )
    if answer.status >= HTTPStatus.BAD_REQUEST and not answer.error:
        return mark(
            about,
            f"answered {answer.status} in JSON that is not the API's",
            "something stands before the API: the gateway takes such answers for no answer",
        )
    return None


def spent(answer: ProbeResponse) -> Finding:
    """A 429."""
    wait = whole(answer.headers.get("retry-after") or answer.headers.get("ratelimit-reset") or "")
    when = "" if wait is None else f"; ask again in {wait} s"
    return fail("budget", f"answered {answer}: the window of this address is spent{when}")


def reached(answer: ProbeResponse, *, secure: bool) -> Finding:
    """The door is open."""
    how = f"over {answer.tls or 'TLS'}" if secure else "without TLS"
    return ok("reached", f"answered in {answer.seconds * 1000:.0f} ms {how}")


def admission(answer: ProbeResponse) -> list[Finding]:
    """What the first answer's status says of the key, and whether there is anything to read."""
    match answer.status:
        case HTTPStatus.OK:
            return [
                ok("credential", "the key is accepted"),
                ok("scopes", "it may read clients; only --write tells whether it may write"),
            ]
        case HTTPStatus.UNAUTHORIZED:
            mend = "mend GATEWAY_API_KEY: it is wrong, revoked or expired"
            return [fail("credential", f"the key is refused: {answer}", mend)]
        case HTTPStatus.FORBIDDEN:
            return [
                ok("credential", "the key is accepted"),
                fail("scopes", f"it may not read clients: {answer}", _forbidden(answer)),
            ]
        case HTTPStatus.NOT_FOUND:
            mend = "mend GATEWAY_UPSTREAM_URL: it ends in /v1"
            return [fail("list", f"there is no /clients there: {answer}", mend)]
        case _:
            return [fail("list", f"a plain list read is refused: {answer}")]


def _forbidden(answer: ProbeResponse) -> str:
    if answer.code in {"ACCOUNT_NOT_ACTIVE", "ACCOUNT_SUSPENDED"}:
        return "the key's owner must be let in first"
    return "give the key the scope clients: read (and write, to change them)"


def envelope(answer: ProbeResponse) -> Finding:
    """Whether a list is wrapped as documented; without that nothing else can be read."""
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
    """Whether the first page is as long as requested, and its counts agree with each other."""
    rows, limit, total = len(answer.rows), integer(answer.meta.get("limit")), answer.total or 0
    more = answer.meta.get("hasMore") is True
    if rows < MAX_PAGE and (more or limit != MAX_PAGE):
        found = f"{MAX_PAGE} rows requested, {rows} came, meta.limit {limit}"
        return note("page size", found, "pages are capped: long lists cost more calls")
    if more != (rows < total):
        found = f"{rows} rows of meta.total {total}, and meta.hasMore {str(more).lower()}"
        meaning = "one of them is wrong: totals cannot be relied on, the gateway reads on by both"
        return fail("counts", found, meaning)
    return ok("counts", f"meta.total {total} and meta.hasMore agree")


def budget(answer: ProbeResponse) -> Finding:
    """Whether the budget headers are there, and whether the reset is a delta."""
    missing = [name for name in BUDGET if name not in answer.headers]
    others = [name for name in OTHER_BUDGETS if name in answer.headers]
    if missing and others:
        return note("budget", f"in {', '.join(others)}", "not as documented, and understood")
    if missing:
        return note(
            "budget",
            f"{', '.join(missing)} not sent",
            "the gateway counts its own calls, but cannot see those of others on this address",
        )
    told = [answer.headers[name] for name in BUDGET]
    limit, remaining, reset = map(whole, told)
    if limit is None or remaining is None or reset is None:
        return fail("budget", f"headers that are no whole numbers: {', '.join(told)}")
    found = f"{remaining} of {limit} left, reset {reset}"
    if reset > DAY_SECONDS:
        return fail(
            "budget",
            f"{found}: no count of seconds within a window",
            "taken for seconds, the gateway would wait far too long",
        )
    if reset == 0:
        return note(
            "budget", found, "when the window ends is unknown: the gateway looks again soon"
        )
    return ok("budget", f"{found} s ahead (a delta)")


def spending(answers: list[ProbeResponse]) -> Finding | None:
    """What one question costs, by how the budget fell from answer to answer."""
    left = [_remaining(answer) for answer in answers]
    falls = [
        before - after
        for before, after in pairwise(left)
        if before is not None and after is not None and after <= before
    ]
    if not falls:
        return None
    if max(falls) == 0:
        return note("cost", "the remaining budget does not fall as we ask")
    if max(falls) == 1:
        return ok("cost", "each question costs one call")
    return note(
        "cost",
        f"the budget fell by up to {max(falls)} between two questions",
        "others are calling from this address",
    )


def _remaining(answer: ProbeResponse) -> int | None:
    return whole(answer.headers.get("ratelimit-remaining", ""))


def error_ids(answers: Iterable[ProbeResponse]) -> Finding:
    """Where the API puts what its support would ask for."""
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
        return note("error ids", "none seen", "a failure cannot be named to the API's support")
    return ok("error ids", f"in {', '.join(sorted(places))}")


def past_the_end(answer: ProbeResponse, page: int) -> Finding:
    """A page past the end: reference, pagination, is silent."""
    if answer.status != HTTPStatus.OK:
        return note(
            "page past the end", f"refused: {answer}", "rows deleted meanwhile can cause this"
        )
    if not answer.rows:
        return ok("page past the end", "200 with no rows", "an end is seen as an end")
    return note(
        "page past the end",
        f"200 with {len(answer.rows)} rows of page {integer(answer.meta.get('page'))}, not {page}",
        "rows come twice; only hasMore and total tell the end",
    )


def above_the_limit(answer: ProbeResponse, asked: int) -> Finding:
    """A limit above the documented maximum."""
    about = f"limit {asked}"
    if answer.status != HTTPStatus.OK:
        return ok(about, f"refused: {answer}", "the gateway never asks for more than 100")
    given = integer(answer.meta.get("limit"))
    if given is not None and given < asked:
        return ok(about, f"lowered to {given}", "the gateway never asks for more than 100")
    if len(answer.rows) == asked or given == asked:
        return note(about, "honoured", "larger pages would cost fewer calls")
    return note(about, f"200 with {len(answer.rows)} rows and limit {given}")


def unknown_id(answer: ProbeResponse) -> Finding:
    """A well-formed id nobody has."""
    if answer.status == HTTPStatus.NOT_FOUND:
        return ok("unknown id", str(answer), "the graph says null")
    if answer.status == HTTPStatus.FORBIDDEN:
        return note("unknown id", str(answer), "the graph says FORBIDDEN instead of null")
    return fail("unknown id", str(answer), "the gateway takes only 404 for a missing client")


def malformed_id(answer: ProbeResponse) -> Finding:
    """An id that is no UUID; the gateway refuses those itself."""
    return note("id that is no UUID", str(answer), "the gateway never asks for one")
