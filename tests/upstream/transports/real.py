"""Transports on real sockets: what opens them, what is sent, and a server with a certificate."""

import asyncio
import contextlib
import functools
import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from uvloop import new_event_loop

from gateway.transport.connector import create_ssl_context
from gateway.transport.errors import TransportError, was_never_sent
from gateway.transport.httpx_transport import HTTPXTransport, open_network
from gateway.transport.messages import Response
from gateway.transport.pool import ConnectionPool
from gateway.transport.transport import TransportLimits
from tests.clockwork import REAL
from tests.tcp_proxy import Fault, TcpProxy
from tests.upstream.transports.conftest import Upstream, request

LOOPS = [REAL, ("asyncio", {"loop_factory": new_event_loop})]
TRUTHS = {(0, "never sent"), (0, "maybe sent"), (1, "maybe sent"), (1, "answered")}
"""How often a request can have arrived, and what its sender may know of it."""

Sending = ConnectionPool | HTTPXTransport
OpenWire = Callable[..., Sending]


def builtin(*, ssl_context: ssl.SSLContext | None = None, **limits: Any) -> ConnectionPool:
    return ConnectionPool(TransportLimits(**limits), ssl_context=ssl_context)


def over_httpx(*, ssl_context: ssl.SSLContext | None = None, **limits: Any) -> HTTPXTransport:
    network = open_network(ssl_context=ssl_context or _ssl_context())
    return HTTPXTransport(network, TransportLimits(**limits))


@functools.cache
def _ssl_context() -> ssl.SSLContext:
    return create_ssl_context()


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


async def send(
    wire: Sending,
    method: str,
    url: str,
    *,
    deadline: float | None = None,
    headers: dict[str, str] | None = None,
) -> Response | TransportError:
    content = b'{"a":1}' if method in {"POST", "PUT"} else b""
    sent = request(method, url, deadline=deadline or soon(), content=content, headers=headers)
    response = wire.send(sent)
    # A caller that leaves does not see how its request ends.
    response.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        return await asyncio.shield(response)
    except TransportError as error:
        return error


@contextlib.asynccontextmanager
async def secured(
    upstream: Upstream, folder: Path, *, asks_clients: bool = False
) -> AsyncIterator[str]:
    """The address of `upstream` behind TLS, with the certificate of `self_signed`."""
    context = self_signed(folder)
    if asks_clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "certificate.pem")
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(upstream.serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def self_signed(folder: Path) -> ssl.SSLContext:
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


async def ends_of_cuts(  # noqa: PLR0913
    open_wire: OpenWire,
    upstream: Upstream,
    proxy: TcpProxy,
    method: str,
    *,
    reset: bool,
    kept: bool = False,
) -> set[tuple[int, str]]:
    """How often a request arrived, and what its sender knew, for a cut at every byte.

    `kept`: whether the connection has carried another request before.
    """
    url = f"http://127.0.0.1:{proxy.port}"
    before_request = await length_of(open_wire, upstream, "GET", f"{url}/kept") if kept else 0
    before_response = len(upstream.answer) if kept else 0
    request_bytes = await length_of(open_wire, upstream, method, f"{url}/0000")
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
        wire = open_wire(attempt_seconds=1)
        if kept:
            await send(wire, "GET", f"{url}/kept")
        ends[f"{method} /{index:04}"] = await send(wire, method, f"{url}/{index:04}")
        await wire.aclose()
    await asyncio.sleep(0.05)

    outcomes = {name: (upstream.received.count(name), verdict(end)) for name, end in ends.items()}
    return set(outcomes.values())


async def length_of(open_wire: OpenWire, upstream: Upstream, method: str, url: str) -> int:
    """Bytes of such a request on the wire."""
    wire = open_wire()
    await send(wire, method, url)
    await wire.aclose()
    return len(upstream.heads[-1]) + (7 if method in {"POST", "PUT"} else 0)


def verdict(end: Response | TransportError) -> str:
    if isinstance(end, Response):
        return "answered"
    return "never sent" if was_never_sent(end) else "maybe sent"
