"""What is asked, what comes back, and where in it the API puts things (reference: envelope)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

Decoded = Mapping[str, object]
"""A JSON object."""

MAX_DIGITS = 18
"""More make no number anybody meant."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, and what it is about in the report."""

    about: str
    method: str
    path: str
    params: Mapping[str, str | int] | None = None
    body: Decoded | None = None
    odd: bool = False
    """The gateway itself never asks this, so that trouble is only worth a note."""


@dataclass(frozen=True, slots=True)
class NoResponse:
    """No answer, and why, in an operator's words."""

    reason: str


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """One answer; what a property looks for and does not find is empty."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: object
    """The JSON; None where there was none."""
    seconds: float = 0.0
    tls: str | None = None
    """Version of TLS it came over."""

    @property
    def decoded(self) -> Decoded:
        """The body's own keys."""
        return _object(self.body)

    @property
    def data(self) -> Decoded:
        """`data`: of a detail read, a create and an update, the record itself."""
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
        """What it says it is."""
        return self.headers.get("content-type", "no content type").partition(";")[0]

    def __str__(self) -> str:
        if self.status < HTTPStatus.BAD_REQUEST:
            return str(self.status)
        return f"{self.status} {self.code or 'without a code'}"


def integer(value: object) -> int | None:
    """`value` if it is an integer; JSON's true is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def whole(text: str) -> int | None:
    """`text` if it is a whole number that a header could mean."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def _object(value: object) -> Decoded:
    return value if isinstance(value, Mapping) else {}
