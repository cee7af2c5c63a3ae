"""Byte streams as clients, proxies and attackers send them: requests, and what is nearly one."""

import re
from random import Random
from typing import NamedTuple

LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Stream(NamedTuple):
    """What one connection receives."""

    raw: bytes
    strict: bool
    """Whether all of it is as RFC 9112 has it, so that a server that refuses it is wrong."""
    ends: list[int]
    """Where its requests end, unless it was damaged."""


_METHODS = (b"GET", b"POST", b"POST", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH")
_TARGETS = (b"/", b"/graphql", b"/graphql", b"/graphql?a=b", b"/%67raphql", b"//x", b"/a/../b")
_PLAIN = (
    b"Accept: */*",
    b"X-Empty:",
    b"X-Space:  \t a b \t ",
    b"X-Tab:\ta",
    b"Content-Type: application/json",
    b"Content-Type: application/json",
    b"X-Latin: \xe9",
    b"Connection: keep-alive",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA",
    b"Connection: upgrade\r\nUpgrade: websocket",
    b"Upgrade: TLS/1.3",
    b"Expect: 100-continue",
    b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    b"TE: trailers",
    b"Origin: https://app.example",
    b"User-Agent: Tester/1.0",
)
_RENEWED = (
    (b"X-Empty:", b"X-Empty: no more"),
    (b"https://app.example", b"https://other.example"),
    (b"Tester/1.0", b"Tester/2.0 (a: b)"),
)
"""What differs between the requests of a client that asks again."""
_ODDLY_RENEWED = (
    (b"Tester/1.0", b"Tester\x00"),
    (b"Tester/1.0", b"Tester\rX: y"),
    (b"Tester/1.0", b"Tester\nX: y"),
    (b"User-Agent: ", b"User-Agent "),
    (b"User-Agent:", b"User-Agent :"),
    (b"\r\nContent-Length: ", b"\r\nContent-Length: +"),
    (b"\r\nContent-Length: ", b"\r\nContent-Length: 1"),
)
_ODD = (
    b"Host: other",
    b"Host:",
    b"Content-Length: 3",
    b"Content-Length: 0",
    b"Content-Length: 4, 4",
    b"Content-Length: +4",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: x",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"X: a\r\n folded",
    b"X: a\nY: b",
    b"X: a\rb",
    b"X: \x00",
    b"no colon",
    b": no name",
    b" leading",
    b"X(): y",
)
_CHUNK_ENDS = (b"\r\n", b"\r\n", b"\r\n", b";a=b\r\n", b';a="b"\r\n', b";a\r\n")
_ODD_CHUNKS = (
    b"1\nx\r\n",
    b"2\r\nx\r\n",
    b"1\r\nxx\r\n",
    b"0x1\r\nx\r\n",
    b"1 \r\nx\r\n",
    b"-1\r\nx\r\n",
    b"1\r\r\nx\r\n",
    b"1\r\nx",
    b"\r\n",
    b"ffffffffffffffffff\r\nx\r\n",
)
_BODIES = (
    b"",
    b"x",
    b'{"query":"{ a }"}',
    b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"y" * 5_000,
)


def stream(chance: Random) -> Stream:
    """The next one; a connection that is not refused ends with `LAST`."""
    odd = chance.random() < 0.6
    requests = [_request(chance, odd=odd) for _ in range(chance.randint(1, 4))]
    if chance.random() < 0.3:  # again and again, as a client asks that remembers its head
        requests = [_renewed(chance.choice(requests), chance, odd=odd) for _ in range(4)]
    raw = b"".join(requests) + LAST
    ends = [sum(map(len, requests[:number])) for number in range(1, len(requests) + 1)]
    if odd and chance.random() < 0.3:
        raw = _damaged(raw, chance)
    return Stream(raw, strict=not odd, ends=ends)


def pieces(sent: Stream, chance: Random) -> list[bytes]:
    """The stream cut into segments."""
    raw, kind = sent.raw, chance.random()
    if kind < 0.1:
        return [raw]
    if kind < 0.2:
        return [raw[a:b] for a, b in zip([0, *sent.ends], [*sent.ends, len(raw)], strict=True)]
    if kind < 0.3:
        return [raw[place : place + 1] for place in range(len(raw))]
    cuts = sorted({chance.randrange(len(raw) + 1) for _ in range(chance.randint(1, 8))})
    if kind < 0.5:  # where things end
        ends = [place for place in range(len(raw)) if raw[place : place + 2] == b"\r\n"]
        cuts = sorted({chance.choice(ends) + chance.randint(0, 2) for _ in range(4)})
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


def _renewed(request: bytes, chance: Random, *, odd: bool) -> bytes:
    """The same request, in another trace and now and then a little different."""
    parent = b"%032x-%016x" % (chance.getrandbits(120) + 1, chance.getrandbits(60) + 1)
    renewed = re.sub(rb"(?<=traceparent: 00-)[0-9a-f-]{49}", parent, request)
    old, new = chance.choice(_RENEWED + _ODDLY_RENEWED if odd else _RENEWED)
    return renewed.replace(old, new) if chance.random() < 0.4 else renewed


def _request(chance: Random, *, odd: bool) -> bytes:
    method, target, version = chance.choice(_METHODS), chance.choice(_TARGETS), b"HTTP/1.1"
    lines = [b"Host: localhost", *chance.sample(_PLAIN, chance.randint(0, 5))]
    if odd and chance.random() < 0.5:
        lines.insert(chance.randint(0, len(lines)), chance.choice(_ODD))
    if odd and chance.random() < 0.1:
        lines.remove(b"Host: localhost")
    if odd and chance.random() < 0.1:
        version = chance.choice((b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b""))
    if odd and chance.random() < 0.1:
        target = chance.choice((b"*", b"http://other/x", b"a", b"/x#y", b"/\x7f", b"/a b", b""))
    if odd and chance.random() < 0.1:
        method = chance.choice((b"CONNECT", b"BREW", b"get", b"", b"PRI", b"TRACE"))
    body = chance.choice(_BODIES)
    if chance.random() < 0.5:
        if body or chance.random() < 0.5:
            lines.append(b"Content-Length: %d" % len(body))
        framed = body
    else:
        lines.append(b"Transfer-Encoding: %b" % chance.choice((b"chunked", b"Chunked")))
        framed = _chunked(body, chance, odd=odd)
    chance.shuffle(lines) if not odd else None
    empty = b"\r\n" * (chance.random() < 0.1)
    return b"%b%b %b %b\r\n%b\r\n\r\n%b" % (
        empty,
        method,
        target,
        version,
        b"\r\n".join(lines),
        framed,
    )


def _chunked(body: bytes, chance: Random, *, odd: bool) -> bytes:
    framed = b""
    while body:
        size = chance.randint(1, len(body))
        piece, body = body[:size], body[size:]
        framed += b"%x%b%b\r\n" % (len(piece), chance.choice(_CHUNK_ENDS), piece)
        if odd and chance.random() < 0.1:
            framed += chance.choice(_ODD_CHUNKS)
    framed += b"0" * chance.randint(1, 3) + chance.choice(_CHUNK_ENDS)
    if chance.random() < 0.3:
        framed += b"X-API-Key: trailed\r\n"
    if chance.random() < 0.1:
        framed += b"Connection: upgrade\r\nUpgrade: h2c\r\n"
    if odd and chance.random() < 0.2:
        framed += chance.choice(_ODD) + b"\r\n"
    return framed + b"\r\n"


def _damaged(raw: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(raw))
    kind = chance.randrange(4)
    if kind == 0:
        return raw[:place] + raw[place + 1 :]
    if kind == 1:
        return raw[:place] + bytes([chance.randrange(256)]) + raw[place:]
    if kind == 2:
        return raw[:place] + bytes([chance.randrange(256)]) + raw[place + 1 :]
    other = chance.randrange(len(raw))
    return raw[:place] + raw[other : other + 20] + raw[place:]
