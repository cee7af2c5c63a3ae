"""Requests as they are written, and those that are not."""

import pytest

from gateway.transport.errors import InvalidRequest
from gateway.transport.serializer import HeaderBlock, Origin, RequestTarget, serialize

FIELDS = [(b"Accept", b"application/json"), (b"X-API-Key", b"k")]
BOOKS = "xn--bcher-kva.test"
HERE = RequestTarget("http://api.test/v1/clients?page=1&limit=25")


def sent(
    method: str,
    target: RequestTarget = HERE,
    fields: HeaderBlock | None = None,
    content: bytes = b"",
) -> bytes:
    return serialize(method, target, fields or HeaderBlock(), content)


def test_a_read_is_a_line_and_its_headers() -> None:
    assert sent("GET", HERE, HeaderBlock(*FIELDS)) == (
        b"GET /v1/clients?page=1&limit=25 HTTP/1.1\r\n"
        b"Host: api.test\r\n"
        b"Accept-Encoding: identity\r\n"
        b"Accept: application/json\r\n"
        b"X-API-Key: k\r\n"
        b"User-Agent: clients-gateway\r\n"
        b"\r\n"
    )


def test_a_write_tells_how_long_its_content_is() -> None:
    assert sent("PUT", content=b"{}").endswith(b"\r\nContent-Length: 2\r\n\r\n{}")
    assert sent("POST").endswith(b"\r\nContent-Length: 0\r\n\r\n")
    assert b"Content-Length" not in sent("DELETE")


def test_an_own_header_is_sent_once_and_by_us() -> None:
    headers = HeaderBlock(
        (b"Host", b"elsewhere.test"),
        (b"Accept-Encoding", b"gzip"),
        (b"Connection", b"close"),
        (b"Content-Length", b"99"),
        (b"Transfer-Encoding", b"chunked"),
        (b"User-Agent", b"mine"),
    )

    assert sent("POST", RequestTarget("http://api.test/"), headers, b"{}") == (
        b"POST / HTTP/1.1\r\nHost: api.test\r\nAccept-Encoding: identity\r\n"
        b"User-Agent: mine\r\nContent-Length: 2\r\n\r\n{}"
    )


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
        sent("GET", HERE, HeaderBlock((name, value)))

    assert str(refusal.value) == "a header that no request can carry"


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nX-A: b\r\n\r\nGET", "", "G T", "GÉT"])
def test_a_method_that_is_none_is_not_written(method: str) -> None:
    with pytest.raises(InvalidRequest):
        sent(method)


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
    "url",
    [
        "ftp://api.test/",
        "/v1/clients",
        "http:///v1",
        "ws://api.test",
        "http://a:70000",
        "http://a:0x1",
    ],
)
def test_an_address_that_http_does_not_lead_to_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        RequestTarget(url)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("http://api.test/a b%0d%0aX-A: b?c=d e#f", b"/a%20b%0d%0aX-A:%20b?c=d%20e"),
        ("http://api.test/caf\xe9?q=\xe9&r=%C3", b"/caf%C3%A9?q=%C3%A9&r=%C3"),
        ("http://api.test", b"/"),
        ("http://api.test?", b"/"),
        ("http://api.test/a;b=c,d/'(e)*!$&+=:@~._-?f=/?", b"/a;b=c,d/'(e)*!$&+=:@~._-?f=/?"),
        ('http://api.test/"<>`{}|^[]', b"/%22%3C%3E%60%7B%7D%7C%5E%5B%5D"),
    ],
)
def test_a_target_cannot_end_the_line_it_stands_on(url: str, line: bytes) -> None:
    assert sent("GET", RequestTarget(url)).split(b"\r\n")[0] == b"GET %b HTTP/1.1" % line


@pytest.mark.parametrize("character", ["\r", "\n", "\t", "\x00", "\x7f", "\x85", "\u2028"])
@pytest.mark.parametrize(
    "place", ["http://api{}.test/", "http://api.test/{}", "{}http://api.test/"]
)
def test_an_address_with_a_control_character_is_refused(place: str, character: str) -> None:
    with pytest.raises(InvalidRequest):
        RequestTarget(place.format(character))


@pytest.mark.parametrize("host", ["a b", 'a"b', "a<b", "a^b", "a|b", "[::1", "a:b", "", "a\\b"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest):
        RequestTarget(f"http://{host}/")
