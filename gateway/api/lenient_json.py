"""JSON as servers write it: what a strict parser refuses costs the values it stands in, no more.

RFC 8259 wants UTF-8 without a byte order mark, no NaN and no control characters in strings.
Serializers that write half a surrogate pair, Infinity or raw newlines are common nevertheless.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 32
"""Levels of nesting that are read; what lies deeper makes its field unreadable."""
_MOST_BYTES = 5 * 1024 * 1024
"""Bytes that a compressed body may unfold to; as many as a body may have uncompressed."""
_CHARSET = re.compile(r"""\bcharset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_SINGLE_BYTE = frozenset({"iso-8859-1", "iso8859-1", "latin-1", "latin1", "windows-1252", "cp1252"})
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_NUMBER = 400
"""Digits of the longest number that is read; a double has 309 before the point."""


class Unreadable:
    """Stands where the text has no value that JSON or a double can hold."""


UNREADABLE: Final = Unreadable()


def decompress(content: bytes) -> bytes:
    """`content` without a compression that was not requested (RFC 9110, 8.4.1).

    Compressed bytes are recognised by what they are: no JSON text begins like them.
    Raises `ValueError` for more than is read of any body.
    """
    if content[:2] == b"\x1f\x8b":
        windows: tuple[int, ...] = (16 + zlib.MAX_WBITS,)
    elif content[:1] and content[:1] not in b' \t\r\n{["\xef\xfe\xff\x00' and content[1:2]:
        windows = (zlib.MAX_WBITS, -zlib.MAX_WBITS)
    else:
        return content
    for window in windows:
        unfolding = zlib.decompressobj(window)
        try:
            plain = unfolding.decompress(content, _MOST_BYTES)
        except zlib.error:
            continue
        if unfolding.unconsumed_tail:
            raise ValueError("the body unfolds to more than is read")
        if unfolding.eof:
            return plain
    return content


def loads(content: bytes, content_type: str = "") -> object:
    """The value of a JSON text, `UNREADABLE` in place of what in it has none.

    `content_type`: the header that came with it; its charset matters where the text is no
    UTF-8. Raises `ValueError` for what is no JSON text at all.
    """
    text = _text(decompress(content), content_type)
    try:
        return _parse(text)
    except RecursionError:
        return _parse("".join(_shallow(text)))


def is_readable(value: object) -> bool:
    """Whether every part of a value that `loads` returned can be written as JSON again."""
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
        parse_int=_whole,
        parse_float=_fraction,
    )
    return value if _depth_of(value) <= DEEPEST else _parse("".join(_shallow(text)))


def _whole(digits: str) -> int | Unreadable:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else UNREADABLE


def _fraction(digits: str) -> float | Unreadable:
    number = float(digits)
    return number if abs(number) < float("inf") else UNREADABLE


def _depth_of(value: object) -> int:
    """Levels of nesting in `value`, counted no further than one past the deepest that is read."""
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
    """The text with `NaN` in place of every array and object that lies too deep."""
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
