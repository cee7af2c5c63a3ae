"""What the doctor concludes from single responses, and from none."""

import asyncio
import errno
import json
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import httpx2
import pytest

from gateway.cli.doctor import RESPONSE_SECONDS, evidence, run_checks
from gateway.cli.doctor.meanings import MEANINGS, meaning
from gateway.cli.doctor.probe_client import Probe, ProbeResponse
from gateway.cli.doctor.report import Finding, Report, fail, note, ok
from gateway.transport.httpx_transport import HTTPXTransport
from gateway.transport.messages import Headers
from gateway.transport.transport import TransportLimits

KEY = "ab" * 32
CLOSED = "the connection was closed before the response was complete"
READ = Probe("GET", "/clients")


def answer(
    status: int = 200, body: dict[str, Any] | None = None, probe: Probe = READ, **headers: str
) -> ProbeResponse:
    names = [
        (name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()
    ]
    return ProbeResponse(probe, status, Headers(names), body or {})


def judged(subject: str, response: ProbeResponse) -> Finding:
    finding = meaning(MEANINGS[subject], response)
    assert finding is not None
    return finding


def refusal(status: int, code: str, details: object = None) -> ProbeResponse:
    error: dict[str, object] = {"code": code, "message": "no"}
    if details is not None:
        error["details"] = details
    return answer(status, {"success": False, "error": error})


def listing(*rows: Mapping[str, object], **meta: object) -> ProbeResponse:
    all_meta = {
        "page": 1,
        "limit": 100,
        "total": len(rows),
        "totalPages": 1,
        "hasMore": False,
        **meta,
    }
    return answer(200, {"success": True, "data": {"clients": list(rows), "meta": all_meta}})


async def report_of(respond: Any) -> tuple[int, list[str]]:
    out = StringIO()
    transport = HTTPXTransport(
        httpx2.MockTransport(respond), TransportLimits(attempt_seconds=RESPONSE_SECONDS)
    )
    status = await run_checks("http://api.test/v1", KEY, transport, write=True, out=out)
    return status, out.getvalue().splitlines()


def raising(error: Exception) -> Any:
    def respond(_: httpx2.Request) -> httpx2.Response:
        raise error

    return respond


async def test_a_refused_connection_is_a_finding_and_the_end() -> None:
    error = httpx2.ConnectError(f"could not, with {KEY}")
    error.__cause__ = OSError("All connection attempts failed")
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "")
    error.__cause__.__cause__ = ExceptionGroup("both", [refused])

    assert await report_of(raising(error)) == (
        1,
        [
            "Checking http://api.test/v1, writing one client too",
            "FAIL  reached: Connection refused",
            "Stopped early: there is nothing to examine",
            "1 request sent; 1 to correct (FAIL).",
        ],
    )


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (
            httpx2.ConnectError(""),
            socket.gaierror(socket.EAI_NONAME, ""),
            "the name api.test does not resolve",
        ),
        (httpx2.ConnectTimeout(""), None, "no connection in time"),
        (httpx2.ReadTimeout(""), None, "no complete response in time"),
        (httpx2.ReadError(""), None, CLOSED),
        (httpx2.RemoteProtocolError("illegal"), None, "illegal"),
        (
            httpx2.WriteError(KEY),
            None,
            CLOSED,
        ),
    ],
)
async def test_a_missing_response_is_described_in_the_words_of_the_gateways_log(
    error: Exception, cause: Exception | None, reason: str
) -> None:
    error.__cause__ = cause

    _, lines = await report_of(raising(error))

    assert lines[1] == f"FAIL  reached: {reason}"


