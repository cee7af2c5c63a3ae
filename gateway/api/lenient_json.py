"""A lenient JSON parser: invalid parts make only the values that contain them unreadable.

RFC 8259 requires UTF-8 without a byte order mark, no NaN and no control characters in strings.
Serializers that write half a surrogate pair, Infinity or raw newlines are common nevertheless.
"""

import json
import re
import zlib
from collections.abc import Iterator
from math import isinf
from typing import Final

DEEPEST = 32
"""Maximum nesting depth; a field with a deeper value is unreadable."""
_MOST_BYTES = 5 * 1024 * 1024
"""Maximum size of a decompressed body in bytes, the same as for an uncompressed body."""
_CHARSET = re.compile(r"""\bcharset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_SINGLE_BYTE = frozenset({"iso-8859-1", "iso8859-1", "latin-1", "latin1", "windows-1252", "cp1252"})
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_NUMBER = 400
"""Maximum digits of an integer; a double has at most 309 before the point."""


class Unreadable:
    """The type of `UNREADABLE`, which replaces a value that JSON or a double cannot represent."""


UNREADABLE: Final = Unreadable()


def decompress(content: bytes) -> bytes:
    """Return `content` decompressed, if it is compressed without a request (RFC 9110, 8.4.1).

    Compressed bytes are recognised by their first bytes: no JSON text begins with them.
    Raises `ValueError` if the result exceeds the maximum size of a body.
    """
    if content[:2] == b"\x1f\x8b":
        windows: tuple[int, ...] = (16 + zlib.MAX_WBITS,)
    elif content[:1] and content[:1] not in b' \t\r\n{["\xef\xfe\xff\x00' and content[1:2]:
        windows = (zlib.MAX_WBITS, -zlib.MAX_WBITS)
    else:
        return content
    for window in windows:
        decompressor = zlib.decompressobj(window)
        try:
            plain = decompressor.decompress(content, _MOST_BYTES)
        except zlib.error:
            continue
        if decompressor.unconsumed_tail:
            raise ValueError("the body unfolds to more than is read")
        if decompressor.eof:
            return plain
    return content


def loads(content: bytes, content_type: str = "") -> object:
    """Parse a JSON text, with `UNREADABLE` in place of each invalid value.

    `content_type`: the value of the Content-Type header; its charset is used if the text is not
    UTF-8. Raises `ValueError` if the content is not a JSON text at all.
    """
    text = _text(decompress(content), content_type)
    try:
        return _parse(text)
    except RecursionError:
        return _parse("".join(_shallow(text)))


def is_readable(value: object) -> bool:
    """Return True if every part of a value from `loads` can be serialized as JSON."""
    if isinstance(value, str):
        return _SURROGATE.search(value) is None
    if isinstance(value, dict):
        return all(is_readable(key) and is_readable(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(is_readable, value))
    return value is not UNREADABLE


def _text(content: bytes, content_type: str) -> str:
    encoding = json.detect_encoding(content)
    if encoding.startswith("utf-8"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            named = _CHARSET.search(content_type)
            if named is not None and named[1].lower() in _SINGLE_BYTE:
                return content.decode("cp1252", "replace")
    return content.decode(encoding, "surrogateescape")


def _parse(text: str) -> object:
    value: object = json.loads(
        text,
        strict=False,
        parse_constant=lambda _: UNREADABLE,
        parse_int=lambda text: int(text) if len(text) <= _LONGEST_NUMBER else UNREADABLE,
        parse_float=lambda text: UNREADABLE if isinf(float(text)) else float(text),
    )
    return value if _depth_of(value) <= DEEPEST else _parse("".join(_shallow(text)))


def _depth_of(value: object) -> int:
    """Return the nesting depth of `value`; count at most one level beyond `DEEPEST`."""
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        depth += bool(level)
    return depth


def _shallow(text: str) -> Iterator[str]:
    """Yield the text in pieces, with `NaN` in place of each array and object that is too deep."""
    depth, kept = 0, 0
    for token in _TOKENS.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                yield text[kept : token.start()]
                yield "NaN"
        elif mark in "]}":
            depth -= 1
            if depth == DEEPEST:
                kept = token.end()
    if depth <= DEEPEST:
        yield text[kept:]
