"""Rewrite graphql-core's messages: without Python's notation and without the values.

The messages quote a client's input in Python's notation, and an input may be personal data.
"""

import re
from re import Match

_VALUE = re.compile(
    r"""
    (?P<null>\ not\ to\ be)\ None\.$
    | ,\ (?:but\ encountered\ error\ .*|found:\ .*)  # Expected value of type 'T', found: V
    | (?P<suggestion>\.\ Did\ you\ mean\ [^?]*\?)\ Found:\ .*
    | (?P<kind>\ cannot\ represent\ [a-z0-9 -]*value):\ .*     # Int cannot represent ... value: V
    | Value\ '.*'(?P<enum>\ does\ not\ exist\ in\ '\w+'\ enum\..*)
    | (?P<token>\b(?:Block)?String)\ '.*'\.$                   # Syntax Error: Unexpected String 'V'
    """,
    re.VERBOSE | re.DOTALL,
)
_UNKNOWN_FIELD = re.compile(
    r"unknown field '(?![A-Za-z_]\w{0,99}'[.,]).*?'(?=[.,])", re.ASCII | re.DOTALL
)
"""An unknown field whose name is not a GraphQL name (GraphQL, 2.1.9) but any JSON key."""


def redact_values(message: str) -> str:
    """Return the message without the values that it quotes."""
    message = _UNKNOWN_FIELD.sub("an unknown field", message)
    return _VALUE.sub(_cut, message, count=1)


def _cut(found: Match[str]) -> str:
    if found["null"]:
        return f"{found['null']} null."
    if found["enum"]:
        return f"Value{found['enum']}"
    kept = found["suggestion"] or found["kind"] or found["token"] or ""
    return kept if kept.endswith("?") else f"{kept}."
