"""What the API says is wrong with the input, whatever shape it says it in."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from schema.source.errors import Issue
from schema.source.records import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CODE = "REFUSED_BY_API"
LONGEST = 300
"""Characters of the API's own words that are passed on."""
_MOST = 50
"""Problems of one answer that are passed on."""
_PLACES = ("field", "path", "param")
_WORDS = ("message", "msg")
_UNEXPLAINED = "is not valid"
_WRITABLE = ("first_name", "last_name", "client_type", "email", "phone", "status")
"""Fields that a write sets (API page, Create new client and Update client)."""
_SNAKE = re.compile(r"_([a-z])")


def parse_issues(code: str, message: str, details: object) -> list[Issue]:
    """The problems in an error, by the graph's names (API page, Errors: `details`).

    Where `details` name none, the one that `message` puts in words.
    """
    problems = list(islice(iter_details(details), _MOST))
    if not problems:
        problems = [(field_named(code, details), _text(message))]
    return [
        Issue(None if field is None else _graph_name(field), CODE, text) for field, text in problems
    ]


def field_named(code: str, details: object) -> str | None:
    """The API's field that an error is about: the first in `details`, else one its code names."""
    for field, _ in iter_details(details):
        if field is not None:
            return field
    words = code.lower().split("_")
    return next((field for field in _WRITABLE if set(field.split("_")) <= set(words)), None)


def iter_details(details: object) -> Iterator[tuple[str | None, str]]:
    """Field and words of each problem; an object holds one, or one under each field's name."""
    if isinstance(details, list):
        for each in details:
            if isinstance(each, dict):
                yield _place(each), _text(next((each[key] for key in _WORDS if key in each), None))
            elif isinstance(each, str):
                yield None, _text(each)
    elif isinstance(details, dict):
        if _place(details) is not None:
            yield from iter_details([details])
        for field in details:
            if field in FIELDS:
                yield field, _text(details[field])


def _place(problem: Mapping[str, Any]) -> str | None:
    place = next((problem[key] for key in _PLACES if key in problem), None)
    if isinstance(place, list):
        place = ".".join(str(step) for step in place)
    return place.removeprefix("body.")[:LONGEST] if isinstance(place, str) else None


def _text(said: object) -> str:
    """The API's words, shortened; a list of them is told by its first."""
    if isinstance(said, list) and said:
        said = said[0]
    return said[:LONGEST] if isinstance(said, str) and said else _UNEXPLAINED


def _graph_name(field: str) -> str:
    """The graph's name of an API field; `version` is sent as `expectedVersion`."""
    if field == "version":
        return "expectedVersion"
    return _SNAKE.sub(lambda match: match[1].upper(), field)
