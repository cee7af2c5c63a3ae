"""The HTTP client of the doctor: sends a probe, returns a response or the reason for none."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from functools import partial
from typing import TYPE_CHECKING, Self

import httpx

from gateway.cli.doctor.probe import NoResponse, ProbeResponse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

    from gateway.cli.doctor.probe import Probe

READ_SECONDS = 5.0
"""Timeout of connecting and of each read, in seconds."""
RESPONSE_SECONDS = 15.0
"""Timeout of a complete response, in seconds."""
MAX_BODY = 5 * 1024 * 1024
"""Maximum bytes of a response body."""


class ProbeClient:
    """Sends probes to one API with one key, one at a time, and counts them. Never raises."""

    def __init__(
        self, base_url: str, api_key: str, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self._connect = partial(
            httpx.AsyncClient,
            headers={"X-API-Key": api_key, "Accept": "application/json"},
            timeout=READ_SECONDS,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )
        self._base_url = base_url
        self._client = self._connect()
        self.secure = base_url.startswith("https:")
        self.sent = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def reconnect(self) -> None:
        """Use new connections: an interruption may have left the old ones unusable."""
        await self._client.aclose()
        self._client = self._connect()

    def _send(self, probe: Probe) -> AbstractAsyncContextManager[httpx.Response]:
        url = self._base_url + probe.path
        return self._client.stream(probe.method, url, params=probe.params, json=probe.body)

    async def send(self, probe: Probe) -> ProbeResponse | NoResponse:
        """Send a probe. Return `NoResponse` with the reason if there is no valid response."""
        self.sent += 1
        start = time.perf_counter()
        try:
            async with asyncio.timeout(RESPONSE_SECONDS):
                async with self._send(probe) as response:
                    raw = await _body(response)
        except TimeoutError:
            return NoResponse(f"no complete response within {RESPONSE_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 - every error is a finding
            return NoResponse(describe_error(error))
        if raw is None:
            return NoResponse(f"the response is larger than {MAX_BODY // 1024**2} MiB")
        return ProbeResponse(
            status=response.status_code,
            headers=response.headers,
            body=_json(raw),
            seconds=time.perf_counter() - start,
            tls=_tls(response),
        )


def describe_error(error: Exception) -> str:
    """Describe why there was no response. The text of the error is never included."""
    causes = list(_causes(error))
    for kind, reason in _REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return reason
    return f"the connection failed ({type(error).__name__})"


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "TLS: the certificate is not trusted"),
    (ssl.SSLError, "TLS: no secure connection"),
    (socket.gaierror, "DNS: the host name has no address"),
    (ConnectionRefusedError, "connection refused: no server listens there"),
    (httpx.ConnectTimeout, f"no connection within {READ_SECONDS:g} s"),
    (httpx.TimeoutException, f"connected, but no data for {READ_SECONDS:g} s"),
    (httpx.ConnectError, "connecting failed"),
    (httpx.RemoteProtocolError, "the connection was closed, or the response is not HTTP"),
    (httpx.ReadError, "the connection was closed before the response was complete"),
    (httpx.DecodingError, "the compression of the response is invalid"),
    (httpx.InvalidURL, "the URL is invalid"),
    (OverflowError, "the URL is invalid: its port"),
    (UnicodeError, "the URL is invalid: its host"),
    (httpx.UnsupportedProtocol, "the URL is invalid"),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__


async def _body(response: httpx.Response) -> bytes | None:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_BODY:
            return None
    return bytes(content)


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _tls(response: httpx.Response) -> str | None:
    stream = response.extensions.get("network_stream")
    ssl_object = stream.get_extra_info("ssl_object") if stream is not None else None
    return ssl_object.version() if isinstance(ssl_object, ssl.SSLObject) else None
