"""The short way from a client's record to its part of an answer, where nothing is unusual.

A row is refused, and told field by field instead, as soon as any value in it is absent,
malformed or of a type that would need a second look: so errors have one place, the long way.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any

from msgspec import UnsetType

from schema.compiled.projection import Strict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schema.client import Told
    from schema.compiled.fields import Field
    from schema.source import ClientRecord

Row = Callable[["ClientRecord"], "dict[str, Any] | None"]
"""The answered object, or None where the record is none for the short way."""

Convert = Callable[[Any, "ClientRecord"], Any]
"""An attribute of the record (and the record, where it takes more) as it is answered."""

_NOWHERE = (None, "")
_STRICT = Strict()
_MEMO = 1_024
"""Values of one enumeration or number remembered as they are answered."""
_KINDS = 256
"""Combinations of types remembered as usual, for one row."""


def row_of(fields: Sequence[Field]) -> Row:
    """The short way for these fields of the client."""
    keys = [field.key for field in fields]
    columns = [_column(field) for field in fields]
    # One more attribute, so that there always are several; no key is left for it.
    read = attrgetter(*(attribute for attribute, _, _ in columns), "id")
    usual = [kinds for _, kinds, _ in columns]
    conversions = [
        (place, convert) for place, (_, _, convert) in enumerate(columns) if convert is not None
    ]
    seen: set[tuple[type, ...]] = set()

    def fits(kinds: tuple[type, ...]) -> bool:
        if UnsetType in kinds:
            return False
        if not all(
            allowed is None or kind in allowed for kind, allowed in zip(kinds, usual, strict=False)
        ):
            return False
        if len(seen) < _KINDS:
            seen.add(kinds)
        return True

    def row(record: ClientRecord) -> dict[str, Any] | None:
        values = read(record)
        kinds = tuple(map(type, values))
        if kinds not in seen and not fits(kinds):
            return None
        if not conversions:
            return dict(zip(keys, values, strict=False))
        answered = list(values)
        try:
            for place, convert in conversions:
                answered[place] = convert(answered[place], record)
        except Exception:  # noqa: BLE001 - the long way tells what it is
            return None
        return dict(zip(keys, answered, strict=False))

    return row


def _column(field: Field) -> tuple[str, frozenset[type] | None, Convert | None]:
    """The attribute to read, the types that are usual for it, and what is made of it."""
    if field.told is None:
        if field.name == "id":  # the record's own, as `Client.of` takes it
            return "id", frozenset((str,)), None
        return "id", None, _beside(field)
    attribute, *more = field.told.fields
    if more:
        return attribute, None, _whole(field, field.told)
    if field.told.read is None and field.plain is not None:
        return attribute, frozenset((field.plain, NoneType)), None
    return attribute, None, _converted(field, field.told.read)


def _beside(field: Field) -> Convert:
    """What is the same for every client."""
    read, shape = field.read, field.shape
    return lambda _, __: shape(read(None, _STRICT), _NOWHERE, _STRICT)


def _whole(field: Field, told: Told) -> Convert:
    """A field made of several, none of which the record may lack."""
    show, reads, shape = told.show, told.reads, field.shape

    def convert(value: Any, record: ClientRecord) -> Any:
        del value
        if record.lacks(reads):
            raise LookupError(field.name)
        return shape(show(record), _NOWHERE, _STRICT)

    return convert


def _converted(field: Field, read: Callable[..., Any] | None) -> Convert:
    shape = field.shape
    memo: dict[Any, Any] = {None: None}

    def convert(value: Any, _: ClientRecord) -> Any:
        if value is None:
            return None
        return shape(value if read is None else read(value), _NOWHERE, _STRICT)

    def remembered(value: Any, record: ClientRecord) -> Any:
        try:
            return memo[value]
        except KeyError:
            answered = convert(value, record)
            if len(memo) < _MEMO and value:  # 0 and -0.0 are one key, and two answers
                memo[value] = answered
            return answered

    return remembered if field.recurs else convert
