"""What every answer of the API means: one table, and everything that is in no table."""

from typing import Any

import pytest

from gateway.api.source import RestClientSource
from gateway.transport.errors import (
    ConnectError,
    ConnectTimeout,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
)
from gateway.transport.messages import Response
from schema.source.errors import (
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    Issue,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.records import FIELDS, ClientFilter, ClientId, Window
from schema.source.request_context import Priority, RequestContext
from schema.source.writes import ClientPatch, Confirmation, NewClient
from tests.upstream.rest.conftest import Answer, Scripted, reply, source

ID = ClientId("a3f8c1d2-6b4e-4a9f-8d27-95c0e3b1f684")
NEW = NewClient("Jordan", "Lee", "buyer")
PATCH = ClientPatch({"status": "closed"}, expected_version=3)


def error(code: str, details: Any = None) -> dict[str, Any]:
    return {
        "success": False,
        "error": {"code": code, "message": "do not echo me", "details": details},
        "correlationId": "trace-1",
    }


UNWELL: list[tuple[int, type[ClientError], str]] = [
    (429, RateLimited, "RATE_LIMITED"),
    (500, Unavailable, "UPSTREAM_UNAVAILABLE"),
    (502, Unavailable, "UPSTREAM_UNAVAILABLE"),
    (503, Unavailable, "UPSTREAM_UNAVAILABLE"),
    (504, Unavailable, "UPSTREAM_TIMEOUT"),
]
"""Failures that are about the API, whatever reported them."""


async def read(operation: RequestContext, answer: Answer) -> ClientError:
    (found,) = await source(Scripted(lambda _: answer)).fetch(
        operation, [ID], FIELDS, Priority.INTERACTIVE
    )
    assert isinstance(found, ClientError)
    return found


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, Unavailable, "UPSTREAM_BAD_RESPONSE"),
        (401, Unauthenticated, "UNAUTHENTICATED"),
        (403, Forbidden, "FORBIDDEN"),
        (404, NotFound, "NOT_FOUND"),
        (409, Unavailable, "UPSTREAM_BAD_RESPONSE"),
        (410, NotFound, "NOT_FOUND"),
        (412, Unavailable, "UPSTREAM_BAD_RESPONSE"),
        (422, Unavailable, "UPSTREAM_BAD_RESPONSE"),
        (423, Unavailable, "UPSTREAM_BAD_RESPONSE"),
        (408, Unavailable, "UPSTREAM_BAD_RESPONSE"),
        (418, Unavailable, "UPSTREAM_BAD_RESPONSE"),
        *UNWELL,
    ],
)
async def test_a_status_in_the_apis_own_envelope_means_what_it_documents(
    operation: RequestContext, status: int, kind: type[ClientError], code: str
) -> None:
    failure = await read(operation, reply(status, error("ANY")))

    assert (type(failure), failure.code) == (kind, code)
    assert "do not echo me" not in failure.message


FOREIGN = [
    b"",
    b"404 page not found",
    b"<html>do not echo me</html>",
    b'{"message":"do not echo me"}',
    b'{"success":false}',
    b'{"success":false,"error":"do not echo me"}',
    b'{"success":false,"errors":[{"code":1000,"message":"do not echo me"}]}',
    b'{"success":false,"error":{"code":404,"message":"do not echo me"}}',
    b'{"success":false,"error":{"code":"NOT_FOUND"}}',
    b'{"success":true,"error":{"code":"NOT_FOUND","message":"do not echo me"}}',
    b'{"error":{"code":"NOT_FOUND","message":"do not echo me"}}',
    b'[{"success":false,"error":{"code":"NOT_FOUND","message":"do not echo me"}}]',
    b'\xff{"success":false,"error":{"code":"NOT_FOUND","message":"do not echo me"}}',
]
"""What proxies, load balancers, login pages and other APIs answer."""


