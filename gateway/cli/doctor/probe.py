"""A probe, its response, and the parts of the response's envelope (API page, Responses)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

Decoded = Mapping[str, object]
"""A JSON object."""

MAX_DIGITS = 18
"""Longer texts are not integers of a header."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request of the doctor, and its subject in the report."""

    about: str
    method: str
    path: str
    params: Mapping[str, str | int] | None = None
    body: Decoded | None = None
    odd: bool = False
    """True if the gateway never sends such a request. A failure is then only a note."""


@dataclass(frozen=True, slots=True)
class NoResponse:
    """A probe without a response; `reason` is for the operator."""

    reason: str


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """The response to a probe. The property of a missing part is empty."""

    status: int
    headers: Mapping[str, str]
    """Names are case-insensitive."""
    body: object
    """The JSON value, None for an invalid body."""
    seconds: float = 0.0
    tls: str | None = None
    """Version of TLS, None without TLS."""

    @property
    def decoded(self) -> Decoded:
        """The body, if it is an object."""
        return _object(self.body)

    @property
    def data(self) -> Decoded:
        """`data`: the record in a detail read, a create and an update."""
        return _object(self.decoded.get("data"))

    @property
    def rows(self) -> tuple[Decoded, ...]:
        """`data.clients`."""
        rows = self.data.get("clients")
        if not isinstance(rows, list):
            return ()
        return tuple(row for row in rows if isinstance(row, Mapping))

    @property
    def meta(self) -> Decoded:
        """`data.meta`."""
        return _object(self.data.get("meta"))

    @property
    def total(self) -> int | None:
        """`data.meta.total`."""
        return integer(self.meta.get("total"))

    @property
    def error(self) -> Decoded:
        """`error`."""
        return _object(self.decoded.get("error"))

    @property
    def code(self) -> str | None:
        """`error.code`."""
        code = self.error.get("code")
        return code if isinstance(code, str) else None

    @property
    def media_type(self) -> str:
        """The media type of `Content-Type`."""
        return self.headers.get("content-type", "no content type").partition(";")[0]

    def __str__(self) -> str:
        if self.status < HTTPStatus.BAD_REQUEST:
            return str(self.status)
        return f"{self.status} {self.code or 'without a code'}"


def integer(value: object) -> int | None:
    """Return `value` if it is an integer and not a boolean, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def parse_integer(text: str) -> int | None:
    """Parse a non-negative decimal integer of a header; None for other texts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def _object(value: object) -> Decoded:
    return value if isinstance(value, Mapping) else {}
