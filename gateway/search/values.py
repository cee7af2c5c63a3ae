"""The values of a record that are compared; None for null, absent and malformed ones."""

from collections.abc import Callable
from functools import lru_cache

from schema.source.records import ClientRecord
from schema.source.search import FULL_NAME
from schema.types.scalars import held, moment, number

_EXACT = 2**53
"""Whole numbers up to this are exact as doubles; most amounts are."""
Value = str | float | None


def money(value: object) -> float | None:
    """Return an amount as the graph shows it."""
    if type(value) is int and abs(value) <= _EXACT:
        return float(value)
    return None if value is None else held(number, value)


@lru_cache(8_192)  # a filter may have fifty ranges, and each reads it of every client
def when(value: object) -> str | None:
    """Return an instant in a form in which the later one is the greater text."""
    return None if value is None else held(moment, value)


def text(value: object) -> str | None:
    """Return a text."""
    return value if isinstance(value, str) else None


def full_name(record: ClientRecord) -> str | None:
    """Return given and family name as the graph shows them together."""
    first, last = text(record.first_name), text(record.last_name)
    if first is None and last is None:
        return None
    return " ".join(part for part in (first, last) if part)


_READ: dict[str, Callable[[object], Value]] = {
    "budget_min": money,
    "budget_max": money,
    "pre_approval_amount": money,
    "created_at": when,
    "updated_at": when,
}


def value_reader(by: str) -> Callable[[ClientRecord], Value]:
    """Return the function that reads the value of a sort key from a record."""
    if by == FULL_NAME:
        return full_name
    read = _READ.get(by, text)
    return lambda record: read(getattr(record, by))
