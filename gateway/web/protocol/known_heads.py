"""Heads of requests that differ from an earlier one only in values that need no parsing.

A head is known if the strict parser has accepted one with the same request line, the same names in
the same order, and the same lines for `_FIXED`. All other values may differ, within printable
ASCII, and none of them is kept: no credential outlives its connection.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

from gateway.web.protocol.head import CREDENTIALS, RequestHead
from gateway.web.protocol.http_response import Headers

_FIXED = frozenset(
    (
        b"host",
        b"connection",
        b"proxy-connection",
        b"transfer-encoding",
        b"upgrade",
        b"te",
        b"expect",
        b"accept",
        b"accept-encoding",
        b"cache-control",
        b"content-encoding",
        b"content-type",
        b"if-none-match",
    )
)
"""Names whose values frame the message, or decide how it is answered."""
_OWN = frozenset((*CREDENTIALS, b"origin", b"traceparent", b"x-request-id"))
"""Names of other values that are read. A known head has each of them at most once."""
READ = _FIXED | _OWN
"""The names of a known head that its parsed form has."""
_LENGTH = b"content-length"
_PRINTABLE = bytes(range(0x20, 0x7F))
_MAX_SHAPES, _MAX_ALIKE = 32, 8
"""Request lines with numbers of headers that are remembered, and heads for each of them."""
MAX_BYTES = 2 * 1024
"""Size of a head that is remembered at most; it is looked up if it is not twice as large."""


class _KnownHead(NamedTuple):
    """An accepted head without the values that may differ."""

    fixed_of: Callable[[Sequence[bytes]], object]
    """Returns the lines that must be equal, the request line included."""
    fixed: object
    prefixes: Sequence[bytes]
    """How each line begins: with its name and colon; a line of `fixed` has only them."""
    length: int
    """The position of Content-Length."""
    own: Sequence[tuple[bytes, int, int]]
    """The names of `_OWN` that are present, their positions, and where their values begin."""
    parsed: RequestHead
    """The parsed head, without the headers of `_OWN`."""


class KnownHeads:
    """The heads that one listener has accepted, for all of its connections."""

    def __init__(self) -> None:
        self._alike: dict[tuple[bytes, int], list[_KnownHead]] = {}

    def find(self, head: bytes, length: int, last: RequestHead | None) -> RequestHead | None:
        """Return the parsed form of `head` if it is known and announces a body of `length` bytes.

        `last` is the head before it on its connection, whose caller it has with equal credentials.
        """
        lines = head.split(b"\r\n")
        for known in self._alike.get((lines[0], len(lines)), ()):
            if known.fixed_of(lines) == known.fixed and all(
                map(bytes.startswith, lines, known.prefixes)
            ):
                break
        else:
            return None
        announced = known.prefixes[known.length] + b" %d" % length
        if lines[known.length] != announced or not _is_printable(head, lines):
            return None
        return known.parsed.with_headers(
            [(name, lines[place][begin:].strip(b" ")) for name, place, begin in known.own], last
        )

    def remember(self, head: bytes, headers: Headers) -> None:
        """Remember a head with these parsed header fields, which a simple POST had."""
        lines = head.split(b"\r\n")
        prefixes = [b"%b:" % line.partition(b":")[0] for line in lines[1:-2]]
        names = [b"", *(name for name, _ in headers)]
        once = [*filter(_OWN.__contains__, names), _LENGTH]
        if (
            [prefix[:-1].lower() for prefix in prefixes] != names[1:]
            or any(names.count(name) != 1 for name in once)
            or not _is_printable(head, lines)
        ):
            return
        fixed_of = itemgetter(0, *(n for n, name in enumerate(names) if name in _FIXED))
        known = _KnownHead(
            fixed_of,
            fixed_of(lines),
            (b"", *prefixes, b"", b""),
            names.index(_LENGTH),
            [(name, n, len(name) + 1) for n, name in enumerate(names) if name in _OWN],
            RequestHead((name, value) for name, value in headers if name in _FIXED),
        )
        alike = self._alike.setdefault((lines[0], len(lines)), [])
        alike[:] = [known, *alike[: _MAX_ALIKE - 1]]
        if len(self._alike) > _MAX_SHAPES:
            del self._alike[next(iter(self._alike))]


def _is_printable(head: bytes, lines: Sequence[bytes]) -> bool:
    """Return whether all characters in the lines are printable ASCII."""
    return head.translate(None, _PRINTABLE) == b"\r\n" * (len(lines) - 1)
