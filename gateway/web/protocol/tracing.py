"""The identifiers of a request, used in the response, the log and the trace of the caller."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gateway.web.protocol.http_response import Headers

TRACE = "gateway.trace"
"""Key of the `Trace` of a request in its ASGI scope."""
_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_ODD = b"13579bdf"
_NOTHING = (b"0" * 32, b"0" * 16)


class Trace(NamedTuple):
    """The identifiers of one request; `traceparent` names the gateway's span in a trace."""

    request_id: str
    traceparent: bytes

    def headers(self) -> Headers:
        """Return the response header fields that contain the identifiers."""
        return [(b"x-request-id", self.request_id.encode()), (b"traceparent", self.traceparent)]


def buffered_entropy(source: Callable[[int], bytes], at_once: int = 4096) -> Callable[[int], bytes]:
    """Read `source` in blocks of `at_once` bytes, since each of its calls is a system call."""
    stock, used = b"", 0

    def draw(length: int) -> bytes:
        nonlocal stock, used
        if used + length > len(stock):
            stock, used = source(max(length, at_once)), 0
        used += length
        return stock[used - length : used]

    return draw


def _digits(count: int) -> bytes:
    """Return random hexadecimal digits, an even number of them."""
    return os.urandom(count // 2).hex().encode()


_ENTROPY = buffered_entropy(_digits)


def trace_from(
    headers: Mapping[bytes, Sequence[bytes]], entropy: Callable[[int], bytes] = _ENTROPY
) -> Trace:
    """Return the identifiers that the request has, and new ones where they are missing or invalid.

    `entropy` returns so many random hexadecimal digits.

    X-Request-Id is accepted if it is sent once and matches `_ID`. A valid traceparent (W3C Trace
    Context, 3.2) is continued; an invalid one is replaced by a new trace.
    """
    fresh = entropy(48)
    sent = headers.get(b"traceparent")
    trace, flags = (sent and _parent(sent)) or (fresh[:32], b"00")
    sent = headers.get(b"x-request-id")
    named = sent and len(sent) == 1 and _ID.fullmatch(sent[0])
    return Trace(
        (sent[0] if sent and named else trace).decode("ascii"),
        b"00-%b-%b-%b" % (trace, fresh[32:], flags),
    )


def _parent(sent: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    if len(sent) != 1:
        return None
    found = _PARENT.fullmatch(sent[0])
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more) or trace in _NOTHING or parent in _NOTHING:
        return None
    # Only the first flag, `sampled`, is known to this version.
    return trace, b"01" if flags[-1:] in _ODD else b"00"
