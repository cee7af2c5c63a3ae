"""The HTTP client of the doctor: sends a probe, never raises, and gives access to the response."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2

from gateway.api.error_envelope import json_object
from schema.source.records import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_SECONDS = 5.0
"""Timeout of connecting and of each read, in seconds."""
RESPONSE_SECONDS = 15.0
"""Timeout of a complete response, in seconds."""
MAX_BODY = 5 * 1024 * 1024
"""Maximum bytes of a response body."""
MAX_DIGITS = 18
"""Longer texts are not integers of a header."""

Decoded = Mapping[str, Any]
"""A JSON object."""


class Probe(NamedTuple):
    """A request of the doctor; `version` is that of the client before the request."""

    method: str
    path: str
    params: Mapping[str, str | int] = {}
    body: Decoded | None = None
    version: int | None = None


@dataclass
class ProbeResponse:
    """The response to a probe; parts of the body that it lacks are empty (API page, Responses)."""

    probe: Probe
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Decoded = field(default_factory=dict)
    milliseconds: int = 0
    missing: str = ""
    """The reason if there is no response."""

    def __post_init__(self) -> None:
        """Look up the parts of the body."""
        self.data, self.error = _object(self.body, "data"), _object(self.body, "error")
        self.meta = _object(self.data, "meta")
        clients = self.data.get("clients")
        listed = clients if isinstance(clients, list) else []
        self.rows: list[Decoded] = [row for row in listed if isinstance(row, dict)]
        self.count = len(self.rows)
        self.page = integer(self.meta.get("page"))
        self.limit = integer(self.meta.get("limit")) or self.count
        self.total = integer(self.meta.get("total"))
        self.version = integer(self.data.get("version"))
        self.fields = f"{len(FIELDS & self.data.keys())} of the {len(FIELDS)} fields"
        self.media_type = self.headers.get("content-type", "no content type").partition(";")[0]

    def __str__(self) -> str:
        code = self.error.get("code") or "without a code"
        return (
            f"{self.status} {code}" if self.status >= httpx2.codes.BAD_REQUEST else f"{self.status}"
        )

    @property
    def retry_after(self) -> int | None:
        """The seconds to wait, by the headers of a 429."""
        header = self.headers.get("retry-after") or self.headers.get("ratelimit-reset")
        return parse_integer(header or "")

    @property
    def details(self) -> str:
        """A description of the keys of `error.details`, without the values."""
        match self.error.get("details"):
            case dict(details):
                return f"details are an object {{{', '.join(sorted(map(str, details)))}}}"
            case list(details):
                keys = {str(key) for item in details if isinstance(item, dict) for key in item}
                return f"details are an array of {{{', '.join(sorted(keys))}}}"
            case _:
                return "without details"


def _object(value: Decoded, name: str) -> Decoded:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def integer(value: object) -> int | None:
    """Return `value` if it is an integer and not a boolean, else None."""
    return value if type(value) is int else None


def parse_integer(text: str) -> int | None:
    """Parse a non-negative decimal integer of a header; None for other texts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


class ProbeClient:
    """Sends probes to one API with one key, each on its own connection, and counts them."""

    def __init__(
        self, base_url: str, api_key: str, transport: httpx2.AsyncBaseTransport | None
    ) -> None:
        self._base_url = base_url
        self._headers = {"X-API-Key": api_key, "Accept": "application/json"}
        self._transport = transport
        self.sent = 0

    async def send(self, probe: Probe) -> ProbeResponse:
        """Send a probe. Every error is a response with a reason in `missing`."""
        self.sent += 1
        try:
            async with asyncio.timeout(RESPONSE_SECONDS):
                return await self._exchange(probe)
        except TimeoutError:
            reason = f"no complete response within {RESPONSE_SECONDS:g} s"
        except Exception as error:  # noqa: BLE001 - every error is a finding
            reason = describe_error(error)
        return ProbeResponse(probe, missing=reason)

    async def _exchange(self, probe: Probe) -> ProbeResponse:
        start, content = time.perf_counter(), bytearray()
        client = httpx2.AsyncClient(
            headers=self._headers, timeout=READ_SECONDS, trust_env=False, transport=self._transport
        )
        url = self._base_url + probe.path
        async with (
            client,
            client.stream(probe.method, url, params=probe.params, json=probe.body) as response,
        ):
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_BODY:
                    reason = f"the response is larger than {MAX_BODY // 1024**2} MiB"
                    return ProbeResponse(probe, missing=reason)
        milliseconds = round((time.perf_counter() - start) * 1000)
        body = json_object(bytes(content))
        return ProbeResponse(probe, response.status_code, response.headers, body, milliseconds)


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
    (httpx2.ConnectTimeout, f"no connection within {READ_SECONDS:g} s"),
    (httpx2.TimeoutException, f"connected, but no data for {READ_SECONDS:g} s"),
    (httpx2.ConnectError, "connecting failed"),
    (httpx2.RemoteProtocolError, "the connection was closed, or the response is not HTTP"),
    (httpx2.ReadError, "the connection was closed before the response was complete"),
    (httpx2.DecodingError, "the compression of the response is invalid"),
    (OverflowError, "the URL is invalid: its port"),
    (UnicodeError, "the URL is invalid: its host"),
    (httpx2.InvalidURL, "the URL is invalid"),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__
