"""Faults of intermediaries: responses that are not the API's, and lost responses."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.sandbox.faults import ALWAYS, WRITES, Fault, SandboxRequest, SandboxResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


def page(title: str) -> str:
    """Return an HTML error page of a proxy."""
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


def proxy(
    status: int, body: str, content_type: str = HTML, headers: Mapping[str, str] | None = None
) -> Fault:
    """Return a fault that answers in place of the API; the call is not counted."""
    return Fault(
        times=ALWAYS,
        instead=True,
        status=status,
        body=body,
        content_type=content_type,
        headers=dict(headers or {}),
    )


def after(status: int, body: str, content_type: str = HTML) -> Fault:
    """Return a fault that replaces the response to a write that was executed."""
    return Fault(times=ALWAYS, method=WRITES, status=status, body=body, content_type=content_type)


@dataclass
class BodyEncoding(Fault):
    """A fault that prepends bytes to the body, or compresses it."""

    times: float = ALWAYS
    mark: bytes = b""
    compressed: bool = False

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Set `Content-Encoding`."""
        super().answer(call, answer)
        if self.compressed:
            answer.headers["content-encoding"] = "gzip"

    def encode(self, answer: SandboxResponse, content: bytes) -> bytes:  # noqa: ARG002 - a hook
        """Prepend the mark to the body, or compress the body."""
        return gzip.compress(content, mtime=0) if self.compressed else self.mark + content


@dataclass
class RawField(Fault):
    """A fault that writes one field of the first record as bytes that are not strict JSON."""

    times: float = ALWAYS
    column: str = "notes"
    raw: bytes = b""
    _mark: str = field(default="\u2063raw\u2063", init=False, repr=False)

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Mark the field."""
        super().answer(call, answer)
        for record in answer.records[:1]:
            record[self.column] = self._mark + self.column

    def encode(self, answer: SandboxResponse, content: bytes) -> bytes:  # noqa: ARG002 - a hook
        """Replace the mark with the bytes."""
        return content.replace(f'"{self._mark}{self.column}"'.encode(), self.raw)


FAULTS: dict[str, tuple[str, Fault]] = {
    "proxy-404": (
        "a proxy answers 404 in text/plain, as during a deploy",
        proxy(404, "404 page not found\n", TEXT),
    ),
    "proxy-404-json": (
        "a proxy answers 404 in JSON that is not the API's envelope",
        proxy(404, '{"message":"no Route matched with those values"}', "application/json"),
    ),
    "proxy-401": (
        "a proxy answers 401 with an HTML page",
        proxy(401, page("401 Authorization Required"), HTML, {"WWW-Authenticate": "Basic"}),
    ),
    "proxy-403": ("a firewall answers 403 with an HTML page", proxy(403, page("403 Forbidden"))),
    "proxy-403-json": (
        "a proxy answers 403 in JSON that is not the API's envelope",
        proxy(403, '{"message":"Forbidden"}', "application/json"),
    ),
    "proxy-429": (
        "a proxy answers 429 with an HTML page and names no time",
        proxy(429, page("429 Too Many Requests")),
    ),
    "proxy-502": ("a proxy answers 502 with an HTML page", proxy(502, page("502 Bad Gateway"))),
    "proxy-503": (
        "a proxy answers 503 in text/plain with Retry-After: 7",
        proxy(503, "Service Unavailable\n", TEXT, {"Retry-After": "7"}),
    ),
    "proxy-200": ("a captive portal answers 200 with an HTML page", proxy(200, page("Sign in"))),
    "proxy-302": (
        "a proxy redirects to a page for signing in",
        proxy(302, "", HTML, {"Location": "https://sign-in.example/"}),
    ),
    "write-408": (
        "a write is executed and answered 408",
        after(408, page("408 Request Timeout")),
    ),
    "write-502": (
        "a write is executed and answered 502 by a proxy",
        after(502, page("502 Bad Gateway")),
    ),
    "write-504": (
        "a write is executed and answered 504 by a proxy",
        after(504, page("504 Gateway Timeout")),
    ),
    "write-404": (
        "a write is executed and answered 404 in text/plain by a proxy",
        after(404, "404 page not found\n", TEXT),
    ),
    "write-202": (
        "a write is executed and answered 202 without the client",
        after(202, '{"success":true,"data":{}}', "application/json"),
    ),
    "write-204": (
        "a write is executed and answered 204 without a body",
        after(204, "", "application/json"),
    ),
    "answer-lost": (
        "a write is executed and the connection closed before its answer",
        Fault(times=ALWAYS, method=WRITES, lost=True),
    ),
    "connection-closed": (
        "the connection is closed before the call is executed",
        Fault(times=ALWAYS, dropped=True),
    ),
    "answer-cut": ("the body ends after 40 bytes", Fault(times=ALWAYS, cut=40)),
    "slow": ("every answer takes two seconds", Fault(times=ALWAYS, latency=2.0)),
    "drip": ("the body comes 64 bytes at a time", Fault(times=ALWAYS, drip=64)),
    "byte-order-mark": (
        "the body begins with a byte order mark",
        BodyEncoding(mark=b"\xef\xbb\xbf"),
    ),
    "gzip": (
        "the body is compressed though the request excluded it",
        BodyEncoding(compressed=True),
    ),
    "lone-surrogate": (
        "the notes of one client hold half an emoji",
        RawField(raw=b'"half an emoji: \\ud83d"'),
    ),
    "bad-utf-8": ("the notes of one client are Latin-1", RawField(raw=b'"caf\xe9"')),
    "control-character": (
        "the notes of one client hold a bare newline",
        RawField(raw=b'"two\nlines"'),
    ),
    "nan": ("a budget of one client is NaN", RawField(column="budget_min", raw=b"NaN")),
    "infinity": (
        "a budget of one client is -Infinity",
        RawField(column="budget_min", raw=b"-Infinity"),
    ),
    "huge-number": ("a budget of one client is 1e400", RawField(column="budget_min", raw=b"1e400")),
}