@pytest.mark.parametrize(
    ("respond", "finding"),
    [
        (
            httpx2.Response(200, html="<h1>Welcome</h1>"),
            (
                "FAIL  reached: answered 200 with text/html instead of JSON"
                " -> a proxy answered, or the URL is another site's"
            ),
        ),
        (
            httpx2.Response(502, html="<h1>Bad gateway</h1>"),
            "FAIL  reached: answered 502 without a code, as text/html instead of JSON",
        ),
        (
            httpx2.Response(301, headers={"location": f"https://thief.test/?{KEY}"}),
            "FAIL  reached: redirected (301) -> redirects are never followed: correct the URL",
        ),
        (
            httpx2.Response(200, content=b"[" * 6_000_000),
            "FAIL  reached: the response's body is too large",
        ),
        (
            httpx2.Response(
                429, json={"error": {"code": "RATE_LIMIT_EXCEEDED"}}, headers={"retry-after": "60"}
            ),
            (
                "FAIL  budget: answered 429 RATE_LIMIT_EXCEEDED:"
                " the window of this address is exhausted; retry in 60 s"
            ),
        ),
    ],
)
async def test_nonsense_at_the_door_is_one_finding(respond: httpx2.Response, finding: str) -> None:
    methods = []

    def door(request: httpx2.Request) -> httpx2.Response:
        methods.append(request.method)
        return respond

    status, lines = await report_of(door)

    assert (status, methods, lines[1]) == (1, ["GET"], finding)


def test_a_report_never_shows_the_key_nor_drives_a_terminal() -> None:
    out = StringIO()

    Report(out, secret=KEY).add("status", note(f"\x1b[2J'{KEY}' \u202etxt"))

    assert out.getvalue() == "note  status: \\x1b[2J'[key]' \\u202etxt\n"


def test_a_listing_without_its_total_cannot_be_read() -> None:
    response = listing({"id": "1"}, total="1", hasMore=0)

    assert evidence.envelope(response) == fail(
        "`data.meta.total` is of another type; `data.meta.hasMore` is of another type",
        "the gateway cannot read such lists",
    )


def test_a_listing_that_is_an_array_cannot_be_read() -> None:
    finding = evidence.envelope(answer(200, {"success": True, "data": []}))

    assert (finding.severity, "`data.clients` is no array" in finding.found) == (
        "FAIL",
        True,
    )


def test_a_reset_that_is_a_moment_is_read_as_the_gateway_reads_it() -> None:
    moment: Any = {
        "RateLimit_Limit": "500",
        "RateLimit_Remaining": "499",
        "RateLimit_Reset": "1785000000",
    }

    assert evidence.budget(answer(**moment)) == note(
        "499 of 500 left, reset 1785000000",
        "the end of the window is unknown: the gateway retries soon",
    )
    assert evidence.budget(answer(**moment, Date="Sat, 25 Jul 2026 17:15:00 GMT")) == ok(
        "499 of 500 left, reset 1785000000: 300 s ahead"
    )


def test_missing_budget_headers_are_named() -> None:
    finding = evidence.budget(answer(RateLimit_Limit="500"))

    assert finding.found == "RateLimit-Remaining, RateLimit-Reset not sent"


def test_a_budget_that_falls_faster_than_we_ask_has_other_callers() -> None:
    answers = [answer(RateLimit_Remaining=left) for left in ("90", "89", "80", "500")]

    assert evidence.spending(answers) == note(
        "the budget fell by up to 9 between two requests",
        "others are calling from this address",
    )


def test_error_ids_are_found_wherever_they_are() -> None:
    answers = [
        answer(404, {"errorId": "e", "error": {"correlationId": "c"}}),
        answer(X_Request_Id="r"),
    ]

    assert evidence.error_ids(answers) == ok("in error.correlationId, errorId, header x-request-id")


def test_a_page_past_the_end_may_repeat_the_last() -> None:
    response = replace(listing({"id": "1"}), probe=Probe("GET", "/clients", {"page": 2}))

    assert judged("page past the end", response) == note(
        "200 with 1 rows of page 1, not 2",
        "rows are repeated; only hasMore and total show the end",
    )
    unnumbered = replace(response, body={"data": {"clients": [{"id": "1"}]}})
    assert judged("page past the end", unnumbered).found == "200 with 1 rows of page None, not 2"


