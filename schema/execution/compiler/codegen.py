"""Functions written for one selection: Python that displays the dicts of its answer.

What is written holds names of the graph and of its own constants, and nothing that a caller
chose but the keys of the answer, which are GraphQL names (GraphQL, 2.1.9) and stand as literals.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from schema.execution.compiler.projection import ROOT_PATH, STRICT
from schema.execution.lru import WeightedLRU

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

_CODE = 4
"""Bytes of code for a byte of its text, which is remembered too."""
_codes: WeightedLRU[CodeType] = WeightedLRU(2 * 1024 * 1024)
"""Code by its text: many selections differ in their constants alone."""

RECORD = "def tell(record):\n    return {display}"
"""A dict for a record. Raises, anything at all, where a column refuses its value."""
EDGES = (
    "def tell(edges):\n"
    "    told = []\n"
    "    for place, record in enumerate(edges.records):\n"
    "        told.append({display})\n"
    "    return told"
)
"""A list of dicts for records at consecutive indices. Raises like `RECORD`."""


class FieldExpression(NamedTuple):
    """An expression for the value under one key, over `record`; in `EDGES`, `edges`, `place` too.

    It raises where the value has to be told the long way: where that is absent, malformed or of
    a type that needs a second look. `{own}` in it is `constant`, under a name of its own.
    """

    expression: str
    constant: Any = None


Expression = FieldExpression | Mapping[str, "Expression"]
"""What is displayed under one key; several columns are a dict within the dict."""


class Fallback(Exception):
    """A value that has to be told the long way."""


def fall_back() -> NoReturn:
    """Refuse a value; for expressions."""
    raise Fallback


def generate(text: str, columns: Mapping[str, Expression]) -> Callable[..., Any]:
    """The function of `text` that displays `columns`."""
    names: dict[str, Any] = {"unusual": fall_back, "nowhere": ROOT_PATH, "strict": STRICT}
    code = _code(text.format(display=_display(columns, names)))
    exec(code, names)  # noqa: S102 # nosec B102 - written above, of names alone
    # Its globals need not name it: what is forgotten is then freed at once.
    made: Callable[..., Any] = names.pop("tell")
    return made


def _display(columns: Mapping[str, Expression], names: dict[str, Any]) -> str:
    shown = ""
    for key, column in columns.items():
        if not (key.isascii() and key.isidentifier()):
            raise ValueError(key)
        if isinstance(column, FieldExpression):
            own = f"own{len(names)}"
            names[own] = column.constant
            value = column.expression.format(own=own)
        else:
            value = _display(column, names)
        shown += f"{key!r}: {value},\n"
    return f"{{{shown}}}"


def _code(text: str) -> CodeType:
    code = _codes.find(text)
    if code is None:
        code = compile(text, "<selection>", "exec")
        _codes.put(text, code, _CODE * sys.getsizeof(text))
    return code
