"""A write is done, refused, never sent or unknown: only the API's own word makes it done."""

import asyncio
import gc
from typing import Any

import orjson
import pytest

from gateway.api.write_outcome import SendResult, WriteOutcome, classify
from gateway.cache.uncached import UncachedClientSource
from gateway.detached_tasks import DetachedTasks
from gateway.transport.errors import (
    ConnectError,
    ConnectTimeout,
    InvalidRequest,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    ResponseTooLarge,
)
from gateway.transport.messages import Request, Response
from gateway.writes.recovery import write_cost
from schema.source.errors import (
    Conflict,
    InvalidInput,
    Issue,
    RateLimited,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.records import ClientId, ClientRecord
from schema.source.request_context import Priority, RequestContext
from schema.source.writes import ClientPatch, NewClient, WriteResult
from tests.upstream.rest.conftest import Answer, Scripted, reply, source

ID = ClientId("a3f8c1d2-6b4e-4a9f-8d27-95c0e3b1f684")
OTHER = "00000000-0000-4000-8000-000000000000"
NEW = NewClient("Jordan", "Lee", "buyer")
DONE = {"success": True, "data": {"id": ID, "version": 4}}


def refusal(code: str, details: Any = None) -> dict[str, Any]:
    return {"success": False, "error": {"code": code, "message": "m", "details": details}}


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (reply(200, DONE), WriteOutcome.ANSWERED),
        (reply(201, DONE), WriteOutcome.ANSWERED),
        (reply(200, {"success": True, "data": {}}), WriteOutcome.ANSWERED),
        (reply(200, {"data": {}}), WriteOutcome.UNKNOWN),  # not the envelope that the API documents
        (reply(202, DONE), WriteOutcome.UNKNOWN),
        (reply(204, b""), WriteOutcome.UNKNOWN),  # a proxy's looks the same
        (reply(200, b""), WriteOutcome.UNKNOWN),
        (reply(200, b"<html>please log in</html>"), WriteOutcome.UNKNOWN),
        (reply(200, b'{"success":true,"da'), WriteOutcome.UNKNOWN),
        (reply(200, b"{}"), WriteOutcome.UNKNOWN),
        (reply(200, b"[]"), WriteOutcome.UNKNOWN),
        (reply(200, {"success": False, "data": {}}), WriteOutcome.UNKNOWN),
        (reply(200, {"success": "yes", "data": {}}), WriteOutcome.UNKNOWN),
        (reply(303, b""), WriteOutcome.UNKNOWN),
        (reply(500, refusal("ANY")), WriteOutcome.UNKNOWN),
        (reply(502, b"<html>"), WriteOutcome.UNKNOWN),
        (reply(503, b""), WriteOutcome.UNKNOWN),
        (reply(504, b""), WriteOutcome.UNKNOWN),
        (reply(400, refusal("ANY")), WriteOutcome.REFUSED),
        *[
            (reply(status, refusal("ANY")), WriteOutcome.REFUSED)
            for status in (401, 403, 404, 409, 410, 412, 422, 423, 429)
        ],
        *[
            (reply(status, refusal("ANY")), WriteOutcome.UNKNOWN)
            for status in (402, 405, 408, 413, 418, 421, 425, 431, 451, 499, 501, 520, 525, 599)
        ],
        *[
            (reply(status, body), WriteOutcome.UNKNOWN)
            for status in (400, 401, 403, 404, 409, 410, 412, 422, 423, 429)
            for body in (b"", b"<html>", b"404 page not found", {"message": "no Route matched"})
        ],
        (ConnectError("x"), WriteOutcome.NEVER_SENT),
        (ConnectTimeout("x"), WriteOutcome.NEVER_SENT),
        (PoolTimeout("x"), WriteOutcome.NEVER_SENT),
        (InvalidRequest("x"), WriteOutcome.NEVER_SENT),
        (RateLimited("spent", retry_after=9), WriteOutcome.NEVER_SENT),
        (Unavailable("no connection came free"), WriteOutcome.NEVER_SENT),
        (ReadError("x"), WriteOutcome.UNKNOWN),
        (ReadTimeout("x"), WriteOutcome.UNKNOWN),
        (RemoteProtocolError("x"), WriteOutcome.UNKNOWN),
        (ResponseTooLarge("x"), WriteOutcome.UNKNOWN),
    ],
)
def test_how_a_write_ended_tells_whether_it_happened(
    end: SendResult, outcome: WriteOutcome
) -> None:
    assert classify(end) is outcome


@pytest.mark.parametrize("answer", [reply(200, b"<html>"), reply(500, b""), ReadError("x")])
async def test_a_delete_that_only_somebody_else_answered_is_not_called_done(
    operation: RequestContext, answer: Answer
) -> None:
    wire = Scripted(lambda _: answer)

    with pytest.raises(WriteUnconfirmed) as unknown:
        await source(wire).delete(operation, ID)

    assert wire.calls == [f"DELETE /clients/{ID}"]
    assert unknown.value.attempt_id