@pytest.mark.parametrize(
    ("response", "finding"),
    [
        (listing(limit=100), "lowered to 100"),
        (listing(limit=101), "accepted"),
        (refusal(400, "VALIDATION_ERROR"), "refused: 400 VALIDATION_ERROR"),
    ],
)
def test_a_limit_above_the_maximum(response: ProbeResponse, finding: str) -> None:
    assert judged("limit 101", response).found == finding


def test_an_invisible_client_that_is_forbidden_is_worth_a_note() -> None:
    assert judged("unknown id", refusal(403, "FORBIDDEN")).severity == "note"
    assert judged("unknown id", refusal(400, "BAD")).severity == "FAIL"


def test_undocumented_values_are_named() -> None:
    seen: list[dict[str, object]] = [
        {"client_type": "buyer", "status": "dormant"},
        {"client_type": None, "status": []},
    ]

    assert evidence.enumerations(seen) == note(
        "not documented: status '[]', status 'dormant'", "the graph returns UNKNOWN"
    )


@pytest.mark.parametrize(
    ("amounts", "severity", "found"),
    [
        ((350000, 1.5), "ok", "amounts are fractions and integers"),
        (("350000.00",), "ok", "amounts are numeric strings"),
        (("$350k", True), "FAIL", "amounts are no numbers and text"),
        ((None,), "note", "no amount seen"),
    ],
)
def test_money_comes_as_what_it_comes(amounts: Any, severity: str, found: str) -> None:
    finding = evidence.money([{"budget_min": amount} for amount in amounts])

    assert (finding.severity, finding.found) == (severity, found)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ((1, 2, 2, 3), "by created_at, oldest first (from 4 rows)"),
        ((3, 1), "by created_at, newest first (from 2 rows)"),
        ((1, 3, 2), "unknown (from 3 rows)"),
        ((1, 1), "unknown (from 2 rows)"),
        ((), "unknown (from 0 rows)"),
    ],
)
def test_order_is_guessed_from_what_rows_tell(days: tuple[int, ...], found: str) -> None:
    rows = [{"created_at": f"2026-07-0{day}T00:00:00.000Z"} for day in days]

    assert evidence.ordering(rows).found == found


def test_moments_that_are_none_order_nothing() -> None:
    rows: list[dict[str, object]] = [
        {"created_at": "2026"},
        {"created_at": "2026-07-01T00:00:00"},
        {"created_at": 7},
    ]

    assert evidence.ordering(rows) == note("unknown (from 3 rows)")


BUYER, BOTH, SELLER = ({"id": "1", "client_type": kind} for kind in ("buyer", "both", "seller"))


@pytest.mark.parametrize(
    ("total", "buyers", "sellers", "both", "finding"),
    [
        (6, listing(BUYER, total=3), 2, 1, "an exact match (of 6: buyer 3, seller 2, both 1)"),
        (
            6,
            listing(BUYER, BOTH, total=4),
            3,
            1,
            "also returns both (of 6: buyer 4, seller 3, both 1)",
        ),
        (
            6,
            listing(BUYER, SELLER, total=6),
            6,
            6,
            "returns others too (of 6: buyer 6, seller 6, both 6)",
        ),
        (
            5,
            listing(BUYER, total=3),
            2,
            0,
            "unknown: there is no client of type both (of 5: buyer 3, seller 2, both 0)",
        ),
        (
            300,
            listing(BUYER, total=200),
            150,
            50,
            "returned no `both` among its first 1 (of 300: buyer 200, seller 150, both 50)",
        ),
    ],
)
def test_a_type_filter_is_judged_by_rows_and_counts(
    total: int, buyers: ProbeResponse, sellers: int, both: int, finding: str
) -> None:
    assert (
        evidence.type_filter(total, buyers, listing(total=sellers), listing(total=both)).found
        == finding
    )


@pytest.mark.parametrize(
    ("response", "severity"),
    [
        (refusal(409, "ANYTHING"), "ok"),
        (refusal(412, "ANYTHING"), "ok"),
        (refusal(400, "VERSION_MISMATCH"), "ok"),
        (refusal(400, "VALIDATION_ERROR"), "FAIL"),
        (answer(200, {"success": True, "data": {}}), "FAIL"),
    ],
)
def test_only_what_the_gateway_takes_for_a_conflict_is_one(
    response: ProbeResponse, severity: str
) -> None:
    assert judged("stale version", response).severity == severity