@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        *[
            (status, "UPSTREAM_BAD_RESPONSE")
            for status in (302, 304, 400, 401, 403, 404, 405, 408, 409, 410, 412, 418, 422, 423)
        ],
        (499, "UPSTREAM_BAD_RESPONSE"),
        (525, "UPSTREAM_UNAVAILABLE"),
        *[(status, code) for status, _, code in UNWELL],
    ],
)
async def test_a_status_without_the_apis_envelope_says_nothing_of_clients_and_is_logged(
    operation: RequestContext,
    status: int,
    code: str,
    body: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failure = await read(operation, reply(status, body))

    assert failure.code == code
    assert "do not echo me" not in failure.message
    assert [record.getMessage() for record in caplog.records] == [
        f"something other than the API answered, with {status} and no media type"
    ]


async def test_a_403_with_a_wait_and_nothing_left_is_a_rate_limit(
    operation: RequestContext,
) -> None:
    headers = {"Retry-After": "7", "RateLimit-Limit": "500", "RateLimit-Remaining": "0"}

    failure = await read(operation, reply(403, error("FORBIDDEN"), **headers))

    assert isinstance(failure, RateLimited)
    assert failure.retry_after == 7


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b'{"success":true,"data":{"id":"' + ID.encode(),
        b"[" * 100_000,
        b'{"success":true}',
        b'{"success":true,"data":[]}',
        b'{"success":true,"data":{"clients":[]}}',
        b'{"success":true,"data":{"id":7}}',
        b'{"success":true,"data":{"id":"7"}}',
        b'{"success":true,"data":{"id":"00000000-0000-4000-8000-000000000000"}}',
        b'{"success":false,"data":{"id":"' + ID.encode() + b'"}}',
    ],
)
async def test_a_200_that_is_no_client_is_a_bad_response(
    operation: RequestContext, body: bytes
) -> None:
    assert (await read(operation, reply(200, body))).code == "UPSTREAM_BAD_RESPONSE"


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (ConnectError("x"), "UPSTREAM_UNAVAILABLE"),
        (ReadError("x"), "UPSTREAM_UNAVAILABLE"),
        (ConnectTimeout("x"), "UPSTREAM_TIMEOUT"),
        (ReadTimeout("x"), "UPSTREAM_TIMEOUT"),
        (RemoteProtocolError("x"), "UPSTREAM_BAD_RESPONSE"),
    ],
)
async def test_troubles_on_the_wire_are_distinguished(
    operation: RequestContext, trouble: Exception, code: str
) -> None:
    assert (await read(operation, trouble)).code == code


@pytest.mark.parametrize("where", ["top", "inside"])
async def test_the_apis_trace_is_kept(operation: RequestContext, where: str) -> None:
    body = error("ANY")
    if where == "inside":
        del body["correlationId"]
        body["error"]["errorId"] = "trace-1"

    assert (await read(operation, reply(500, body))).correlation_id == "trace-1"


@pytest.mark.parametrize(
    ("details", "issues"),
    [
        (
            [{"field": "first_name", "message": "is required"}],
            [Issue("firstName", "REFUSED_BY_API", "is required")],
        ),
        (
            [{"path": "email", "msg": "bad", "location": "body"}, {"param": "phone"}, "odd", 7],
            [
                Issue("email", "REFUSED_BY_API", "bad"),
                Issue("phone", "REFUSED_BY_API", "is not valid"),
                Issue(None, "REFUSED_BY_API", "odd"),
            ],
        ),
        ({"locked_until": "tomorrow"}, [Issue(None, "REFUSED_BY_API", "do not echo me")]),
        (None, [Issue(None, "REFUSED_BY_API", "do not echo me")]),
        ([{"field": 7, "message": "m" * 999}], [Issue(None, "REFUSED_BY_API", "m" * 300)]),
    ],
)
async def test_the_apis_details_become_issues_whatever_their_shape(
    operation: RequestContext, details: object, issues: list[Issue]
) -> None:
    wire = Scripted(lambda _: reply(400, error("VALIDATION_ERROR", details)))

    with pytest.raises(InvalidInput) as refused:
        await source(wire).create(operation, NEW)

    assert list(refused.value.issues) == issues


