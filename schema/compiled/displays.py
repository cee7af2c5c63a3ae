"""Functions written for one selection: Python that displays the dicts of its answer.

What is written holds names of the graph and of its own constants, and nothing that a caller
chose but the keys of the answer, which are GraphQL names (GraphQL, 2.1.9) and stand as literals.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from schema.compiled.projection import NOWHERE, STRICT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

_REMEMBERED = 256
"""Texts whose code is remembered: many selections differ in their constants alone."""

RECORD = "def tell(record):\n    return {display}"
"""A dict for a record. Raises, anything at all, where a column refuses its value."""
EDGES = (
    "def tell(records, begin):\n"
    "    return [{display} for index, record in enumerate(records, begin)]"
)
"""A list of dicts for records at consecutive indices. Raises like `RECORD`."""


class Column(NamedTuple):
    """An expression for the value under one key, over `record` and, in `EDGES`, `index`.

    It raises where the value has to be told the long way: where that is absent, malformed or of
    a type that needs a second look. `{own}` in it is `constant`, under a name of its own.
    """

    expression: str
    constant: Any = None


class Unusual(Exception):
    """A value that has to be told the long way."""


def unusual() -> NoReturn:
    """Refuse a value; for expressions."""
    raise Unusual


def written(text: str, columns: Mapping[str, Column]) -> Callable[..., Any]:
    """The function of `text` that displays `columns`."""
    names: dict[str, Any] = {"unusual": unusual, "nowhere": NOWHERE, "strict": STRICT}
    display = ""
    for place, (key, column) in enumerate(columns.items()):
        if not (key.isascii() and key.isidentifier()):
            raise ValueError(key)
        own = f"own{place}"
        names[own] = column.constant
        display += f"        {key!r}: {column.expression.format(own=own)},\n"
    code = _code(text.format(display=f"{{\n{display}    }}"))
    exec(code, names)  # noqa: S102 # nosec B102 - written above, of names alone
    made: Callable[..., Any] = names["tell"]
    return made


@lru_cache(maxsize=_REMEMBERED)
def _code(text: str) -> CodeType:
    return compile(text, "<selection>", "exec")