@pytest.mark.parametrize(
    ("response", "found"),
    [
        (answer(200, {"data": {"phone": None}}), "the field is null"),
        (answer(200, {"data": {"phone": ""}}), "the field is an empty text"),
        (answer(200, {"data": {"phone": "1"}}), "200, and nothing changed"),
        (answer(200, {"data": {}}), "200, and the response lacks the field"),
        (refusal(400, "VALIDATION_ERROR"), "refused: 400 VALIDATION_ERROR"),
    ],
)
def test_clearing_is_judged_by_the_answer(response: ProbeResponse, found: str) -> None:
    assert judged("update to null", response).found == found


def test_the_shape_of_details_is_reported_and_never_their_values() -> None:
    array = refusal(400, "VALIDATION_ERROR", [{"path": "status", "msg": "Ada"}])
    object_ = refusal(400, "VALIDATION_ERROR", {"status": "Ada"})

    assert [judged("unknown status", response).found for response in (array, object_)] == [
        "refused: 400 VALIDATION_ERROR, details are an array of {msg, path}",
        "refused: 400 VALIDATION_ERROR, details are an object {status}",
    ]


def test_a_client_still_readable_after_its_delete_is_only_marked_deleted() -> None:
    assert judged("read after delete", answer(200)).severity == "note"
    assert judged("second delete", answer(200)).severity == "note"


async def test_an_api_that_answers_each_question_with_odd_types_is_still_only_reported() -> None:
    row = {"id": "../\ud800", "client_type": {}, "status": ["active"], "budget_min": [1]}
    body = listing(row, limit=10**30, totalPages=-1).body

    def odd(_: httpx2.Request) -> httpx2.Response:
        headers = dict.fromkeys(evidence.BUDGET, "9" * 5000)
        return httpx2.Response(200, content=json.dumps(body).encode(), headers=headers)

    status, lines = await report_of(odd)

    assert status == 1
    assert all(len(line) <= 600 for line in lines)
    assert "FAIL  money: amounts are no numbers -> the gateway cannot read such amounts" in lines
    assert "FAIL  unknown id: 200 -> the gateway treats only 404 as a missing client" in lines
    assert "FAIL  create: 200 without the new client's id" in lines
    assert lines[-1] == "11 requests sent; 5 to correct (FAIL)."


async def test_an_api_that_falls_silent_is_called_twice_more_at_most() -> None:
    paths = []

    def falls_silent(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        if len(paths) > 1:
            raise httpx2.ReadTimeout("")
        return httpx2.Response(200, json=listing({"id": "1"}).body)

    status, lines = await report_of(falls_silent)

    assert (status, len(paths)) == (1, 3)
    assert lines[-2:] == [
        "Stopped early: the API has stopped answering",
        "3 requests sent; 2 to correct (FAIL).",
    ]


async def test_a_report_whose_reader_left_does_not_stop_the_clean_up() -> None:
    class Gone(StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    methods = []

    def serve(request: httpx2.Request) -> httpx2.Response:
        methods.append(request.method)
        if request.method == "POST":
            return httpx2.Response(201, json={"success": True, "data": {"id": "new", "version": 1}})
        return httpx2.Response(200, json=listing().body)

    transport = HTTPXTransport(httpx2.MockTransport(serve))
    await run_checks("http://api.test/v1", KEY, transport, write=True, out=Gone())

    assert methods[methods.index("POST") :].count("DELETE") == 2


async def test_an_answer_that_drips_in_for_ever_is_waited_for_fifteen_seconds() -> None:
    class Dripping(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for _ in range(1_000):
                await asyncio.sleep(1)
                yield b" "

    status, lines = await report_of(lambda _: httpx2.Response(200, stream=Dripping()))

    assert (status, lines[1]) == (1, "FAIL  reached: no complete response in time")
