"""What is sent a second time, on virtual time; chance always says one half."""

import asyncio

import httpx
import pytest

from gateway.api.retry import RetryingTransport
from gateway.api.stack import compose_transport
from gateway.transport.errors import CertificateError, InvalidRequest, ResponseTooLarge
from schema.source.errors import RateLimited
from schema.source.request_context import RateLimitState
from tests.upstream.transports.conftest import OK, Known, Scripted, receipt, refusal, request

NEVER_SENT = [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")]
MAYBE_SENT = [
    httpx.ReadError("x"),
    httpx.WriteError("x"),
    httpx.ReadTimeout("x"),
    httpx.RemoteProtocolError("x"),
]
PASSING = [httpx.Response(status) for status in (500, 502, 503, 504)]
LASTING = [httpx.Response(status) for status in (400, 401, 403, 404, 409, 501)]
WRITES = ["POST", "PUT", "DELETE"]


def now() -> float:
    return asyncio.get_running_loop().time()


def half() -> float:
    return 0.5


def retrying(inner: Scripted, *, remaining: int = 500) -> RetryingTransport:
    state = RateLimitState(limit=500, remaining=remaining, reset_seconds=900)
    return RetryingTransport(inner, budget=lambda: state, clock=now, random=half)


async def ask(
    transport: httpx.AsyncBaseTransport, method: str = "GET", *, seconds: float = 10
) -> int | type[BaseException]:
    outgoing = request(method, deadline=now() + seconds)
    try:
        return (await transport.handle_async_request(outgoing)).status_code
    except (httpx.TransportError, RateLimited) as error:
        return type(error)


@pytest.mark.parametrize("trouble", [*NEVER_SENT, *MAYBE_SENT, *PASSING], ids=str)
async def test_a_get_is_sent_again_once_after_a_passing_trouble(
    trouble: httpx.Response | Exception,
) -> None:
    inner = Scripted([trouble, OK])

    assert await ask(retrying(inner)) == 200
    assert [at for at, _ in inner.seen] == [0.0, 0.025]


async def test_a_get_is_sent_twice_at_most() -> None:
    inner = Scripted([httpx.Response(502), httpx.ReadError("x"), OK])

    assert await ask(retrying(inner)) is httpx.ReadError
    assert len(inner.seen) == 2


@pytest.mark.parametrize("first", [OK, *LASTING, *PASSING, *MAYBE_SENT, *NEVER_SENT], ids=str)
async def test_a_received_response_is_returned_without_waiting_unless_it_may_be_retried(
    first: httpx.Response | Exception,
) -> None:
    retry, outgoing = retrying(inner := Scripted([first, OK])), request(deadline=now() + 10)
    begun = retry.send(outgoing)
    early = retry.ended(begun)
    await asyncio.wait([begun])
    late = retry.ended(begun)
    await retry.end(outgoing, begun)

    again = len(inner.seen) > 1
    assert (early, late) == (None, None if again else first)


@pytest.mark.parametrize("method", ["GET", *WRITES])
@pytest.mark.parametrize("answer", LASTING, ids=str)
async def test_an_answer_that_would_be_the_same_is_not_requested_again(
    method: str, answer: httpx.Response
) -> None:
    inner = Scripted([answer])

    assert await ask(retrying(inner), method) == answer.status_code
    assert len(inner.seen) == 1


@pytest.mark.parametrize(
    "error", [ResponseTooLarge("x"), CertificateError("x"), InvalidRequest("x")], ids=repr
)
async def test_an_error_that_would_be_the_same_is_not_repeated(error: httpx.TransportError) -> None:
    inner = Scripted([error])

    assert await ask(retrying(inner)) is type(error)
    assert len(inner.seen) == 1


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("error", NEVER_SENT, ids=repr)
async def test_a_write_that_never_left_is_sent_again(
    method: str, error: httpx.TransportError
) -> None:
    inner = Scripted([error, OK])

    assert await ask(retrying(inner), method) == 200
    assert len(inner.seen) == 2


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("end", [*MAYBE_SENT, *PASSING], ids=str)
async def test_a_write_that_may_have_happened_is_never_sent_again(
    method: str, end: httpx.Response | httpx.TransportError
) -> None:
    inner = Scripted([end])

    ended = end.status_code if isinstance(end, httpx.Response) else type(end)
    assert await ask(retrying(inner), method) == ended
    assert len(inner.seen) == 1


async def test_a_write_sent_again_that_then_may_have_happened_is_not_sent_a_third_time() -> None:
    inner = Scripted([httpx.ConnectError("x"), httpx.ReadError("x"), OK])

    assert await ask(retrying(inner), "POST") is httpx.ReadError
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
    inner = Scripted([httpx.Response(429, headers={"Retry-After": "1"}, content=b"<html>"), OK])

    assert await ask(retrying(inner), method) == 429
    assert len(inner.seen) == 1


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "3"}, {"Retry-After": "1", "RateLimit-Reset": "300"}, {}]
)
async def test_a_long_or_unstated_429_is_answered_at_once(headers: dict[str, str]) -> None:
    inner = Scripted([httpx.Response(429, headers=headers), OK])
    began = now()

    assert await ask(retrying(inner)) == 429
    assert (len(inner.seen), now() - began) == (1, 0.0)


