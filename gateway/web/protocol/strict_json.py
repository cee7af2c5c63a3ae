"""JSON read strictly (RFC 8259): UTF-8, finite numbers, no name twice, no deeper than allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Collection

_SPACE = b" \t\r\n"
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class InvalidJSON(Exception):
    """The text is not JSON as it is taken here; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class JSONLimits:
    """How large what a client sends may be, besides the query itself."""

    depth: int = 16
    """Levels of lists and objects."""
    string: int = 8 * 1024
    """Characters of one string."""
    values: int = 5_000
    """Values in all lists and objects together."""


def loads(text: bytes) -> object:
    """The value in `text`; never a lone surrogate, an infinity or a not-a-number.

    Names that an object has twice are for `names_once` to find. Raises `Malformed`.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidJSON("is not JSON") from None


def reject_duplicate_keys(text: bytes, names: int) -> None:
    """Raise `Malformed` unless the objects in `text` spell as many names as were understood.

    A parser keeps the last of two equal names, so `names` would then be fewer. Without white
    space each name ends in `":`, and a string may hold that too: only then are strings cut out.
    """
    if text.translate(None, _SPACE).count(b'":') == names:
        return
    if _STRING.sub(b"", text).count(b":") != names:
        raise InvalidJSON("says a name twice in one object")


def count_keys_within(value: object, bounds: JSONLimits) -> int:
    """How many names the objects in `value` have. Raises `Malformed` where it passes a bound."""
    names = 0
    values = bounds.values
    level: list[object] = [[value]]
    for _ in range(bounds.depth + 1):
        below: list[object] = []
        for holder in level:
            if type(holder) is dict:
                names += len(holder)
                held: Collection[object] = holder.values()
            else:
                held = cast("list[object]", holder)
            values -= len(held)
            for each in held:
                kind = type(each)
                if kind is str:
                    if len(each) > bounds.string:  # type: ignore[arg-type]
                        raise InvalidJSON(
                            f"has a string of {len(each)} characters,"  # type: ignore[arg-type]
                            f" and {bounds.string} are allowed"
                        )
                elif kind is dict or kind is list:
                    below.append(each)
        if values < 0:
            raise InvalidJSON(f"has more than {bounds.values} values in lists and objects")
        if not below:
            return names
        level = below
    raise InvalidJSON(f"has more than {bounds.depth} levels of lists and objects")
