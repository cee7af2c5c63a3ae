"""Code generation: build a Python function that returns the dict for one selection.

The generated text holds names of the graph and of its own constants. The only part chosen by a
caller are the response keys: GraphQL names (GraphQL, 2.1.9), written as string literals.
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
"""Bytes of compiled code for each byte of its source text, which is cached too."""
_codes: WeightedLRU[CodeType] = WeightedLRU(2 * 1024 * 1024)
"""Compiled code by its source text: many selections differ in their constants alone."""

RECORD = "def encode(record):\n    return {display}"
"""A function that returns a dict for a record.

Raises any exception if a field refuses its value.
"""
EDGES = (
    "def encode(edges):\n"
    "    encoded = []\n"
    "    for place, record in enumerate(edges.records):\n"
    "        encoded.append({display})\n"
    "    return encoded"
)
"""A function that returns a list of dicts for consecutive records. Raises like `RECORD`."""


class FieldExpression(NamedTuple):
    """An expression for the value under one key, over `record` (in `EDGES` also `edges`, `place`).

    The expression raises if the value is absent, malformed or of a type that needs the general
    completion. `{own}` in it stands for `constant`, under a generated name.
    """

    expression: str
    constant: Any = None


Expression = FieldExpression | Mapping[str, "Expression"]
"""The value under one key; a mapping is a dict within the dict."""


class Fallback(Exception):
    """A value that only the general completion can handle."""


def fall_back() -> NoReturn:
    """Raise `Fallback`; callable from within expressions."""
    raise Fallback


def generate(text: str, columns: Mapping[str, Expression]) -> Callable[..., Any]:
    """Return the function of the template `text` for the expressions `columns`."""
    names: dict[str, Any] = {"unusual": fall_back, "nowhere": ROOT_PATH, "strict": STRICT}
    code = _code(text.format(display=_display(columns, names)))
    exec(code, names)  # noqa: S102 # nosec B102 - written above, of names alone
    # Without its name in its globals there is no cycle: an evicted function is freed at once.
    function: Callable[..., Any] = names.pop("encode")
    return function


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
