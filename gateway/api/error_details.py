"""Parse the API's input errors, in any of the shapes in which it sends them."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from schema.source.errors import Issue
from schema.source.records import FIELDS

CODE = "REFUSED_BY_API"
LONGEST = 300
"""Maximum length of an API message that is passed on, in characters."""
_MOST = 50
"""Maximum number of problems that are passed on from one response."""
_PLACES = ("field", "path", "param")
_WORDS = ("message", "msg")
_UNEXPLAINED = "is not valid"
_WRITABLE = ("first_name", "last_name", "client_type", "email", "phone", "status")
"""Fields that a write sets (API page, Create new client and Update client)."""
_SNAKE = re.compile(r"_([a-z])")


def parse_issues(code: str, message: str, details: object) -> list[Issue]:
    """List the problems in an error, under GraphQL field names (API page, Errors: `details`).

    If `details` names no problem, return one issue with the text of `message`.
    """
    problems = list(islice(iter_details(details), _MOST))
    if not problems:
        problems = [(field_named(code, details), _text(message))]
    return [Issue(field and _graph_name(field), CODE, text) for field, text in problems]


def field_named(code: str, details: object) -> str | None:
    """Return the API field of an error: the first in `details`, else one named by its code."""
    for field, _ in iter_details(details):
        if field is not None:
            return field
    words = code.lower().split("_")
    return next((field for field in _WRITABLE if set(field.split("_")) <= set(words)), None)


def iter_details(details: object) -> Iterator[tuple[str | None, str]]:
    """Yield field and message of each problem; an object holds one, or one for each field name."""
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


def _text(message: object) -> str:
    """Return an API message, shortened to `LONGEST`; of a list, its first message."""
    if isinstance(message, list) and message:
        message = message[0]
    return message[:LONGEST] if isinstance(message, str) and message else _UNEXPLAINED


def _graph_name(field: str) -> str:
    """Return the GraphQL name of an API field; `version` is `expectedVersion` in GraphQL."""
    if field == "version":
        return "expectedVersion"
    return _SNAKE.sub(lambda match: match[1].upper(), field)
