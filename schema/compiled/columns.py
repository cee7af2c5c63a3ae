"""What is displayed of a record for each field of a client, and of its edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import GraphQLEnumType, GraphQLFloat, GraphQLInt, get_nullable_type
from msgspec import UNSET

from schema.compiled.clients import ClientShape
from schema.compiled.completion import UNCHANGED
from schema.compiled.displays import Column, unusual
from schema.compiled.projection import NOWHERE, STRICT

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLField

    from schema.client import Told
    from schema.compiled.displays import Shown
    from schema.compiled.fields import Shape
    from schema.connection import Placed
    from schema.source import ClientRecord

_REMEMBERED = 1_024
"""Values of one enumeration or number remembered as they are answered."""
_NUMBERS = (GraphQLFloat, GraphQLInt)


ID = Column("value if type(value := record.id) is str else unusual()")
"""The record's own, as `Client.of` takes it."""


def told_by(told: Told, field: GraphQLField, shape: Shape) -> Column:
    """A field of a client that its record tells."""
    attribute, *more = told.fields
    if more:
        return Column("{own}(record)", _whole(told, shape))
    bare = get_nullable_type(field.type)
    plain = UNCHANGED.get(bare)
    if told.read is None and plain is not None:
        sound = f"type(value := record.{attribute}) is {plain.__name__} or value is None"
        return Column(f"value if {sound} else unusual()")
    answered = _answered(told.read, shape)
    if isinstance(bare, GraphQLEnumType) or bare in _NUMBERS:
        return Column(f"{{own}}[record.{attribute}]", _Answers(answered))
    return Column(f"{{own}}(record.{attribute})", answered)


def typename(name: str) -> Column:
    """The same for every record."""
    return Column("{own}", name)


def placed_by(placed: Placed, shape: Shape) -> Shown:
    """A field of an edge."""
    if isinstance(shape, ClientShape):
        return shape.row.columns
    if placed.of is None:
        return Column("{own}(record, nowhere, strict)", shape)
    return Column("{own}(edges, place)", placed.of)


def _whole(told: Told, shape: Shape) -> Callable[[ClientRecord], Any]:
    """A field made of several, none of which the record may lack."""
    show, reads = told.show, told.reads

    def answered(record: ClientRecord) -> Any:
        if record.lacks(reads):
            unusual()
        return shape(show(record), NOWHERE, STRICT)

    return answered


def _answered(read: Callable[..., Any] | None, shape: Shape) -> Callable[[Any], Any]:
    def answered(value: Any) -> Any:
        if value is None:
            return None
        if value is UNSET:
            unusual()
        return shape(value if read is None else read(value), NOWHERE, STRICT)

    return answered


class _Answers(dict[Any, Any]):
    """What the values of a field become that come again and again."""

    def __init__(self, answered: Callable[[Any], Any]) -> None:
        super().__init__({None: None})
        self._answered = answered

    def __missing__(self, value: Any) -> Any:
        answer = self._answered(value)
        if len(self) < _REMEMBERED and value:  # 0 and -0.0 are one key, and two answers
            self[value] = answer
        return answer