@pytest.mark.parametrize(
    "answer",
    [
        reply(409, error("CONFLICT")),
        reply(412, error("PRECONDITION_FAILED")),
        reply(409, error("DUPLICATE_EMAIL")),  # the version says otherwise
        reply(400, error("STALE_VERSION")),
        reply(422, error("STALE_VERSION")),
        reply(423, error("VERSION_LOCKED")),
        reply(400, error("VALIDATION_ERROR", [{"path": "version", "msg": "old"}])),
    ],
)
async def test_a_conflict_is_one_whatever_its_status_and_shows_the_client(
    operation: RequestContext, answer: Response
) -> None:
    now = {"success": True, "data": {"id": ID, "version": 7}}
    wire = Scripted(lambda request: answer if request.method == "PUT" else reply(200, now))

    with pytest.raises(Conflict) as conflict:
        await source(wire).update(operation, ID, PATCH)

    assert conflict.value.expected_version == 3
    assert conflict.value.current is not None
    assert conflict.value.current.version == 7
    assert wire.calls == [f"PUT /clients/{ID}", f"GET /clients/{ID}"]


async def test_a_conflict_whose_client_cannot_be_read_is_a_conflict_still(
    operation: RequestContext,
) -> None:
    wire = Scripted(
        lambda request: reply(409 if request.method == "PUT" else 500, error("CONFLICT"))
    )

    with pytest.raises(Conflict) as conflict:
        await source(wire).update(operation, ID, PATCH)

    assert conflict.value.current is None


@pytest.mark.parametrize("current", [3, None], ids=["at the version sent", "unreadable"])
@pytest.mark.parametrize("status", [409, 412])
async def test_a_conflict_over_another_field_is_reported_in_the_apis_words(
    operation: RequestContext, status: int, current: int | None
) -> None:
    now = {"success": True, "data": {"id": ID, "version": current}}
    refusal = reply(status, error("DUPLICATE_EMAIL"))
    wire = Scripted(
        lambda request: refusal if request.method == "PUT" else reply(200 if current else 500, now)
    )

    with pytest.raises(InvalidInput) as refused:
        await source(wire).update(operation, ID, PATCH)

    assert refused.value.issues == (Issue("email", "REFUSED_BY_API", "do not echo me"),)
    assert wire.calls == [f"PUT /clients/{ID}", f"GET /clients/{ID}"]


@pytest.mark.parametrize(
    "answer",
    [
        reply(409, error("CONFLICT")),
        reply(412, error("PRECONDITION_FAILED")),
        reply(400, error("API_VERSION_UNKNOWN")),
        reply(422, error("VALIDATION_ERROR", [{"path": "version", "msg": "is too small"}])),
        reply(423, error("VERSION_LOCKED")),
    ],
)
async def test_a_refusal_at_the_very_version_sent_is_no_conflict_whose_advice_would_loop(
    operation: RequestContext, answer: Response
) -> None:
    now = {"success": True, "data": {"id": ID, "version": 3}}
    wire = Scripted(lambda request: answer if request.method == "PUT" else reply(200, now))

    with pytest.raises(InvalidInput):
        await source(wire).update(operation, ID, PATCH)


@pytest.mark.parametrize("status", [409, 412, 423])
async def test_a_conflict_of_a_change_without_a_version_is_the_apis_words(
    operation: RequestContext, status: int
) -> None:
    wire = Scripted(lambda _: reply(status, error("DUPLICATE_PHONE")))

    with pytest.raises(InvalidInput) as refused:
        await source(wire).update(operation, ID, ClientPatch({"phone": "1"}))

    assert refused.value.issues == (Issue("phone", "REFUSED_BY_API", "do not echo me"),)
    assert wire.calls == [f"PUT /clients/{ID}"]


