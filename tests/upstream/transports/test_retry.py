"""What is sent a second time, on virtual time; chance always says one half."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.api.client import ApiClient
from gateway.api.retry import RetryPolicy
from gateway.api.source import RestClientSource
from gateway.api.stack import compose_source
from gateway.ratelimit.limiter import LimiterOptions, RateLimiter
from gateway.transport.errors import (
    CertificateError,
    ConnectError,
    ConnectTimeout,
    InvalidRequest,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    ResponseTooLarge,
    TransportError,
)
from gateway.transport.messages import Response
from schema.source.errors import ClientError, RateLimited
from schema.source.records import FIELDS, ClientId, ClientRecord
from schema.source.request_context import (
    Caller,
    Credential,
    Priority,
    RateLimitState,
    RequestContext,
)
from schema.source.writes import Confirmation
from tests.upstream.transports.conftest import OK, Known, Scripted, refusal
from tests.wires import respond

NEVER_SENT = [ConnectError("x"), ConnectTimeout("x"), PoolTimeout("x")]
MAYBE_SENT = [
    ReadError("x"),
    ReadTimeout("x"),
    RemoteProtocolError("x"),
]
PASSING = [respond(status) for status in (500, 502, 503, 504)]
LASTING = [respond(status) for status in (400, 401, 403, 404, 409, 501)]
ID = ClientId("11111111-1111-4111-8111-111111111111")
WRITES = ["POST", "PUT", "DELETE"]


def now() -> float:
    return asyncio.get_running_loop().time()


def half() -> float:
    return 0.5


def retrying(
    inner: Scripted, *, remaining: int = 500, verified: Callable[[str], bool] = lambda _: True
) -> ApiClient:
    state = RateLimitState(limit=500, remaining=remaining, reset_seconds=900)
    policy = RetryPolicy(state=lambda: state, verified=verified, clock=now, random=half)
    return ApiClient(inner, "http://api.test/v1", now, policy)


def operation_of(caller: str = "p", *, seconds: float = 10) -> RequestContext:
    return RequestContext(Caller(caller, Credential("X-API-Key", "k")), now() + seconds)


async def ask(
    client: ApiClient, method: str = "GET", *, caller: str = "p", seconds: float = 10
) -> int | type[BaseException]:
    operation = operation_of(caller, seconds=seconds)
    try:
        if method == "GET":
            return (await client.read(operation, "", Priority.INTERACTIVE)).status_code
    except ClientError as error:
        return type(error.__cause__ or error)
    end = await client.write(operation, method, "")
    return end.status_code if isinstance(end, Response) else type(end)


def composed(inner: Scripted) -> tuple[RestClientSource, RateLimiter]:
    options = LimiterOptions(clock=now, proven=Known("p"))
    return compose_source(inner, "http://api.test/v1", options, random=half)


@pytest.mark.parametrize("trouble", [*NEVER_SENT, *MAYBE_SENT, *PASSING], ids=str)
async def test_a_get_is_sent_again_once_after_a_passing_trouble(
    trouble: Response | Exception,
) -> None:
    inner = Scripted([trouble, OK])

    assert await ask(retrying(inner)) == 200
    assert [at for at, _ in inner.seen] == [0.0, 0.025]


async def test_a_get_is_sent_twice_at_most() -> None:
    inner = Scripted([respond(502), ReadError("x"), OK])

    assert await ask(retrying(inner)) is ReadError
    assert len(inner.seen) == 2


@pytest.mark.parametrize("method", ["GET", *WRITES])
@pytest.mark.parametrize("answer", LASTING, ids=str)
async def test_an_answer_that_would_be_the_same_is_not_requested_again(
    method: str, answer: Response
) -> None:
    inner = Scripted([answer])

    assert await ask(retrying(inner), method) == answer.status_code
    assert len(inner.seen) == 1


@pytest.mark.parametrize(
    "error", [ResponseTooLarge("x"), CertificateError("x"), InvalidRequest("x")], ids=repr
)
async def test_an_error_that_would_be_the_same_is_not_repeated(error: TransportError) -> None:
    inner = Scripted([error])

    assert await ask(retrying(inner)) is type(error)
    assert len(inner.seen) == 1


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("error", NEVER_SENT, ids=repr)
async def test_a_write_that_never_left_is_sent_again(method: str, error: TransportError) -> None:
    inner = Scripted([error, OK])

    assert await ask(retrying(inner), method) == 200
    assert len(inner.seen) == 2


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("end", [*MAYBE_SENT, *PASSING], ids=str)
async def test_a_write_that_may_have_happened_is_never_sent_again(
    method: str, end: Response | TransportError
) -> None:
    inner = Scripted([end])

    ended = end.status_code if isinstance(end, Response) else type(end)
    assert await ask(retrying(inner), method) == ended
    assert len(inner.seen) == 1


async def test_a_write_sent_again_that_then_may_have_happened_is_not_sent_a_third_time() -> None:
    inner = Scripted([ConnectError("x"), ReadError("x"), OK])

    assert await ask(retrying(inner), "POST") is ReadError
    assert len(inner.seen) == 2


@pytest.mark.parametrize("method", ["GET", *WRITES])
async def test_a_short_429_is_waited_out_for_any_method_since_nothing_was_done(method: str) -> None:
    inner = Scripted([refusal(429, Retry_After="2"), OK])

    assert await ask(retrying(inner, remaining=0), method) == 200
    assert [at for at, _ in inner.seen] == [0.0, 2.0]


@pytest.mark.parametrize("method", WRITES)
async def test_a_429_that_is_not_the_apis_leaves_a_write_unknown_and_sends_it_once(
    method: str,
) -> None:
    inner = Scripted([respond(429, headers={"Retry-After": "1"}, content=b"<html>"), OK])

    assert await ask(retrying(inner), method) == 429
    assert len(inner.seen) == 1


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "3"}, {"Retry-After": "1", "RateLimit-Reset": "300"}, {}]
)
async def test_a_long_or_unstated_429_is_answered_at_once(headers: dict[str, str]) -> None:
    inner = Scripted([respond(429, headers=headers), OK])
    began = now()

    assert await ask(retrying(inner)) == 429
    assert (len(inner.seen), now() - began) == (1, 0.0)


async def test_a_503_that_says_when_is_believed() -> None:
    soon = Scripted([respond(503, headers={"Retry-After": "1"}), OK])
    late = Scripted([respond(503, headers={"Retry-After": "60"}), OK])

    assert (await ask(retrying(soon)), await ask(retrying(late))) == (200, 503)
    assert [at for at, _ in soon.seen] == [0.0, 1.0]


async def test_no_attempt_is_begun_that_has_no_time_left() -> None:
    inner = Scripted([(1.0, ReadError("x")), OK])

    assert await ask(retrying(inner), seconds=1.27) is ReadError
    assert len(inner.seen) == 1


async def test_a_lasting_outage_is_not_called_twice_by_every_caller() -> None:
    inner = Scripted([respond(503)])
    transport = retrying(inner)

    assert [await ask(transport) for _ in range(50)] == [503] * 50
    assert len(inner.seen) == 55


async def test_what_the_budget_refuses_makes_no_retry_more() -> None:
    refused = [RateLimited("x", retry_after=5)] * 40
    inner = Scripted([*refused, *[respond(503)] * 9])
    transport = retrying(inner)
    ends = [await ask(transport) for _ in range(44)]

    assert ends == [RateLimited] * 40 + [503] * 4
    assert len(inner.seen) == 40 + 4 + 1


async def test_no_retry_is_made_from_the_last_fifth_of_the_window() -> None:
    inner = Scripted([respond(503), OK])

    assert await ask(retrying(inner, remaining=99)) == 503
    assert len(inner.seen) == 1


async def test_where_there_is_no_budget_for_a_second_attempt_the_first_is_the_answer() -> None:
    limited = RateLimited("x", retry_after=5)
    answered, failed = (
        Scripted([respond(503), limited]),
        Scripted([ReadError("x"), limited]),
    )

    assert await ask(retrying(answered)) == 503
    assert await ask(retrying(failed)) is ReadError


async def test_a_refusal_by_the_budget_is_passed_on() -> None:
    inner = Scripted([RateLimited("x", retry_after=5)])

    assert await ask(retrying(inner)) is RateLimited
    assert len(inner.seen) == 1


FOUND = respond(200, json={"success": True, "data": {"id": ID}})


async def fetch(source: RestClientSource, operation: RequestContext) -> object:
    [found] = await source.fetch(operation, [ID], FIELDS, Priority.INTERACTIVE)
    return type(found)


async def test_composed_each_attempt_is_paid_and_counted() -> None:
    source, limiter = composed(Scripted([respond(503), FOUND]))
    operation = operation_of()

    assert await fetch(source, operation) is ClientRecord
    assert operation.receipt.calls == 2
    assert operation.receipt.budget == limiter.state()
    assert limiter.state().remaining == 498


async def test_composed_callers_refused_by_a_short_429_all_get_their_answer() -> None:
    refused = refusal(429, Retry_After="1")
    source, _ = composed(inner := Scripted([*[(0.1, refused)] * 5, (0.1, OK)]))

    assert (
        await asyncio.gather(*(source.delete(operation_of(), ID) for _ in range(5)))
        == [Confirmation.ANSWER] * 5
    )
    assert [at for at, _ in inner.seen] == [*[0.0] * 5, 1.1, *[1.2] * 2, *[1.3] * 2]


async def test_composed_a_long_429_costs_one_call_until_it_ends() -> None:
    source, _ = composed(inner := Scripted([refusal(429, Retry_After="900"), OK]))

    first = await fetch(source, operation_of())
    later = await asyncio.gather(*(fetch(source, operation_of()) for _ in range(1000)))

    assert (first, set(later), len(inner.seen)) == (RateLimited, {RateLimited}, 1)


async def test_second_attempts_of_strangers_take_none_from_those_who_are_known() -> None:
    inner = Scripted([respond(503), respond(503), respond(503), OK])
    retry = retrying(inner, verified=lambda each: each == "p")

    assert await ask(retry, caller="stranger") == 503
    assert await ask(retry) == 200
    assert len(inner.seen) == 4