async def test_a_503_that_says_when_is_believed() -> None:
    soon = Scripted([httpx.Response(503, headers={"Retry-After": "1"}), OK])
    late = Scripted([httpx.Response(503, headers={"Retry-After": "60"}), OK])

    assert (await ask(retrying(soon)), await ask(retrying(late))) == (200, 503)
    assert [at for at, _ in soon.seen] == [0.0, 1.0]


async def test_no_attempt_is_begun_that_has_no_time_left() -> None:
    inner = Scripted([(1.0, httpx.ReadError("x")), OK])

    assert await ask(retrying(inner), seconds=1.27) is httpx.ReadError
    assert len(inner.seen) == 1


async def test_a_lasting_outage_is_not_called_twice_by_every_caller() -> None:
    inner = Scripted([httpx.Response(503)])
    transport = retrying(inner)

    assert [await ask(transport) for _ in range(50)] == [503] * 50
    assert len(inner.seen) == 55


async def test_what_the_budget_refuses_makes_no_retry_more() -> None:
    refused = [RateLimited("x", retry_after=5)] * 40
    inner = Scripted([*refused, *[httpx.Response(503)] * 9])
    transport = retrying(inner)
    ends = [await ask(transport) for _ in range(44)]

    assert ends == [RateLimited] * 40 + [503] * 4
    assert len(inner.seen) == 40 + 4 + 1


async def test_no_retry_is_made_from_the_last_fifth_of_the_window() -> None:
    inner = Scripted([httpx.Response(503), OK])

    assert await ask(retrying(inner, remaining=99)) == 503
    assert len(inner.seen) == 1


async def test_where_there_is_no_budget_for_a_second_attempt_the_first_is_the_answer() -> None:
    limited = RateLimited("x", retry_after=5)
    answered, failed = (
        Scripted([httpx.Response(503), limited]),
        Scripted([httpx.ReadError("x"), limited]),
    )

    assert await ask(retrying(answered)) == 503
    assert await ask(retrying(failed)) is httpx.ReadError


async def test_a_refusal_by_the_budget_is_passed_on() -> None:
    inner = Scripted([RateLimited("x", retry_after=5)])

    assert await ask(retrying(inner)) is RateLimited
    assert len(inner.seen) == 1


async def test_composed_each_attempt_is_paid_and_counted() -> None:
    inner = Scripted([httpx.Response(503), OK])
    transport, budget = compose_transport(inner, clock=now, random=half, proven=Known("p"))
    outgoing = request(deadline=now() + 10)

    assert (await transport.handle_async_request(outgoing)).status_code == 200
    assert receipt(outgoing).calls == 2
    assert receipt(outgoing).budget == budget.state()
    assert budget.state().remaining == 498


async def test_composed_callers_refused_by_a_short_429_all_get_their_answer() -> None:
    refused = refusal(429, Retry_After="1")
    inner = Scripted([*[(0.1, refused)] * 5, (0.1, OK)])
    transport, _ = compose_transport(inner, clock=now, random=half, proven=Known("p"))

    assert await asyncio.gather(*(ask(transport, "POST") for _ in range(5))) == [200] * 5
    assert [at for at, _ in inner.seen] == [*[0.0] * 5, 1.1, *[1.2] * 2, *[1.3] * 2]


async def test_composed_a_long_429_costs_one_call_until_it_ends() -> None:
    refused = refusal(429, Retry_After="900")
    inner = Scripted([refused, OK])
    transport, _ = compose_transport(inner, clock=now, random=half, proven=Known("p"))

    first = await ask(transport)
    later = await asyncio.gather(*(ask(transport) for _ in range(1000)))

    assert (first, set(later), len(inner.seen)) == (429, {RateLimited}, 1)


async def test_second_attempts_of_strangers_take_none_from_those_who_are_known() -> None:
    state = RateLimitState(limit=500, remaining=500, reset_seconds=900)
    inner = Scripted([httpx.Response(503), httpx.Response(503), httpx.Response(503), OK])
    retry = RetryingTransport(
        inner, budget=lambda: state, clock=now, random=half, known=lambda each: each == "p"
    )
    stranger = request(deadline=now() + 10, caller="stranger")

    assert (await retry.handle_async_request(stranger)).status_code == 503
    assert await ask(retry) == 200
    assert len(inner.seen) == 4
