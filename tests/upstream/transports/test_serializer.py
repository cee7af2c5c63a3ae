"""Requests as they are written, and those that are not."""

import httpx
import pytest

from gateway.transport.errors import InvalidRequest
from gateway.transport.messages import Request
from gateway.transport.serializer import HeaderBlock, Origin, RequestTarget, serialize

FIELDS = [(b"Accept", b"application/json"), (b"X-API-Key", b"k")]
BOOKS = "xn--bcher-kva.test"
HERE = RequestTarget("http://api.test/v1/clients?page=1&limit=25")


def sent(request: httpx.Request) -> bytes:
    return serialize(request, RequestTarget(request.url))


def test_a_read_is_a_line_and_its_headers() -> None:
    request = Request("GET", HERE, HeaderBlock(*FIELDS), {})

    assert sent(request) == (
        b"GET /v1/clients?page=1&limit=25 HTTP/1.1\r\n"
        b"Host: api.test\r\n"
        b"Accept-Encoding: identity\r\n"
        b"Accept: application/json\r\n"
        b"X-API-Key: k\r\n"
        b"User-Agent: clients-gateway\r\n"
        b"\r\n"
    )


def test_a_write_tells_how_long_its_content_is() -> None:
    assert sent(Request("PUT", HERE, HeaderBlock(), {}, b"{}")).endswith(
        b"\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert sent(Request("POST", HERE, HeaderBlock(), {})).endswith(b"\r\nContent-Length: 0\r\n\r\n")
    assert b"Content-Length" not in sent(Request("DELETE", HERE, HeaderBlock(), {}))


def test_an_own_header_is_sent_once_and_by_us() -> None:
    headers = {
        "Host": "elsewhere.test",
        "Accept-Encoding": "gzip",
        "Connection": "close",
        "Content-Length": "99",
        "Transfer-Encoding": "chunked",
        "User-Agent": "mine",
    }

    assert sent(httpx.Request("POST", "http://api.test/", headers=headers, content=b"{}")) == (
        b"POST / HTTP/1.1\r\nHost: api.test\r\nAccept-Encoding: identity\r\n"
        b"User-Agent: mine\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_what_httpx_made_is_written_as_what_we_made() -> None:
    ours = Request("POST", HERE, HeaderBlock(*FIELDS), {}, b"{}")
    theirs = httpx.Request("POST", str(HERE), headers=FIELDS, content=b"{}")

    assert sent(ours) == sent(theirs)
    assert (ours.method, ours.url, ours.headers, ours.content, ours.read()) == (
        theirs.method,
        theirs.url,
        theirs.headers,
        theirs.content,
        theirs.read(),
    )


def test_headers_that_were_changed_on_a_request_are_written_as_changed() -> None:
    heading = HeaderBlock(*FIELDS)
    changed, plain = (Request("GET", HERE, heading, {}) for _ in range(2))
    changed.headers["X-API-Key"] = "l"

    assert sent(changed) == sent(plain).replace(b"X-API-Key: k", b"X-API-Key: l")
    assert plain.headers["X-API-Key"] == "k"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"X-A", b"a\r\nX-B: b"),
        (b"X-A", b"a\nX-B: b"),
        (b"X-A", b"a\rX-B: b"),
        (b"X-A", b"a\r\n\r\nGET / HTTP/1.1"),
        (b"X-A", b"a\x00"),
        (b"X-A", b"a\x7f"),
        (b"X-A: a\r\nX-B", b"b"),
        (b"X A", b"a"),
        (b"X-A:", b"a"),
        (b"", b"a"),
    ],
)
def test_a_header_that_would_be_read_as_another_is_not_written(name: bytes, value: bytes) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        sent(Request("GET", HERE, HeaderBlock((name, value)), {}))

    assert str(refusal.value) == "a header that no request can carry"


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nX-A: b\r\n\r\nGET", "", "G T", "GÉT"])
def test_a_method_that_is_none_is_not_written(method: str) -> None:
    with pytest.raises(InvalidRequest):
        sent(Request(method, HERE, HeaderBlock(), {}))


@pytest.mark.parametrize(
    ("url", "origin", "place"),
    [
        ("http://api.test/", Origin(secure=False, host="api.test", port=80), b"api.test"),
        ("https://api.test", Origin(secure=True, host="api.test", port=443), b"api.test"),
        (
            "https://API.test:8443/",
            Origin(secure=True, host="api.test", port=8443),
            b"api.test:8443",
        ),
        ("http://[::1]:9000/", Origin(secure=False, host="::1", port=9000), b"[::1]:9000"),
        ("http://k:s@api.test/", Origin(secure=False, host="api.test", port=80), b"api.test"),
        ("http://bücher.test/", Origin(secure=False, host=BOOKS, port=80), BOOKS.encode()),
    ],
)
def test_an_address_says_whom_to_ask_and_by_what_name(
    url: str, origin: Origin, place: bytes
) -> None:
    address = RequestTarget(url)

    assert (address.origin, address.authority) == (origin, place)


@pytest.mark.parametrize(
    "url", ["ftp://api.test/", "/v1/clients", "http:///v1", "ws://api.test", "http://a:70000"]
)
def test_an_address_that_http_does_not_lead_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        RequestTarget(url)


def test_a_target_cannot_end_the_line_it_stands_on() -> None:
    request = Request(
        "GET", RequestTarget("http://api.test/a b%0d%0aX-A: b?c=d e#f"), HeaderBlock(), {}
    )

    assert sent(request).split(b"\r\n")[0] == b"GET /a%20b%0d%0aX-A:%20b?c=d%20e HTTP/1.1"
