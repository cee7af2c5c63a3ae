"""Faults of intermediaries: responses that are not the API's, and lost responses."""
# ruff: noqa: E501 - one row is one line

import gzip
from dataclasses import replace
from functools import partial
from http import HTTPStatus

from gateway.sandbox.faults import WRITES, Fault

HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
JSON = "application/json"


def _page(title: str) -> str:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


def _proxy(status: int, body: str | None = None, content_type: str = HTML, **headers: str) -> Fault:
    """Return a fault that answers in place of the API; by default with an HTML error page."""
    if body is None:
        body = _page(f"{status} {HTTPStatus(status).phrase}")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["content-type"] = content_type
    return Fault(instead=True, status=status, body=body, headers=named)


def _after(status: int, body: str | None = None, content_type: str = HTML) -> Fault:
    """Return a fault that replaces the response to a write that was executed."""
    return replace(_proxy(status, body, content_type), method=WRITES, instead=False)


def _raw(column: str, raw: bytes) -> Fault:
    """Return a fault that writes one field of the first record as the bytes `raw`."""
    mark = f"\u2063{column}\u2063"
    return Fault(
        change=lambda _, answer: [record.update({column: mark}) for record in answer.records[:1]],
        encode=lambda content: content.replace(f'"{mark}"'.encode(), raw),
    )


# fmt: off
FAULTS: dict[str, tuple[str, Fault]] = {
    "proxy-404": ("a proxy answers 404 in text/plain, as during a deploy", _proxy(404, "404 page not found\n", TEXT)),
    "proxy-404-json": ("a proxy answers 404 in JSON that is not the API's envelope", _proxy(404, '{"message":"no Route matched with those values"}', JSON)),
    "proxy-401": ("a proxy answers 401 with an HTML page", _proxy(401, WWW_Authenticate="Basic")),
    "proxy-403": ("a firewall answers 403 with an HTML page", _proxy(403)),
    "proxy-403-json": ("a proxy answers 403 in JSON that is not the API's envelope", _proxy(403, '{"message":"Forbidden"}', JSON)),
    "proxy-429": ("a proxy answers 429 with an HTML page and names no time", _proxy(429)),
    "proxy-502": ("a proxy answers 502 with an HTML page", _proxy(502)),
    "proxy-503": ("a proxy answers 503 in text/plain with Retry-After: 7", _proxy(503, "Service Unavailable\n", TEXT, Retry_After="7")),
    "proxy-200": ("a captive portal answers 200 with an HTML page", _proxy(200, _page("Sign in"))),
    "proxy-302": ("a proxy redirects to a page for signing in", _proxy(302, "", Location="https://sign-in.example/")),
    "write-408": ("a write is executed and answered 408", _after(408)),
    "write-502": ("a write is executed and answered 502 by a proxy", _after(502)),
    "write-504": ("a write is executed and answered 504 by a proxy", _after(504)),
    "write-404": ("a write is executed and answered 404 in text/plain by a proxy", _after(404, "404 page not found\n", TEXT)),
    "write-202": ("a write is executed and answered 202 without the client", _after(202, '{"success":true,"data":{}}', JSON)),
    "write-204": ("a write is executed and answered 204 without a body", _after(204, "", JSON)),
    "answer-lost": ("a write is executed and the connection closed before its answer", Fault(method=WRITES, lost=True)),
    "connection-closed": ("the connection is closed before the call is executed", Fault(dropped=True)),
    "answer-cut": ("the body ends after 40 bytes", Fault(cut=40)),
    "slow": ("every answer takes two seconds", Fault(latency=2.0)),
    "drip": ("the body comes 64 bytes at a time", Fault(drip=64)),
    "byte-order-mark": ("the body begins with a byte order mark", Fault(encode=lambda content: b"\xef\xbb\xbf" + content)),
    "gzip": ("the body is compressed though the request excluded it", Fault(headers={"content-encoding": "gzip"}, encode=partial(gzip.compress, mtime=0))),
    "lone-surrogate": ("the notes of one client hold half an emoji", _raw("notes", b'"half an emoji: \\ud83d"')),
    "bad-utf-8": ("the notes of one client are Latin-1", _raw("notes", b'"caf\xe9"')),
    "control-character": ("the notes of one client hold a bare newline", _raw("notes", b'"two\nlines"')),
    "nan": ("a budget of one client is NaN", _raw("budget_min", b"NaN")),
    "infinity": ("a budget of one client is -Infinity", _raw("budget_min", b"-Infinity")),
    "huge-number": ("a budget of one client is 1e400", _raw("budget_min", b"1e400")),
}
# fmt: on
