"""The doctor before a whole API: what it reports, what it asks, and what it leaves behind."""

import asyncio
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from io import StringIO
from typing import Any, Literal

import httpx2
import pytest

from gateway.cli.doctor import run_checks
from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.faults import ConnectionDropped
from gateway.sandbox.users import DEMO, EDSGER, GRACE, READER, WITHOUT_SCOPES
from gateway.transport.httpx_transport import HTTPXTransport

URL = "http://api.test/v1"
Interference = Callable[[httpx2.Request], httpx2.Response | None]
Aftermath = Callable[[httpx2.Request], None]


class Meddling(httpx2.AsyncBaseTransport):
    """The way to the sandbox, with somebody in it who answers instead, or loses the answer."""

    def __init__(self, sandbox: Sandbox, before: Interference, after: Aftermath) -> None:
        self._way = httpx2.ASGITransport(app=sandbox)
        self._before = before
        self._after = after

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            answer = self._before(request) or await self._way.handle_async_request(request)
        except ConnectionDropped as dropped:
            raise httpx2.ReadError("dropped") from dropped
        self._after(request)
        await asyncio.sleep(0)  # where an interruption is felt
        return answer


def undisturbed(_: httpx2.Request) -> None:
    return None


async def report(
    sandbox: Sandbox,
    *,
    key: str = DEMO.api_key,
    write: bool = False,
    before: Interference = undisturbed,
    after: Aftermath = undisturbed,
) -> tuple[int, list[str]]:
    """The exit status and the lines of the report."""
    out = StringIO()
    transport = HTTPXTransport(Meddling(sandbox, before, after))
    status = await run_checks(URL, key, transport, write=write, out=out)
    assert key not in out.getvalue()
    return status, out.getvalue().splitlines()


def about(lines: list[str], subject: str) -> list[str]:
    return [line for line in lines if line[6:].startswith(f"{subject}:")]


def rows(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The demo caller's clients as they are now."""
    return [deepcopy(dict(row)) for row in sandbox.rows_of(DEMO)]


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


async def test_a_healthy_api_is_examined_by_ten_reads_and_needs_no_mending(
    sandbox: Sandbox,
) -> None:
    status, lines = await report(sandbox)

    assert status == 0
    assert [line for line in lines if line.startswith("FAIL")] == []
    assert len(sandbox.calls) <= 11
    assert lines[-1] == f"{len(sandbox.calls)} requests sent; nothing to correct."
    assert about(lines, "credential") == ["ok    credential: the key is accepted"]
    assert about(lines, "envelope") == [
        "ok    envelope: as documented; 42 of 42 clients in the first page"
    ]
    assert about(lines, "cost") == ["ok    cost: each request costs one call"]


async def test_nothing_is_written_without_the_flag(sandbox: Sandbox) -> None:
    before = rows(sandbox)

    await report(sandbox)

    assert {call.split()[0] for call in sandbox.calls} == {"GET"}
    assert rows(sandbox) == before


async def test_full_rows_need_no_detail_reads(sandbox: Sandbox) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="full")

    _, lines = await report(sandbox)

    assert about(lines, "list rows") == [
        (
            "ok    list rows: 20 of the 20 documented fields; a detail read has 20"
            " -> list rows are full: no detail reads needed"
        )
    ]


async def test_trimmed_rows_are_reported_field_by_field_and_cost_two_reads_more(
    sandbox: Sandbox,
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="full")
    await report(sandbox)
    full = len(sandbox.calls)
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed")

    _, lines = await report(sandbox)

    assert about(lines, "list rows") == [
        (
            "note  list rows: 10 of the 20 documented fields; a detail read has 20;"
            " rows lack created_at, notes, pre_approval_amount, pre_approved, preferred_locations,"
            " property_preferences, tags, updated_at, user_id, version"
            " -> those fields cost a detail read per client"
        )
    ]
    assert len(sandbox.calls) - full == full + 2


@pytest.mark.parametrize("conflict", [409, 412, 400])
async def test_each_way_to_refuse_a_stale_version_is_seen_as_a_conflict(
    sandbox: Sandbox, conflict: int
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, conflict_status=conflict)

    status, lines = await report(sandbox, write=True)

    (line,) = about(lines, "stale version")
    assert status == 0
    assert line.startswith(f"ok    stale version: {conflict} ")
    assert line.endswith(" -> the gateway treats it as a version conflict")


async def test_writing_leaves_the_rows_as_they_were(sandbox: Sandbox) -> None:
    before = rows(sandbox)

    status, lines = await report(sandbox, write=True)

    writes = [call.split()[0] for call in sandbox.calls if not call.startswith("GET")]
    assert (status, rows(sandbox)) == (0, before)
    assert writes == ["POST", "PUT", "PUT", "PUT", "PUT", "PUT", "DELETE", "DELETE"]
    assert about(lines, "read after delete") == ["ok    read after delete: 404 NOT_FOUND -> gone"]
    assert "Cleaning up" not in lines


