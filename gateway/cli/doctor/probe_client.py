"""The HTTP client of the doctor: sends a probe, never raises, and gives access to the response."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from gateway.api.error_envelope import json_object
from gateway.transport.errors import TransportError
from gateway.transport.messages import Headers, Request
from gateway.transport.rate_limit_headers import retry_delay_of_429
from gateway.transport.serializer import HeaderBlock, RequestTarget
from gateway.transport.transport import Transport
from schema.source.records import FIELDS
from schema.source.request_context import Credential

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
    headers: Headers = Headers(())  # noqa: RUF009 - it is not changed
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
        return f"{self.status} {code}" if self.status >= 400 else str(self.status)  # noqa: PLR2004

    @property
    def retry_after(self) -> int | None:
        """The seconds to wait, by the headers of a 429."""
        seconds = retry_delay_of_429(self.headers)
        return None if seconds is None else math.ceil(seconds)

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


class ProbeClient:
    """Sends probes to one API with one credential, and counts them."""

    def __init__(self, base_url: str, credential: Credential, transport: Transport) -> None:
        self._base_url = base_url
        self._transport = transport
        shown = (credential.header.encode(), credential.value.encode())
        self._fields = [shown, (b"Accept", b"application/json")]
        self.sent = 0

    async def send(self, probe: Probe) -> ProbeResponse:
        """Send a probe. A transport error is a response with a reason in `missing`."""
        self.sent += 1
        start = time.perf_counter()
        query = f"?{urlencode(probe.params)}" if probe.params else ""
        content, fields = b"", self._fields
        if probe.body is not None:
            content = orjson.dumps(probe.body)
            fields = [*fields, (b"Content-Type", b"application/json")]
        try:
            target = RequestTarget(f"{self._base_url}{probe.path}{query}")
            request = Request(probe.method, target, HeaderBlock(*fields), math.inf, None, content)
            response = await asyncio.shield(self._transport.send(request))
        except TransportError as error:
            return ProbeResponse(probe, missing=str(error))
        milliseconds = round((time.perf_counter() - start) * 1000)
        body = json_object(response.content)
        return ProbeResponse(probe, response.status_code, response.headers, body, milliseconds)
