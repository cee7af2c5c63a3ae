"""The wire, on real sockets: limits, and what it says became of a request."""

import asyncio
import contextlib
import random
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from uvloop import new_event_loop

from gateway.api.stack import compose_transport
from gateway.transport.connector import create_ssl_context
from gateway.transport.errors import (
    CertificateError,
    InvalidRequest,
    ResponseTooLarge,
    was_never_sent,
)
from gateway.transport.pool import ConnectionPool
from tests.clockwork import REAL
from tests.tcp_proxy import Fault, TcpProxy
from tests.upstream.transports.conftest import Upstream, request

pytestmark = pytest.mark.anyio  # early, so that the parametrized fixtures meet the real loop


@pytest.fixture(
    params=[REAL, ("asyncio", {"loop_factory": new_event_loop})], ids=["asyncio", "uvloop"]
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, Mapping[str, Any]]:
    backend: tuple[str, Mapping[str, Any]] = request.param
    return backend


@pytest.fixture
async def wire() -> AsyncIterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    await made.aclose()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(upstream.port) as made:
        yield made


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


async def send(
    wire: ConnectionPool,
    method: str,
    url: str,
    *,
    deadline: float | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response | httpx.TransportError:
    content = b'{"a":1}' if method in {"POST", "PUT"} else b""
    sent = request(method, url, deadline=deadline or soon(), content=content, headers=headers)
    try:
        return await wire.handle_async_request(sent)
    except httpx.TransportError as error:
        return error


async def test_an_answer_arrives_whole_and_the_request_as_it_was_given(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    answer = await send(
        wire, "POST", f"{upstream.url}/v1/clients?a=b%20c", headers={"X-API-Key": "k"}
    )

    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (
        200,
        b"{}",
        "2",
    )
    (head,) = upstream.heads
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/clients?a=b%20c http/1.1"
    assert sorted(line.split(":")[0] for line in lines[1:] if line) == [
        "accept-encoding",
        "content-length",
        "host",
        "user-agent",
        "x-api-key",
    ]
    assert "accept-encoding: identity" in lines
    assert "x-api-key: k" in lines


async def test_a_chunked_answer_arrives_whole(wire: ConnectionPool, upstream: Upstream) -> None:
    upstream.answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"
    )

    answer = await send(wire, "GET", upstream.url)

    assert isinstance(answer, httpx.Response)
    assert answer.content == b"abcde"


async def test_a_redirect_comes_back_as_it_is_and_is_not_followed(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    location = f"{upstream.url}/elsewhere"
    upstream.answer = (
        f"HTTP/1.1 307 Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    )

    answer = await send(wire, "GET", f"{upstream.url}/here")

    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, answer.headers["location"]) == (307, location)
    assert upstream.received == ["GET /here"]


async def test_no_cookie_is_kept(wire: ConnectionPool, upstream: Upstream) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"

    for _ in range(2):
        await send(wire, "GET", upstream.url)

    assert [b"cookie" in head.lower() for head in upstream.heads] == [False, False]


async def test_proxies_of_the_environment_are_ignored(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    wire = ConnectionPool()

    answer = await send(wire, "GET", f"{upstream.url}/direct")
    await wire.aclose()

    assert isinstance(answer, httpx.Response)
    assert upstream.received == ["GET /direct"]


async def test_compression_that_was_not_requested_is_not_undone(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    )

    answer = await send(wire, "GET", upstream.url)

    assert isinstance(answer, httpx.Response)
    assert answer.content == b"\x1f\x8b\x08\x00"


async def test_a_header_that_is_no_text_does_not_hide_the_others(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.answer = (
        b"HTTP/1.1 200 OK\r\nX-A: caf\xe9\r\nX-A: caf\xc3\xa9\r\n"
        b"X-B: b\r\nContent-Length: 0\r\n\r\n"
    )

    answer = await send(wire, "GET", upstream.url)

    assert isinstance(answer, httpx.Response)
    assert dict(answer.headers) == {"x-b": "b", "content-length": "0"}


async def test_a_body_declared_too_large_is_refused_unread(upstream: Upstream) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"
    wire = ConnectionPool(body_bytes=100)

    error = await send(wire, "GET", upstream.url)
    await wire.aclose()

    assert isinstance(error, ResponseTooLarge)
    assert not was_never_sent(error)


_ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fffffff\r\n"


async def test_an_endless_body_is_cut_off_without_reading_the_rest(upstream: Upstream) -> None:
    upstream.answer = _ENDLESS + b"a" * 65536
    wire = ConnectionPool(body_bytes=60_000)

    error = await send(wire, "GET", upstream.url)
    await wire.aclose()

    assert isinstance(error, ResponseTooLarge)


@pytest.mark.parametrize("head", [b"X-A: " + b"a" * 70_000, b"\r\n".join([b"X-A: a"] * 5000)])
async def test_headers_that_are_too_large_are_refused(
    wire: ConnectionPool, upstream: Upstream, head: bytes
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\n" + head + b"\r\nContent-Length: 0\r\n\r\n"

    error = await send(wire, "GET", upstream.url)

    assert isinstance(error, ResponseTooLarge | httpx.RemoteProtocolError)


async def test_a_refused_connection_means_never_sent(wire: ConnectionPool) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        error = await send(wire, "POST", f"http://127.0.0.1:{reserved.getsockname()[1]}")

    assert isinstance(error, httpx.ConnectError)
    assert str(error) == "Connection refused"


async def test_a_connection_that_does_not_stand_in_time_means_never_sent() -> None:
    wire = ConnectionPool(connect_seconds=0.2)
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            other = others.enter_context(socket.socket())
            other.setblocking(False)  # noqa: FBT003 -- its only argument
            other.connect_ex(full.getsockname())
        error = await send(wire, "POST", f"http://127.0.0.1:{full.getsockname()[1]}")
    await wire.aclose()

    assert isinstance(error, httpx.ConnectTimeout)


async def test_a_deadline_that_has_passed_means_never_sent(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    error = await send(wire, "POST", upstream.url, deadline=time.monotonic() - 1)

    assert isinstance(error, httpx.ConnectTimeout)
    assert upstream.received == []


async def test_a_request_that_cannot_be_written_means_never_sent(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    error = await send(wire, "POST", upstream.url, headers={"X-API-Key": "secret\nX-Other: b"})

    assert isinstance(error, InvalidRequest)
    assert "secret" not in str(error)
    assert error.__cause__ is None
    assert isinstance(await send(wire, "GET", "ftp://127.0.0.1/"), InvalidRequest)
    assert upstream.received == []


@contextlib.asynccontextmanager
async def secured(upstream: Upstream, folder: Path) -> AsyncIterator[str]:
    """The address of `upstream` behind TLS, with the certificate of `_self_signed`."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(upstream.serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=_self_signed(folder))
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_self_signed_certificate_is_refused_before_anything_is_sent(
    wire: ConnectionPool, upstream: Upstream, tmp_path: Path, method: str
) -> None:
    async with secured(upstream, tmp_path) as url:
        error = await send(wire, method, url)

    assert isinstance(error, CertificateError)
    assert str(error) == "its certificate is not trusted: self-signed certificate"
    assert upstream.received == []


async def test_a_name_that_does_not_resolve_is_named(wire: ConnectionPool) -> None:
    error = await send(wire, "GET", "http://no-such-host.invalid/")

    assert isinstance(error, httpx.ConnectError)
    assert str(error) == "the name no-such-host.invalid does not resolve"


async def test_over_tls_a_connection_is_trusted_as_the_machine_says_and_kept(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"a" * 100_000
    upstream.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body
    async with secured(upstream, tmp_path) as url:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        wire = ConnectionPool()
        answers = [await send(wire, "GET", f"{url}/{number}") for number in range(3)]
        elsewhere = await send(wire, "POST", url.replace("127.0.0.1", "localhost"))
        await wire.aclose()

    contents = [answer.content for answer in answers if isinstance(answer, httpx.Response)]
    assert contents == [body] * 3
    assert isinstance(elsewhere, CertificateError)  # the certificate is another's
    assert upstream.received == ["GET /0", "GET /1", "GET /2"]
    assert upstream.over == [1, 1, 1]


def test_where_the_machine_trusts_no_authority_certifi_says_whom_to_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))

    assert create_ssl_context().cert_store_stats()["x509_ca"] > 50


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_where_no_tls_is_spoken_nothing_is_sent(
    wire: ConnectionPool, upstream: Upstream, method: str
) -> None:
    error = await send(wire, method, upstream.url.replace("http:", "https:"))

    assert error is not None
    assert isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    assert not isinstance(error, CertificateError)
    assert upstream.received == []


def _self_signed(folder: Path) -> ssl.SSLContext:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(  # noqa: S603 -- our own words
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_slow_answer_is_cut_at_the_attempts_end_and_maybe_sent(upstream: Upstream) -> None:
    upstream.pause = 5.0
    wire = ConnectionPool(attempt_seconds=0.2)

    error = await send(wire, "POST", f"{upstream.url}/slow")
    await wire.aclose()

    assert isinstance(error, httpx.ReadTimeout)
    assert upstream.received == ["POST /slow"]


async def test_a_slow_answer_is_cut_at_the_deadline(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.pause = 5.0

    error = await send(wire, "GET", upstream.url, deadline=soon(0.2))

    assert isinstance(error, httpx.ReadTimeout)


async def test_a_dripping_answer_is_cut_at_the_attempts_end(
    upstream: Upstream, proxy: TcpProxy
) -> None:
    proxy.fault = Fault(drip=0.05)
    wire = ConnectionPool(attempt_seconds=0.3)

    error = await send(wire, "GET", f"http://127.0.0.1:{proxy.port}")
    await wire.aclose()

    assert isinstance(error, httpx.ReadTimeout)
    assert len(upstream.received) == 1


async def test_a_swallowed_request_is_maybe_sent(proxy: TcpProxy) -> None:
    proxy.fault = Fault(swallow=True)
    wire = ConnectionPool(attempt_seconds=0.2)

    error = await send(wire, "DELETE", f"http://127.0.0.1:{proxy.port}")
    await wire.aclose()

    assert isinstance(error, httpx.ReadTimeout)


@pytest.mark.parametrize(
    "answer", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
async def test_nonsense_is_no_answer_and_maybe_sent(
    wire: ConnectionPool, upstream: Upstream, answer: bytes
) -> None:
    upstream.answer = answer

    error = await send(wire, "POST", upstream.url)

    assert isinstance(error, httpx.RemoteProtocolError)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_kept_connection_closed_while_idle_costs_no_second_request(
    wire: ConnectionPool, upstream: Upstream, proxy: TcpProxy, method: str
) -> None:
    proxy.fault = Fault(response_bytes=len(upstream.answer))
    await send(wire, "GET", f"http://127.0.0.1:{proxy.port}/first")
    proxy.fault = Fault()

    answer = await send(wire, method, f"http://127.0.0.1:{proxy.port}/second")

    assert upstream.received.count(f"{method} /second") == (
        1 if isinstance(answer, httpx.Response) else 0
    )


async def test_a_connection_is_kept_and_the_last_one_used_is_used_again(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.pause = 0.02
    await asyncio.gather(*(send(wire, "GET", upstream.url) for _ in range(3)))
    upstream.pause = 0.0
    for _ in range(5):
        await send(wire, "POST", upstream.url)

    assert len(upstream.peers) == 3
    assert (sorted(upstream.over[:3]), len(set(upstream.over[3:]))) == ([1, 2, 3], 1)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_goodbye_is_heard_before_anything_is_written(
    wire: ConnectionPool, upstream: Upstream, method: str
) -> None:
    await send(wire, "GET", f"{upstream.url}/first")
    upstream.say_goodbye()
    answer = await send(wire, method, f"{upstream.url}/second")

    assert isinstance(answer, httpx.Response)
    assert upstream.received == ["GET /first", f"{method} /second"]
    assert upstream.over == [1, 2]


@pytest.mark.parametrize(
    "more",
    [
        b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"Keep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
async def test_a_connection_that_is_not_to_be_kept_is_not(
    wire: ConnectionPool, upstream: Upstream, more: bytes
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\n" + more
    answers = [await send(wire, "POST", upstream.url) for _ in range(2)]

    bodies = [answer.content for answer in answers if isinstance(answer, httpx.Response)]
    assert (bodies, upstream.over) == ([b"{}", b"{}"], [1, 2])


async def test_what_comes_between_requests_is_nobodys_answer(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    await send(wire, "GET", upstream.url)
    upstream.peers[0].write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    await asyncio.sleep(0.05)
    answer = await send(wire, "POST", upstream.url)

    assert isinstance(answer, httpx.Response)
    assert (answer.content, upstream.over) == (b"{}", [1, 2])


async def test_an_unused_connection_is_closed_in_time(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\n{}"
    await send(wire, "GET", upstream.url)
    began = time.monotonic()
    async with asyncio.timeout(5):
        while not upstream.peers[0].is_closing():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)

    assert time.monotonic() - began > 0.9
    assert isinstance(await send(wire, "GET", upstream.url), httpx.Response)
    assert upstream.over == [1, 2]


async def test_an_answer_may_end_with_its_connection(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.answer = b"HTTP/1.1 200 OK\r\n\r\nabc"
    answering = asyncio.create_task(send(wire, "GET", upstream.url))
    await upstream.arrival.wait()
    await asyncio.sleep(0.02)
    upstream.say_goodbye()
    answer = await answering

    assert isinstance(answer, httpx.Response)
    assert answer.content == b"abc"


async def test_answers_to_many_at_once_reach_their_callers(upstream: Upstream) -> None:
    upstream.echo = True
    wire = ConnectionPool(max_in_flight=64)
    urls = [f"{upstream.url}/{number}" for number in range(64)] * 5
    answers = [
        answer
        for begin in range(0, len(urls), 64)
        for answer in await asyncio.gather(
            *(send(wire, "GET", url) for url in urls[begin : begin + 64])
        )
    ]
    await wire.aclose()

    texts = [answer.text for answer in answers if isinstance(answer, httpx.Response)]
    assert texts == [f"GET {httpx.URL(url).path}" for url in urls]
    assert len(upstream.peers) == 64


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_kept_connection_dropped_on_the_request_is_not_used_to_send_it_twice(
    wire: ConnectionPool, upstream: Upstream, method: str
) -> None:
    upstream.hang_up = lambda count: count > 1
    await send(wire, "GET", f"{upstream.url}/first")

    error = await send(wire, method, f"{upstream.url}/second")

    assert isinstance(error, httpx.TransportError)
    assert not was_never_sent(error)
    assert upstream.received == ["GET /first", f"{method} /second"]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
async def test_wherever_the_connection_is_cut_the_wire_tells_the_truth_and_sends_once(
    upstream: Upstream, proxy: TcpProxy, method: str, *, reset: bool, kept: bool
) -> None:
    url = f"http://127.0.0.1:{proxy.port}"
    before_request = await _length(upstream, "GET", f"{url}/kept") if kept else 0
    before_response = len(upstream.answer) if kept else 0
    request_bytes = await _length(upstream, method, f"{url}/0000")
    cuts = [
        *(Fault(request_bytes=before_request + n, reset=reset) for n in range(request_bytes + 1)),
        *(
            Fault(response_bytes=before_response + n, reset=reset)
            for n in range(len(upstream.answer) + 1)
        ),
    ]
    ends = {}
    for index, cut in enumerate(cuts, start=1):
        proxy.fault = cut
        wire = ConnectionPool(attempt_seconds=1)
        if kept:
            await send(wire, "GET", f"{url}/kept")
        ends[f"{method} /{index:04}"] = await send(wire, method, f"{url}/{index:04}")
        await wire.aclose()
    await asyncio.sleep(0.05)

    outcomes = {name: (upstream.received.count(name), _verdict(end)) for name, end in ends.items()}
    truths = {(0, "never sent"), (0, "maybe sent"), (1, "maybe sent"), (1, "answered")}
    assert {name: end for name, end in outcomes.items() if end not in truths} == {}
    assert {(0, "maybe sent"), (1, "maybe sent"), (1, "answered")} <= set(outcomes.values())


async def _length(upstream: Upstream, method: str, url: str) -> int:
    """Bytes of such a request on the wire."""
    wire = ConnectionPool()
    await send(wire, method, url)
    await wire.aclose()
    return len(upstream.heads[-1]) + (7 if method in {"POST", "PUT"} else 0)


def _verdict(end: httpx.Response | httpx.TransportError) -> str:
    if isinstance(end, httpx.Response):
        return "answered"
    return "never sent" if was_never_sent(end) else "maybe sent"


async def test_the_pool_survives_callers_who_leave(upstream: Upstream) -> None:
    upstream.pause = 0.02
    wire = ConnectionPool(max_in_flight=10, attempt_seconds=2)
    chance = random.Random(0)  # noqa: S311 -- not for secrets
    ends = soon(2.0)

    async def churn() -> None:
        while time.monotonic() < ends:
            call = asyncio.create_task(send(wire, "GET", upstream.url))
            await asyncio.sleep(chance.uniform(0, 0.03))
            call.cancel()
            await asyncio.wait({call})

    await asyncio.gather(*(churn() for _ in range(30)))
    await asyncio.sleep(0.2)
    flying = wire.in_flight
    ten = [await send(wire, "GET", upstream.url) for _ in range(10)]
    await wire.aclose()

    assert flying == 0
    assert [isinstance(answer, httpx.Response) for answer in ten] == [True] * 10


async def test_a_caller_who_leaves_leaves_its_request_flying_to_its_end(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.pause = 0.05
    call = asyncio.create_task(send(wire, "DELETE", f"{upstream.url}/left"))
    await upstream.arrival.wait()
    call.cancel()
    await asyncio.wait({call})

    assert (call.cancelled(), wire.in_flight) == (True, 1)
    await wire.aclose()
    assert (wire.in_flight, upstream.received) == (0, ["DELETE /left"])


async def test_under_the_budget_too_a_request_flies_on_when_its_caller_leaves(
    wire: ConnectionPool, upstream: Upstream
) -> None:
    upstream.pause = 0.05
    transport, _ = compose_transport(wire)
    sent = request("DELETE", f"{upstream.url}/left", deadline=soon())
    call = asyncio.create_task(transport.handle_async_request(sent))
    await upstream.arrival.wait()
    call.cancel()
    await asyncio.wait({call})

    assert (call.cancelled(), wire.in_flight) == (True, 1)
    await transport.aclose()
    assert (wire.in_flight, upstream.received) == (0, ["DELETE /left"])


async def test_more_flights_than_allowed_are_refused_unsent(upstream: Upstream) -> None:
    upstream.pause = 0.05
    wire = ConnectionPool(max_in_flight=2)

    ends = await asyncio.gather(*(send(wire, "POST", upstream.url) for _ in range(3)))
    await wire.aclose()

    assert [isinstance(end, httpx.PoolTimeout) for end in ends] == [False, False, True]
    assert len(upstream.received) == 2


async def test_a_closed_wire_sends_nothing(wire: ConnectionPool, upstream: Upstream) -> None:
    await wire.aclose()

    assert isinstance(await send(wire, "POST", upstream.url), httpx.PoolTimeout)
    assert upstream.received == []