async def test_an_unknown_key_is_refused_and_nothing_more_is_sent(sandbox: Sandbox) -> None:
    status, lines = await report(sandbox, key="0" * 64, write=True)

    assert (status, len(sandbox.calls)) == (1, 1)
    assert about(lines, "credential") == [
        (
            "FAIL  credential: the key is refused: 401 UnauthorizedError"
            " -> correct GATEWAY_API_KEY: it is wrong, revoked or expired"
        )
    ]
    assert lines[-1] == "1 request sent; 1 to correct (FAIL)."


async def test_a_key_without_scope_is_accepted_and_may_not_read(sandbox: Sandbox) -> None:
    status, lines = await report(sandbox, key=WITHOUT_SCOPES.api_key, write=True)

    assert (status, len(sandbox.calls)) == (1, 1)
    assert about(lines, "credential") == ["ok    credential: the key is accepted"]
    (line,) = about(lines, "scopes")
    assert line.startswith("FAIL  scopes: it may not read clients: 403 ")


async def test_a_spent_window_ends_the_examination(sandbox: Sandbox) -> None:
    def spent(request: httpx2.Request) -> httpx2.Response | None:
        if "page=2" not in str(request.url):
            return None
        return httpx2.Response(
            429, json={"error": {"code": "RATE_LIMIT_EXCEEDED"}}, headers={"retry-after": "60"}
        )

    status, lines = await report(sandbox, write=True, before=spent)

    assert status == 1
    assert lines[-3:] == [
        (
            "FAIL  budget: answered 429 RATE_LIMIT_EXCEEDED: the window of this address is"
            " exhausted; retry in 60 s"
        ),
        "Stopped early: the budget is spent",
        f"{len(sandbox.calls) + 1} requests sent; 1 to correct (FAIL).",
    ]


@pytest.mark.parametrize(
    ("method", "cleaned"),
    [
        ("POST", ["ok    clean-up: the client Doctor Check is deleted again"]),
        ("PUT", []),
        ("DELETE", ["ok    clean-up: the client Doctor Check is deleted again"]),
    ],
)
async def test_an_answer_lost_after_any_write_leaves_nothing_behind(
    sandbox: Sandbox, method: str, cleaned: list[str]
) -> None:
    before = rows(sandbox)
    lost = {method}

    def lose(request: httpx2.Request) -> None:
        if request.method in lost:
            lost.clear()
            raise httpx2.ReadError("gone")

    status, lines = await report(sandbox, write=True, after=lose)

    assert (status, rows(sandbox), about(lines, "clean-up")) == (1, before, cleaned)


