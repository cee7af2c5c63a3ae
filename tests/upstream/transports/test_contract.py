"""What every transport promises, on real sockets: limits, and what became of a request."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.ratelimit.limiter import LimiterOptions, RateLimiter
from gateway.transport.connector import create_ssl_context
from gateway.transport.errors import (
    CertificateError,
    ConnectError,
    ConnectTimeout,
    InvalidRequest,
    PoolTimeout,
    ReadTimeout,
    RemoteProtocolError,
    ResponseTooLarge,
    was_never_sent,
)
from gateway.transport.messages import Response
from tests.tcp_proxy import Fault, TcpProxy
from tests.upstream.transports.conftest import ANSWER, Upstream, request
from tests.upstream.transports.real import (
    LOOPS,
    TRUTHS,
    OpenWire,
    Sending,
    builtin,
    ends_of_cuts,
    over_httpx,
    secured,
    send,
    soon,
)

pytestmark = pytest.mark.anyio  # early, so that the parametrized fixtures meet the real loop


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, Mapping[str, Any]]:
    backend: tuple[str, Mapping[str, Any]] = request.param
    return backend


@pytest.fixture(params=[builtin, over_httpx], ids=["builtin", "httpx"])
def open_wire(request: pytest.FixtureRequest) -> OpenWire:
    opened: OpenWire = request.param
    return opened


@pytest.fixture
async def wire(open_wire: OpenWire) -> AsyncIterator[Sending]:
    made = open_wire()
    yield made
    await made.aclose()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(upstream.port) as made:
        yield made


async def test_an_answer_arrives_whole_and_the_request_as_it_was_given(
    wire: Sending, upstream: Upstream
) -> None:
    answer = await send(
        wire, "POST", f"{upstream.url}/v1/clients?a=b%20c", headers={"X-API-Key": "k"}
    )

    assert isinstance(answer, Response)
    assert (answer.status_code, answer.content, answer.headers.get("content-length")) == (
        200,
        b"{}",
        "2",
    )
    (head,) = upstream.heads
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/clients?a=b%20c http/1.1"
    assert sorted({line.split(":")[0] for line in lines[1:] if line} - {"connection"}) == [
        "accept-encoding",
        "content-length",
        "host",
        "user-agent",
        "x-api-key",
    ]
    assert "accept-encoding: identity" in lines
    assert "x-api-key: k" in lines


async def test_a_chunked_answer_arrives_whole(wire: Sending, upstream: Upstream) -> None:
    upstream.answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    )

    answer = await send(wire, "GET", upstream.url)

    assert isinstance(answer, Response)
    assert answer.content == b"abcde"


async def test_a_redirect_comes_back_as_it_is_and_is_not_followed(
    wire: Sending, upstream: Upstream
) -> None:
    location = f"{upstream.url}/elsewhere"
    upstream.answer = (
        f"HTTP/1.1 307 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    )

    answer = await send(wire, "GET", f"{upstream.url}/here")

    assert isinstance(answer, Response)
    assert (answer.status_code, answer.headers.get("location")) == (307, location)
    assert upstream.received == ["GET /here"]


async def test_no_cookie_is_kept(wire: Sending, upstream: Upstream) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"

    for _ in range(2):
        await send(wire, "GET", upstream.url)

    assert [b"cookie" in head.lower() for head in upstream.heads] == [False, False]


async def test_proxies_of_the_environment_are_ignored(
    open_wire: OpenWire, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    wire = open_wire()

    answer = await send(wire, "GET", f"{upstream.url}/direct")
    await wire.aclose()

    assert isinstance(answer, Response)
    assert upstream.received == ["GET /direct"]


async def test_compression_that_was_not_requested_is_not_undone(
    wire: Sending, upstream: Upstream
) -> None:
    upstream.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    )

    answer = await send(wire, "GET", upstream.url)

    assert isinstance(answer, Response)
    assert answer.content == b"\x1f\x8b\x08\x00"


async def test_a_header_that_is_no_text_does_not_hide_the_others(
    wire: Sending, upstream: Upstream
) -> None:
    upstream.answer = (
        b"HTTP/1.1 200 OK\r\nX-A: caf\xe9\r\nX-A: caf\xc3\xa9\r\n"
        b"X-B: b\r\nContent-Length: 0\r\n\r\n"
    )

    answer = await send(wire, "GET", upstream.url)

    assert isinstance(answer, Response)
    assert answer.headers.fields == [(b"x-b", b"b"), (b"content-length", b"0")]


async def test_a_body_declared_too_large_is_refused_unread(
    open_wire: OpenWire, upstream: Upstream
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"
    wire = open_wire(body_bytes=100)

    error = await send(wire, "GET", upstream.url)
    await wire.aclose()

    assert isinstance(error, ResponseTooLarge)
    assert not was_never_sent(error)


_ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fffffff\r\n"


async def test_an_endless_body_is_cut_off_without_reading_the_rest(
    open_wire: OpenWire, upstream: Upstream
) -> None:
    upstream.answer = _ENDLESS + b"a" * 65536
    wire = open_wire(body_bytes=60_000)

    error = await send(wire, "GET", upstream.url)
    await wire.aclose()

    assert isinstance(error, ResponseTooLarge)


@pytest.mark.parametrize("head", [b"X-A: " + b"a" * 70_000, b"\r\n".join([b"X-A: a"] * 5000)])
async def test_headers_that_are_too_large_are_refused(
    wire: Sending, upstream: Upstream, head: bytes
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\n" + head + b"\r\nContent-Length: 0\r\n\r\n"

    error = await send(wire, "GET", upstream.url)

    assert isinstance(error, ResponseTooLarge | RemoteProtocolError)


async def test_a_refused_connection_means_never_sent(wire: Sending) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        error = await send(wire, "POST", f"http://127.0.0.1:{reserved.getsockname()[1]}")

    assert isinstance(error, ConnectError)
    assert str(error) == "Connection refused"


async def test_a_connection_that_does_not_stand_in_time_means_never_sent(
    open_wire: OpenWire,
) -> None:
    wire = open_wire(connect_seconds=0.2)
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            other = others.enter_context(socket.socket())
            other.setblocking(False)  # noqa: FBT003 -- its only argument
            other.connect_ex(full.getsockname())
        error = await send(wire, "POST", f"http://127.0.0.1:{full.getsockname()[1]}")
    await wire.aclose()

    assert isinstance(error, ConnectTimeout)


async def test_a_deadline_that_has_passed_means_never_sent(
    wire: Sending, upstream: Upstream
) -> None:
    error = await send(wire, "POST", upstream.url, deadline=time.monotonic() - 1)

    assert isinstance(error, ConnectTimeout)
    assert upstream.received == []


async def test_a_request_that_cannot_be_written_means_never_sent(
    wire: Sending, upstream: Upstream
) -> None:
    error = await send(wire, "POST", upstream.url, headers={"X-API-Key": "secret\nX-Other: b"})

    assert isinstance(error, InvalidRequest)
    assert "secret" not in str(error)
    assert error.__cause__ is None
    assert upstream.received == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_aself_signed_certificate_is_refused_before_anything_is_sent(
    wire: Sending, upstream: Upstream, tmp_path: Path, method: str
) -> None:
    async with secured(upstream, tmp_path) as url:
        error = await send(wire, method, url)

    assert isinstance(error, CertificateError)
    assert str(error) == "its certificate is not trusted: self-signed certificate"
    assert upstream.received == []


async def test_a_name_that_does_not_resolve_is_named(wire: Sending) -> None:
    error = await send(wire, "GET", "http://no-such-host.invalid/")

    assert isinstance(error, ConnectError)
    assert str(error) == "the name no-such-host.invalid does not resolve"


async def test_over_tls_a_connection_is_trusted_as_the_machine_says(
    open_wire: OpenWire, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"a" * 100_000
    upstream.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body
    async with secured(upstream, tmp_path) as url:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        wire = open_wire(ssl_context=create_ssl_context())
        answers = [await send(wire, "GET", f"{url}/{number}") for number in range(3)]
        elsewhere = await send(wire, "POST", url.replace("127.0.0.1", "localhost"))
        await wire.aclose()

    contents = [answer.content for answer in answers if isinstance(answer, Response)]
    assert contents == [body] * 3
    assert isinstance(elsewhere, CertificateError)  # the certificate is another's
    assert upstream.received == ["GET /0", "GET /1", "GET /2"]


async def test_a_server_that_asks_for_a_certificate_gets_the_configured_one(
    open_wire: OpenWire, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with secured(upstream, tmp_path, asks_clients=True) as url:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        own = tmp_path / "own.pem"
        own.write_bytes(
            (tmp_path / "certificate.pem").read_bytes() + (tmp_path / "key.pem").read_bytes()
        )
        ends = []
        for context in (create_ssl_context(own), create_ssl_context()):
            wire = open_wire(ssl_context=context)
            ends.append(await send(wire, "GET", url))
            await wire.aclose()

    assert [isinstance(end, Response) for end in ends] == [True, False]
    assert upstream.received == ["GET /"]


def test_where_the_machine_trusts_no_authority_certifi_says_whom_to_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))

    assert create_ssl_context().cert_store_stats()["x509_ca"] > 50


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_where_no_tls_is_spoken_nothing_is_sent(
    wire: Sending, upstream: Upstream, method: str
) -> None:
    error = await send(wire, method, upstream.url.replace("http:", "https:"))

    assert error is not None
    assert isinstance(error, ConnectError | ConnectTimeout)
    assert not isinstance(error, CertificateError)
    assert upstream.received == []


async def test_a_slow_answer_is_cut_at_the_attempts_end_and_maybe_sent(
    open_wire: OpenWire, upstream: Upstream
) -> None:
    upstream.pause = 5.0
    wire = open_wire(attempt_seconds=0.2)

    error = await send(wire, "POST", f"{upstream.url}/slow")
    await wire.aclose()

    assert isinstance(error, ReadTimeout)
    assert upstream.received == ["POST /slow"]


async def test_a_slow_answer_is_cut_at_the_deadline(wire: Sending, upstream: Upstream) -> None:
    upstream.pause = 5.0

    error = await send(wire, "GET", upstream.url, deadline=soon(0.2))

    assert isinstance(error, ReadTimeout)


async def test_a_dripping_answer_is_cut_at_the_attempts_end(
    open_wire: OpenWire, upstream: Upstream, proxy: TcpProxy
) -> None:
    proxy.fault = Fault(drip=0.05)
    wire = open_wire(attempt_seconds=0.3)

    error = await send(wire, "GET", f"http://127.0.0.1:{proxy.port}")
    await wire.aclose()

    assert isinstance(error, ReadTimeout)
    assert len(upstream.received) == 1


async def test_a_swallowed_request_is_maybe_sent(open_wire: OpenWire, proxy: TcpProxy) -> None:
    proxy.fault = Fault(swallow=True)
    wire = open_wire(attempt_seconds=0.2)

    error = await send(wire, "DELETE", f"http://127.0.0.1:{proxy.port}")
    await wire.aclose()

    assert isinstance(error, ReadTimeout)


@pytest.mark.parametrize(
    "answer", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
async def test_nonsense_is_no_answer_and_maybe_sent(
    wire: Sending, upstream: Upstream, answer: bytes
) -> None:
    upstream.answer = answer

    error = await send(wire, "POST", upstream.url)

    assert isinstance(error, RemoteProtocolError)


async def test_what_comes_after_an_answer_is_no_other_requests_answer(
    wire: Sending, upstream: Upstream
) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    upstream.answer = ANSWER + evil
    answers = [await send(wire, "POST", upstream.url) for _ in range(3)]

    assert [answer.content for answer in answers if isinstance(answer, Response)] == [b"{}"] * 3
    assert upstream.over == [1, 2, 3]


async def test_an_answer_may_end_with_its_connection(wire: Sending, upstream: Upstream) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\n\r\nabc"
    answering = asyncio.create_task(send(wire, "GET", upstream.url))
    await upstream.arrival.wait()
    await asyncio.sleep(0.02)
    upstream.say_goodbye()
    answer = await answering

    assert isinstance(answer, Response)
    assert answer.content == b"abc"


async def test_answers_to_many_at_once_reach_their_callers(
    open_wire: OpenWire, upstream: Upstream
) -> None:
    upstream.echo = True
    wire = open_wire(max_in_flight=64, attempt_seconds=20, connect_seconds=20)
    urls = [f"{upstream.url}/{number}" for number in range(64)] * 5
    answers = [
        answer
        for begin in range(0, len(urls), 64)
        for answer in await asyncio.gather(
            *(send(wire, "GET", url) for url in urls[begin : begin + 64])
        )
    ]
    await wire.aclose()

    contents = [answer.content for answer in answers if isinstance(answer, Response)]
    assert contents == [f"GET {urlsplit(url).path}".encode() for url in urls]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_wherever_the_connection_is_cut_the_wire_tells_the_truth_and_sends_once(
    open_wire: OpenWire, upstream: Upstream, proxy: TcpProxy, method: str, *, reset: bool
) -> None:
    ends = await ends_of_cuts(open_wire, upstream, proxy, method, reset=reset)

    assert {(0, "maybe sent"), (1, "maybe sent"), (1, "answered")} <= ends <= TRUTHS


async def test_the_pool_survives_callers_who_leave(open_wire: OpenWire, upstream: Upstream) -> None:
    upstream.pause = 0.02
    wire = open_wire(max_in_flight=10, attempt_seconds=20, connect_seconds=20)
    chance = random.Random(0)  # noqa: S311 -- not for secrets
    ends = soon(2.0)

    async def churn() -> None:
        while time.monotonic() < ends:
            # Above the patience below: a call that never ends is seen in flight.
            call = asyncio.create_task(send(wire, "GET", upstream.url, deadline=soon(60)))
            await asyncio.sleep(chance.uniform(0, 0.03))
            call.cancel()
            await asyncio.wait({call})

    await asyncio.gather(*(churn() for _ in range(30)))
    patience = soon()
    while wire.in_flight and time.monotonic() < patience:  # noqa: ASYNC110 -- it has no event
        await asyncio.sleep(0.01)
    flying = wire.in_flight
    ten = [await send(wire, "GET", upstream.url) for _ in range(10)]
    await wire.aclose()

    assert flying == 0
    assert [isinstance(answer, Response) for answer in ten] == [True] * 10


async def test_calls_that_were_cut_at_their_end_leave_nothing_open(
    open_wire: OpenWire, proxy: TcpProxy
) -> None:
    wire = open_wire(max_in_flight=10, attempt_seconds=0.3)
    url = f"http://127.0.0.1:{proxy.port}"
    for fault in (Fault(swallow=True), Fault(drip=0.02), Fault(delay=1.0)) * 2:
        proxy.fault = fault
        ends = await asyncio.gather(*(send(wire, "GET", url) for _ in range(10)))
        assert [type(end) for end in ends] == [ReadTimeout] * 10
    proxy.fault = Fault()
    in_flight = wire.in_flight
    ten = [await send(wire, "GET", url) for _ in range(10)]
    await wire.aclose()

    assert in_flight == 0
    assert [isinstance(answer, Response) for answer in ten] == [True] * 10


async def test_a_caller_who_leaves_leaves_its_request_flying_to_its_end(
    wire: Sending, upstream: Upstream
) -> None:
    upstream.pause = 0.05
    call = asyncio.create_task(send(wire, "DELETE", f"{upstream.url}/left"))
    await upstream.arrival.wait()
    call.cancel()
    await asyncio.wait({call})

    assert (call.cancelled(), wire.in_flight) == (True, 1)
    await wire.aclose()
    assert (wire.in_flight, upstream.received) == (0, ["DELETE /left"])


async def test_under_the_rate_limiter_too_a_request_continues_when_its_caller_leaves(
    wire: Sending, upstream: Upstream
) -> None:
    upstream.pause = 0.05
    limiter = RateLimiter(wire, LimiterOptions())
    call = limiter.send(request("DELETE", f"{upstream.url}/left", deadline=soon()))
    await upstream.arrival.wait()
    call.cancel()
    await asyncio.wait({call})

    assert (call.cancelled(), wire.in_flight) == (True, 1)
    await limiter.aclose()
    assert (wire.in_flight, upstream.received) == (0, ["DELETE /left"])


async def test_more_flights_than_allowed_are_refused_unsent(
    open_wire: OpenWire, upstream: Upstream
) -> None:
    upstream.pause = 0.05
    wire = open_wire(max_in_flight=2)

    ends = await asyncio.gather(*(send(wire, "POST", upstream.url) for _ in range(3)))
    await wire.aclose()

    assert [isinstance(end, PoolTimeout) for end in ends] == [False, False, True]
    assert len(upstream.received) == 2


async def test_a_closed_wire_sends_nothing(wire: Sending, upstream: Upstream) -> None:
    await wire.aclose()

    assert isinstance(await send(wire, "POST", upstream.url), PoolTimeout)
    assert upstream.received == []
