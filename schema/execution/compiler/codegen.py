"""Code generation: build a Python function that returns the dict for one selection.

The generated text holds names of the graph and of its own constants. The only part chosen by a
caller are the response keys: GraphQL names (GraphQL, 2.1.9), written as string literals.
"""

import sys
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, NamedTuple, NoReturn

from msgspec import UNSET

from schema.execution.lru import WeightedLRU
from schema.source.records import ClientRecord
from schema.types.client_connection import LazyEdges

_CODE = 4
"""Bytes of compiled code for each byte of its source text, which is cached too."""
_codes: WeightedLRU[CodeType] = WeightedLRU(2 * 1024 * 1024)
"""Compiled code by its source text: many selections differ in their constants alone."""

RECORD_TEMPLATE = "def encode(record):\n    return {display}"
"""A function that returns the dict for a client's record."""
OBJECT_TEMPLATE = "def encode(value):\n    return {display}"
"""A function that returns the dict for any other object of the graph."""
EDGES_TEMPLATE = (
    "def encode(edges):\n"
    "    if type(edges) is not LazyEdges:\n"
    "        unusual()\n"
    "    encoded = []\n"
    "    for place, record in enumerate(edges.records):\n"
    "        encoded.append({display})\n"
    "    return encoded"
)
"""A function that returns a list of dicts for the rows of a page."""


class FieldExpression(NamedTuple):
    """An expression for the value under one key.

    It is over `record`, over `value` or, for rows, over `edges`, `place` and `record`. It raises
    any exception for a value that only graphql-core completes. `{0}` and `{1}` in it stand for the
    `constants`, under generated names.
    """

    expression: str
    constants: tuple[Any, ...] = ()


class Fallback(Exception):
    """A value that only graphql-core completes."""


def fall_back() -> NoReturn:
    """Raise `Fallback`; callable from within expressions."""
    raise Fallback


def refuse(value: object) -> NoReturn:
    """Raise `Fallback` for any value."""
    raise Fallback(value)


def generate(text: str, expressions: Mapping[str, FieldExpression]) -> Callable[[Any], Any]:
    """Return the function of the template `text` for these expressions by response key."""
    names: dict[str, Any] = {"unusual": fall_back, "unset": UNSET}
    names |= {"LazyEdges": LazyEdges, "ClientRecord": ClientRecord}
    code = _code(text.format(display=_display(expressions, names)))
    exec(code, names)  # noqa: S102 # nosec B102 - written above, of names alone
    # Without its name in its globals there is no cycle: an evicted function is freed at once.
    function: Callable[[Any], Any] = names.pop("encode")
    return function


def _display(expressions: Mapping[str, FieldExpression], names: dict[str, Any]) -> str:
    shown = ""
    for key, each in expressions.items():
        if not (key.isascii() and key.isidentifier()):
            raise ValueError(key)
        own = [f"own{len(names) + at}" for at in range(len(each.constants))]
        names.update(zip(own, each.constants, strict=True))
        shown += f"{key!r}: {each.expression.format(*own)},\n"
    return f"{{{shown}}}"


def _code(text: str) -> CodeType:
    code = _codes.find(text)
    if code is None:
        code = compile(text, "<selection>", "exec")
        _codes.put(text, code, _CODE * sys.getsizeof(text))
    return code
