"""Estimate the bytes of documents from above, for the bounds of the caches that hold them.

The constants are measured (CPython 3.11 to 3.14, 64 bits) and checked by
tests/schema/test_sizes.py, which compares the estimates with what the interpreter allocates.
"""

import sys
from collections.abc import Mapping
from typing import cast

DOCUMENT = 3_072
"""Bytes of a document without its tokens."""
TOKEN = 560
"""Bytes of a token, its share of the syntax tree included."""
OPERATION = 4_096
"""Bytes of an operation without its variables and its fields."""
VARIABLE = 128
"""Bytes of an operation's variable."""
ROOT = 2_048
"""Bytes of a compiled root field without the fields below it."""
OBJECT = 1_024
"""Bytes of a compiled selection without its fields."""
FIELD = 1_024
"""Bytes of a compiled field, its part of the generated functions included."""
KEY = 6
"""Times that a compiled field holds its key."""
PLANNED = 4_096
"""Bytes of an operation's plan without its variables."""
VARIABLES = 3
"""Copies of its variables that a plan holds: as sent, coerced, and in its requests."""
_ENTRY = 104
"""Bytes of an entry of a dict."""
_ITEM = 16
"""Bytes of an item of a list."""


def document_size(text: str, tokens: int) -> int:
    """Return the bytes of a parsed document.

    The text, and the names and values parsed from it, take three times the text's size.
    """
    return DOCUMENT + TOKEN * tokens + 3 * sys.getsizeof(text)


def value_size(value: object) -> int:
    """Return the bytes of a JSON value, nested values included."""
    size, level = 0, [value]
    while level:
        each = level.pop()
        size += sys.getsizeof(each)
        if isinstance(each, dict):
            fields = cast("Mapping[str, object]", each)
            size += _ENTRY * len(fields) + sum(map(sys.getsizeof, fields))
            level += fields.values()
        elif isinstance(each, list):
            size += _ITEM * len(each)
            level += each
    return size