async def test_a_create_that_never_arrived_leaves_nothing_to_clean_up(sandbox: Sandbox) -> None:
    before = rows(sandbox)

    def fail(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(503, html="<p>") if request.method == "POST" else None

    status, lines = await report(sandbox, write=True, before=fail)

    assert (status, rows(sandbox)) == (1, before)
    assert "ok    clean-up: nothing was created" in lines


async def test_a_window_spent_between_two_writes_is_waited_for_to_clean_up(
    sandbox: Sandbox,
) -> None:
    before = rows(sandbox)
    left = [2]

    def spent(request: httpx2.Request) -> httpx2.Response | None:
        if request.method not in {"PUT", "DELETE"} or not left[0]:
            return None
        left[0] -= 1
        return httpx2.Response(429, json={}, headers={"retry-after": "20"})

    status, lines = await report(sandbox, write=True, before=spent)

    assert (status, rows(sandbox)) == (1, before)
    assert "ok    clean-up: the client Doctor Check is deleted again" in lines
    assert "Stopped early: the budget is spent" in lines


async def test_a_clean_up_that_fails_says_what_to_delete(sandbox: Sandbox) -> None:
    before = rows(sandbox)

    def refuse(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(500, json={}) if request.method == "DELETE" else None

    status, lines = await report(sandbox, write=True, before=refuse)

    (left,) = [row for row in rows(sandbox) if row not in before]
    assert status == 1
    assert (left["first_name"], left["last_name"]) == ("Doctor", "Check")
    assert about(lines, "clean-up") == [
        (
            "FAIL  clean-up: failed: a client named Doctor Check may be left"
            f" -> delete the one with id {left['id']} yourself"
        )
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_an_interruption_during_any_write_leaves_nothing_behind(
    sandbox: Sandbox, method: str
) -> None:
    before = rows(sandbox)
    out = StringIO()
    stopped = {method}

    def interrupt(request: httpx2.Request) -> None:
        if request.method in stopped:
            stopped.clear()
            examination.cancel()

    transport = HTTPXTransport(Meddling(sandbox, undisturbed, interrupt))
    examination = asyncio.ensure_future(
        run_checks(URL, DEMO.api_key, transport, write=True, out=out)
    )

    with pytest.raises(asyncio.CancelledError):
        await examination

    assert rows(sandbox) == before
    last = out.getvalue().splitlines()[-1]
    assert last == "ok    clean-up: the client Doctor Check is deleted again"


async def test_a_key_that_may_only_read_is_reported_by_the_first_write(sandbox: Sandbox) -> None:
    status, lines = await report(sandbox, key=READER.api_key, write=True)

    writes = [call for call in sandbox.calls if not call.startswith("GET")]
    assert (status, writes) == (1, ["POST /clients"])
    assert about(lines, "create") == [
        "FAIL  create: 403 FORBIDDEN -> the key may not write: give it clients: write"
    ]
    assert "Cleaning up" not in lines


@pytest.mark.parametrize("order", ["created_desc", "created_asc"])
async def test_a_client_whose_id_was_lost_is_found_at_either_end_of_a_long_list(
    sandbox: Sandbox, order: Literal["created_desc", "created_asc"]
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, order=order)
    before = {row["id"] for row in sandbox.rows_of(EDSGER)}

    def lose(request: httpx2.Request) -> None:
        if request.method == "POST":
            raise httpx2.ReadError("gone")

    _, lines = await report(sandbox, key=EDSGER.api_key, write=True, after=lose)

    assert {row["id"] for row in sandbox.rows_of(EDSGER)} == before
    assert lines[-2] == "ok    clean-up: the client Doctor Check is deleted again"


async def test_a_filter_that_also_returns_both_is_reported(sandbox: Sandbox) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, filter_both=True)

    status, lines = await report(sandbox)

    (line,) = about(lines, "filter client_type=buyer")
    assert status == 0
    assert line.startswith("note  filter client_type=buyer: also returns both (of 42: ")
    assert line.endswith(" -> filtered lists overlap")


@pytest.mark.parametrize(
    ("fault", "subject", "found"),
    [
        ("page-cap-50", "page size", "note  page size: 100 rows requested, 50 came, meta.limit 50"),
        ("page-cap-50-silent", "page size", "note  page size: 100 rows requested, 50 came"),
        ("total-of-page", "counts", "FAIL  counts: 100 rows of meta.total 100, and meta.hasMore t"),
        (
            "has-more-never",
            "counts",
            "FAIL  counts: 100 rows of meta.total 137, and meta.hasMore f",
        ),
        ("reset-zero", "budget", "note  budget: 499 of 500 left, reset 0 -> the end of the window"),
        ("rate-limit-draft-10", "budget", "note  budget: in RateLimit, RateLimit-Policy -> not as"),
        ("rate-limit-x", "budget", "note  budget: in X-RateLimit-Remaining -> not as documented"),
        (
            "proxy-404-json",
            "reached",
            "FAIL  reached: answered 404 in JSON that is not the API's ->",
        ),
        ("proxy-403", "reached", "FAIL  reached: answered 403 with text/html instead of JSON"),
    ],
)
async def test_an_api_that_misbehaves_is_found_out_by_reading(
    sandbox: Sandbox, fault: str, subject: str, found: str
) -> None:
    sandbox.fail(named(fault))

    _, lines = await report(sandbox, key=GRACE.api_key)

    assert [line[: len(found)] for line in about(lines, subject)] == [found]


async def test_a_total_that_is_one_too_high_is_seen_where_the_list_ends(sandbox: Sandbox) -> None:
    sandbox.fail(named("total-one-high"))

    _, lines = await report(sandbox)

    assert about(lines, "counts") == [
        (
            "FAIL  counts: 42 rows of meta.total 43, and meta.hasMore false"
            " -> one of them is wrong: totals are unreliable; the gateway reads pages by both"
        )
    ]


@pytest.mark.parametrize(
    ("fault", "subject", "found"),
    [
        (
            "tidied",
            "values",
            "note  values: normalised by the API: email, phone -> a write without a",
        ),
        (
            "missing-after-create",
            "read after create",
            "note  read after create: 404 NOT_FOUND, version None; the write returned",
        ),
        (
            "detail-lag",
            "read after update",
            "note  read after update: 404 NOT_FOUND, version None; the write returned",
        ),
        (
            "duplicate-email",
            "create",
            "FAIL  create: a documented create is refused: 409 DUPLICATE",
        ),
    ],
)
async def test_an_api_that_misbehaves_is_found_out_by_writing(
    sandbox: Sandbox, fault: str, subject: str, found: str
) -> None:
    sandbox.fail(named(fault))
    before = rows(sandbox)

    _, lines = await report(sandbox, write=True)

    assert [line[: len(found)] for line in about(lines, subject)] == [found]
    assert rows(sandbox) == before


async def test_a_client_whose_address_was_tidied_is_found_again_and_deleted(
    sandbox: Sandbox,
) -> None:
    sandbox.fail(named("tidied"), named("answer-lost", method="POST"))
    before = rows(sandbox)

    _, lines = await report(sandbox, write=True)

    assert about(lines, "clean-up") == ["ok    clean-up: the client Doctor Check is deleted again"]
    assert rows(sandbox) == before


async def test_values_stored_as_sent_and_seen_at_once_are_reported_as_such(
    sandbox: Sandbox,
) -> None:
    _, lines = await report(sandbox, write=True)

    assert about(lines, "values") == ["ok    values: stored as sent"]
    assert about(lines, "read after update") == [
        "ok    read after update: the write is visible at once"
    ]
