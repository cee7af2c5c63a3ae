"""The compact form of a record in the cache: its values as MessagePack, its field names once."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from schema.source.records import FIELDS, ClientRecord, Fields

_HINTS = get_type_hints(ClientRecord)
_NAMES = ClientRecord.__struct_fields__[1:-2]
"""All fields but `id`, which is the entry's key, in the order in which they are packed."""
_MAX_SHAPES = 256
"""Shapes that are shared. An API has a few: that of list rows, that of details."""
_ALL = (True,) * len(_NAMES)
_record: Callable[..., ClientRecord] = ClientRecord
_encode = msgspec.msgpack.Encoder().encode
_JSON = b"["
"""What values begin with that are packed as JSON, which MessagePack's arrays do not."""


class RecordShape:
    """Which fields a record has: one object for all records of the same shape."""

    __slots__ = ("_complete", "_decode", "_present", "_types", "fields", "malformed")

    def __init__(
        self, present: tuple[bool, ...], malformed: frozenset[str], *, complete: bool
    ) -> None:
        names = [name for name, has in zip(_NAMES, present, strict=True) if has]
        self._types: Any = tuple[tuple(map(_value_type, names))]  # type: ignore[misc]  # built at run time
        self._present = present
        self.malformed = malformed
        self._complete = complete
        self._decode = msgspec.msgpack.Decoder(self._types).decode
        self.fields: Fields = FIELDS if complete else frozenset(names) | malformed | {"id"}
        """The fields that such a record has, malformed ones included."""

    def unpack(self, id: str, values: bytes) -> ClientRecord:
        """Return the record whose values were packed."""
        if values.startswith(_JSON):
            held = msgspec.json.decode(values, type=self._types)
        else:
            held = self._decode(values)
        if len(held) < len(_NAMES):
            rest = iter(held)
            held = [next(rest) if has else UNSET for has in self._present]
        return _record(id, *held, self.malformed, self._complete)


@lru_cache(_MAX_SHAPES)
def _shape(present: tuple[bool, ...], malformed: frozenset[str], complete: bool) -> RecordShape:  # noqa: FBT001 - a cached function's key
    return RecordShape(present, malformed, complete=complete)


def present_fields(record: ClientRecord) -> Fields:
    """Return the fields that this record has, malformed ones included."""
    return _shape_of(record, msgspec.structs.astuple(record)[1:-2]).fields


def pack(record: ClientRecord) -> tuple[RecordShape, bytes]:
    """Return a record's shape and its packed values."""
    values = msgspec.structs.astuple(record)[1:-2]
    shape = _shape_of(record, values)
    present = [value for value in values if value is not UNSET]
    try:
        return shape, _encode(present)
    except OverflowError:  # MessagePack has no integer beyond 64 bits
        return shape, msgspec.json.encode(present)


def _shape_of(record: ClientRecord, values: tuple[Any, ...]) -> RecordShape:
    present = tuple([value is not UNSET for value in values]) if UNSET in values else _ALL
    return _shape(present, record.malformed, record.complete)


def _value_type(name: str) -> Any:  # noqa: ANN401 - a type
    union: Any = None
    for each in get_args(_HINTS[name]):
        if each is not UnsetType:
            union = each if union is None else union | each
    return union