async def test_an_update_answered_with_another_client_is_not_called_done(
    operation: RequestContext,
) -> None:
    other = {"success": True, "data": {"id": OTHER}}

    with pytest.raises(WriteUnconfirmed):
        await source(Scripted(lambda _: reply(200, other))).update(
            operation, ID, ClientPatch({"status": "closed"})
        )


async def test_null_is_sent_and_absent_is_not(operation: RequestContext) -> None:
    wire = Scripted(lambda _: reply(200, DONE))

    await source(wire).update(operation, ID, ClientPatch({"phone": None}, expected_version=3))
    await source(wire).update(operation, ID, ClientPatch({"status": "closed"}))
    await source(wire).create(operation, NewClient("A", "B", "both", email=None))

    assert [orjson.loads(request.content) for request in wire.sent] == [
        {"phone": None, "version": 3},
        {"status": "closed"},
        {"first_name": "A", "last_name": "B", "client_type": "both", "email": None},
    ]


async def test_a_write_returns_what_its_answer_held_and_claims_no_more(
    operation: RequestContext,
) -> None:
    written = await source(Scripted(lambda _: reply(201, DONE))).create(operation, NEW)

    assert written == WriteResult(ClientRecord(id=ID, version=4))
    assert written.record.complete is False


async def test_writes_and_the_reads_that_explain_them_go_first(operation: RequestContext) -> None:
    wire = Scripted(
        lambda request: reply(409 if request.method == "PUT" else 404, refusal("VERSION_CONFLICT"))
    )

    with pytest.raises(Conflict):
        await source(wire).update(operation, ID, ClientPatch({}, expected_version=3))

    assert [request.context.priority for request in wire.sent] == [
        Priority.WRITE,
        Priority.WRITE,
    ]


async def test_a_version_expected_but_not_sent_is_no_conflict(operation: RequestContext) -> None:
    problem = [{"path": "version", "msg": "is required"}]
    wire = Scripted(lambda _: reply(400, refusal("VALIDATION_ERROR", problem)))

    with pytest.raises(InvalidInput) as refused:
        await source(wire).update(operation, ID, ClientPatch({"status": "closed"}))

    assert refused.value.issues == (Issue("expectedVersion", "REFUSED_BY_API", "is required"),)
    assert wire.calls == [f"PUT /clients/{ID}"]


async def test_a_version_named_in_an_object_is_a_conflict(operation: RequestContext) -> None:
    body = refusal("BAD_REQUEST", {"currentVersion": 9})
    wire = Scripted(lambda request: reply(400 if request.method == "PUT" else 404, body))

    with pytest.raises(Conflict):
        await source(wire).update(operation, ID, ClientPatch({}, expected_version=3))


@pytest.mark.parametrize("status", [409, 412])
async def test_what_is_new_cannot_have_changed(operation: RequestContext, status: int) -> None:
    wire = Scripted(lambda _: reply(status, refusal("DUPLICATE", [{"field": "email"}])))

    with pytest.raises(InvalidInput) as refused:
        await source(wire).create(operation, NEW)

    assert refused.value.issues == (Issue("email", "REFUSED_BY_API", "is not valid"),)
    assert wire.calls == ["POST /clients"]


async def test_a_create_at_the_wrong_address_misses_no_client(operation: RequestContext) -> None:
    with pytest.raises(Unavailable, match="at this address"):
        await source(Scripted(lambda _: reply(404, refusal("NOT_FOUND")))).create(operation, NEW)


class Slow(Scripted):
    """Answers a second later, and says how many answers it gave."""

    ended = 0

    async def handle(self, request: Request[Any]) -> Response:
        await asyncio.sleep(1)
        self.ended += 1
        return await super().handle(request)


def detached(wire: Scripted) -> UncachedClientSource:
    """The source as the gateway composes it: its writes outlive their callers."""
    rest = source(wire)
    return UncachedClientSource(rest, rest, write_cost=write_cost, tasks=DetachedTasks())


async def test_a_caller_who_leaves_takes_no_write_along(operation: RequestContext) -> None:
    wire = Slow(lambda _: reply(201, DONE))
    writing = asyncio.create_task(detached(wire).create(operation, NEW))
    await asyncio.sleep(0.5)

    writing.cancel()
    await asyncio.wait([writing])
    assert wire.ended == 0
    await asyncio.sleep(5)

    assert (writing.cancelled(), wire.ended, wire.calls) == (True, 1, ["POST /clients"])


async def test_a_write_that_fails_when_its_caller_has_left_fails_quietly(
    operation: RequestContext,
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, complaint: complaints.append(complaint)
    )
    writing = asyncio.create_task(detached(Slow(lambda _: ReadError("x"))).create(operation, NEW))
    await asyncio.sleep(0.5)

    writing.cancel()
    await asyncio.wait([writing])
    await asyncio.sleep(5)
    del writing  # what it ended with holds on to the write
    gc.collect()

    assert complaints == []
