"""Strict JSON parsing (RFC 8259): UTF-8, finite numbers, unique names and limited depth."""

import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

import orjson

_SPACE = b" \t\r\n"
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class InvalidJSON(Exception):
    """The text is not accepted JSON; the message is a predicate, such as "is not JSON"."""


@dataclass(frozen=True, slots=True)
class JSONLimits:
    """Limits on the JSON that a client sends, except for the text of the query."""

    depth: int = 16
    """Levels of lists and objects."""
    string: int = 8 * 1024
    """Characters of one string."""
    values: int = 5_000
    """Values in all lists and objects together."""


_UNLIMITED = JSONLimits(depth=1_024, string=sys.maxsize, values=sys.maxsize)
"""Limits that no text exceeds that can be parsed."""


def loads(text: bytes) -> object:
    """Parse `text`; the value has no lone surrogate, infinity or NaN. Raises `InvalidJSON`.

    Duplicate names in an object are accepted here; `reject_duplicate_keys` finds them.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidJSON("is not JSON") from None


def reject_duplicate_keys(text: bytes, names: int) -> None:
    """Raise `InvalidJSON` if an object in `text` has a duplicate name.

    `names` is the number of names in the parsed value. The parser keeps only the last of two equal
    names, so that number is then lower than the number of names in `text`. Without white space,
    each name ends in `":`. A string may also contain these characters, so strings are removed for
    a second count if the first differs.
    """
    if text.translate(None, _SPACE).count(b'":') == names:
        return
    if _STRING.sub(b"", text).count(b":") != names:
        raise InvalidJSON("says a name twice in one object")


def loads_unique(text: bytes) -> object:
    """Parse `text`, of any size, in which no object has a duplicate name. Raises `InvalidJSON`."""
    value = loads(text)
    reject_duplicate_keys(text, count_keys_within(value, _UNLIMITED))
    return value


def count_keys_within(value: object, bounds: JSONLimits) -> int:
    """Count the names of all objects in `value`. Raises `InvalidJSON` if it exceeds a limit."""
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