THE_API, ANOTHER = "the API", "something other than the API"


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (ReadError("x"), "sent and its answer was lost"),
        (ReadTimeout("x"), "sent and its answer was lost"),
        *[
            (
                reply(status, error("ANY")),
                f"answered {status} by {THE_API}, which does not say whether it happened",
            )
            for status in (408, 418, 425, 499, 500, 503, 520)
        ],
        *[
            (
                reply(status, b"<html>"),
                f"answered {status} by {ANOTHER}, which does not say whether it happened",
            )
            for status in (200, 302, 400, 401, 403, 404, 409, 410, 422, 429, 502)
        ],
        *[
            (
                reply(status, body),
                f"answered {status} by {by}, which does not say whether it happened",
            )
            for status, body, by in (
                (200, b"", ANOTHER),
                (202, {"success": True, "data": {"id": ID}}, ANOTHER),
                (204, b"", ANOTHER),
                (200, {"success": False}, ANOTHER),
                (201, {"success": True, "data": {"id": "7"}}, THE_API),
                (201, {"success": True, "data": {}}, THE_API),
                (201, {"success": True}, THE_API),
            )
        ],
    ],
)
async def test_a_create_whose_answer_is_lost_may_have_happened_and_is_not_sent_again(
    operation: RequestContext, answer: Answer, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    wire = Scripted(lambda _: answer)

    with pytest.raises(WriteUnconfirmed) as unknown:
        await source(wire).create(operation, NEW)

    assert wire.calls == ["POST /clients"]
    assert [record.getMessage() for record in caplog.records] == [
        f"write {unknown.value.attempt_id} was {end}"
    ]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ConnectError("x"), Unavailable),
        (PoolTimeout("x"), Unavailable),
        (RateLimited("spent", retry_after=9), RateLimited),
        (reply(401, error("ANY")), Unauthenticated),
        (reply(403, error("ANY")), Forbidden),
    ],
)
async def test_a_write_that_was_never_taken_is_not_called_unknown(
    operation: RequestContext, answer: Answer, kind: type[ClientError]
) -> None:
    with pytest.raises(kind):
        await source(Scripted(lambda _: answer)).create(operation, NEW)


async def test_a_delete_that_answers_empty_success_is_done(operation: RequestContext) -> None:
    wire = Scripted(lambda _: reply(200, {"success": True, "data": {}}))

    await source(wire).delete(operation, ID)

    assert wire.calls == [f"DELETE /clients/{ID}"]


async def test_a_delete_of_what_is_gone_already_is_done(operation: RequestContext) -> None:
    wire = Scripted(lambda _: reply(410, error("GONE")))

    assert await source(wire).delete(operation, ID) is Confirmation.ANSWER
    assert wire.calls == [f"DELETE /clients/{ID}"]


async def test_nothing_of_the_caller_goes_upstream_but_its_credential(
    operation: RequestContext,
) -> None:
    row = {"success": True, "data": {"id": ID}}
    wire = Scripted(lambda _: reply(200, row))

    await source(wire).create(operation, NEW)

    assert sorted(wire.sent[0].headers.sent_fields) == [
        (b"Accept", b"application/json"),
        (b"Content-Type", b"application/json"),
        (b"User-Agent", b"clients-gateway"),
        (b"X-API-Key", b"f" * 64),
    ]
    assert (
        wire.sent[0].content == b'{"first_name":"Jordan","last_name":"Lee","client_type":"buyer"}'
    )


async def test_a_field_of_the_wrong_type_costs_that_field_and_not_the_page(
    operation: RequestContext,
) -> None:
    rows = [
        {"id": ID, "first_name": "Ada", "version": "three", "novel": 1, "complete": True},
        {"id": "7", "first_name": "Nobody"},
    ]
    meta = {"page": 1, "limit": 25, "total": 1, "totalPages": 1, "hasMore": False}
    body = {"success": True, "data": {"clients": rows, "meta": meta, "stats": {}}}

    page = await source(Scripted(lambda _: reply(200, body))).read_page(
        operation, ClientFilter(), Window(0, 25), FIELDS
    )

    record, other = page.records
    assert other.malformed == FIELDS, "a row without an id of its own keeps its place"
    assert (record.first_name, record.malformed, record.complete) == (
        "Ada",
        frozenset({"version"}),
        False,
    )
    assert operation.receipt.drift is True


async def test_an_address_that_leads_nowhere_near_http_is_reported_as_the_api_being_away(
    operation: RequestContext,
) -> None:
    wire = Scripted(lambda _: reply(200, {}))
    lost = RestClientSource(wire, "ftp://api.test/v1")

    with pytest.raises(Unavailable):
        await lost.read_page(operation, ClientFilter(), Window(0, 5), FIELDS)
    [failure] = await lost.fetch(operation, [ID], FIELDS, Priority.INTERACTIVE)
    with pytest.raises(Unavailable):
        await lost.delete(operation, ID)

    assert isinstance(failure, Unavailable)
    assert wire.calls == []
