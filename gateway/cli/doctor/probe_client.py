"""The line to the API: one question, and an answer or a silence."""

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

STEP_SECONDS = 5.0
"""What connecting, and each wait for bytes, may take."""
ANSWER_SECONDS = 15.0
"""What one whole answer may take."""
MAX_BODY = 5 * 1024 * 1024
"""Bytes of an answer that are read."""


class ProbeClient:
    """Puts questions to one API by one key, one at a time, and counts them. Never raises."""

    def __init__(
        self, base_url: str, api_key: str, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self._dial = partial(
            httpx.AsyncClient,
            headers={"X-API-Key": api_key, "Accept": "application/json"},
            timeout=STEP_SECONDS,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )
        self._base_url = base_url
        self._client = self._dial()
        self.secure = base_url.startswith("https:")
        self.sent = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def redial(self) -> None:
        """Use new connections: the old ones may have been left half-way by an interruption."""
        await self._client.aclose()
        self._client = self._dial()

    def _send(self, asked: Probe) -> AbstractAsyncContextManager[httpx.Response]:
        url = self._base_url + asked.path
        return self._client.stream(asked.method, url, params=asked.params, json=asked.body)

    async def send(self, asked: Probe) -> ProbeResponse | NoResponse:
        """Put one question; what is no answer within bounds is a `NoResponse` that says why."""
        self.sent += 1
        began = time.perf_counter()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async with self._send(asked) as response:
                    raw = await _body(response)
        except TimeoutError:
            return NoResponse(f"no whole answer within {ANSWER_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 - whatever the wire raises is a finding
            return NoResponse(why_silent(error))
        if raw is None:
            return NoResponse(f"the answer is larger than {MAX_BODY // 1024**2} MiB")
        return ProbeResponse(
            status=response.status_code,
            headers=response.headers,
            body=_json(raw),
            seconds=time.perf_counter() - began,
            tls=_tls(response),
        )


def why_silent(error: Exception) -> str:
    """Why there was no answer, in an operator's words; never the error's own text."""
    causes = list(_causes(error))
    for kind, reason in _REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return reason
    return f"the connection failed ({type(error).__name__})"


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "TLS: its certificate cannot be trusted"),
    (ssl.SSLError, "TLS: no secure connection could be made"),
    (socket.gaierror, "DNS: the host's name has no address"),
    (ConnectionRefusedError, "connection refused: nothing listens there"),
    (httpx.ConnectTimeout, f"no connection within {STEP_SECONDS:g} s"),
    (httpx.TimeoutException, f"connected, but nothing came for {STEP_SECONDS:g} s"),
    (httpx.ConnectError, "no connection could be made"),
    (httpx.RemoteProtocolError, "the connection was cut, or what came is not HTTP"),
    (httpx.ReadError, "the connection was cut before a whole answer"),
    (httpx.DecodingError, "the answer's compression is broken"),
    (httpx.InvalidURL, "the URL cannot be called"),
    (OverflowError, "the URL cannot be called: its port is none"),
    (UnicodeError, "the URL cannot be called: its host is none"),
    (httpx.UnsupportedProtocol, "the URL cannot be called"),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__


async def _body(response: httpx.Response) -> bytes | None:
    read = bytearray()
    async for chunk in response.aiter_bytes():
        read += chunk
        if len(read) > MAX_BODY:
            return None
    return bytes(read)


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _tls(response: httpx.Response) -> str | None:
    stream = response.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream is not None else None
    return secured.version() if isinstance(secured, ssl.SSLObject) else None
