"""Cursors: a row's index and id, and marks of its neighbours (opaque to clients).

Rows are added and removed between two pages. A cursor outlives its row and the process that created
it: the row's neighbours show where it stood. In a sorted list the values that the row was sorted by
show that, so a cursor holds those instead.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from math import isfinite
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class of the standard library
from uuid import UUID
from zlib import crc32

import msgspec

from schema.source.errors import InvalidInput
from schema.source.records import Anchor
from schema.source.search import Question, SortKey

NO_ID = "00000000-0000-0000-0000-000000000000"
"""Replaces the id of a row that has none (the nil UUID, RFC 9562, 5.9)."""
MARK = 4
"""Bytes of a mark."""
_IN_LIST, _IN_NO_LIST, _IN_ORDER = 2, 3, 4
"""First bytes: of a cursor of a connection, of an edge that a mutation made, of a sorted list."""
_HEAD = Struct(">BII16sB")
_LOOSE = Struct(">B16s")
_SORTED = Struct(">B4s16s")
_MAX_UINT32 = 2**32 - 1


def mark_of(id: str) -> bytes:
    """Return a row's mark, a CRC-32 of its id, which identifies it among its neighbours."""
    return crc32(id.encode()).to_bytes(MARK, "big")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row at `index` of a list of `total` rows, and the marks of its neighbours.

    `before` and `after` are the marks of the rows beside it, in the list's order. `index` is None
    for an edge that a mutation returned: it is in no list yet.
    """

    index: int | None
    id: str
    total: int = 0
    before: bytes = b""
    after: bytes = b""

    def __str__(self) -> str:
        id = bytes.fromhex(self.id.replace("-", ""))
        if self.index is None:
            packed = _LOOSE.pack(_IN_NO_LIST, id)
        else:
            index, total = min(self.index, _MAX_UINT32), min(self.total, _MAX_UINT32)
            count = len(self.before) // MARK
            packed = _HEAD.pack(_IN_LIST, index, total, id, count) + self.before + self.after
        return urlsafe_b64encode(packed).decode().rstrip("=")


def sorted_cursor(fingerprint: bytes, id: str, values: tuple[str | float | None, ...]) -> str:
    """Return the cursor of a row of a sorted list."""
    head = _SORTED.pack(_IN_ORDER, fingerprint, UUID(id).bytes)
    return urlsafe_b64encode(head + msgspec.msgpack.encode(values)).decode().rstrip("=")


def decode_cursor(text: str, argument: str, question: Question | None = None) -> Anchor:
    """Return the row that a cursor marks. Raises `InvalidInput`, which names the `argument`.

    In a sorted list it must be a cursor of the order of `question`.
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        packed = urlsafe_b64decode(padded)
        if question is not None and question.order and packed[:1] != bytes([_IN_NO_LIST]):
            return _unpack_sorted(packed, text, question)
        cursor = _unpack(packed)
        if str(cursor) != text:
            raise ValueError(text)
    except (ValueError, StructError):
        raise InvalidInput(
            f"`{argument}` is not a cursor of this connection: pass one from"
            " `pageInfo` or an edge, unchanged, with the `orderBy` that it came with."
        ) from None
    if cursor.index is None:
        raise InvalidInput(
            f"`{argument}` came from a mutation's edge, which is in no list yet:"
            " pass a cursor from a `clients` connection."
        )
    before, after = _marks(cursor.before), _marks(cursor.after)
    return Anchor(cursor.index, cursor.id, cursor.total, before[::-1], after)


def _unpack(packed: bytes) -> Cursor:
    if packed[:1] == bytes([_IN_NO_LIST]):
        return Cursor(None, str(UUID(bytes=_LOOSE.unpack(packed)[1])))
    version, index, total, id, count = _HEAD.unpack_from(packed)
    marks = packed[_HEAD.size :]
    if version != _IN_LIST or len(marks) % MARK or count * MARK > len(marks):
        raise ValueError(packed)
    split = count * MARK
    return Cursor(index, str(UUID(bytes=id)), total, marks[:split], marks[split:])


def _unpack_sorted(packed: bytes, text: str, question: Question) -> Anchor:
    version, fingerprint, id = _SORTED.unpack_from(packed)
    values = msgspec.msgpack.decode(
        packed[_SORTED.size :], type=tuple[str | float | int | None, ...]
    )
    known = UUID(bytes=id)
    if (
        version != _IN_ORDER
        or fingerprint != question.fingerprint
        or len(values) != len(question.order)
    ):
        raise ValueError(text)
    found = tuple(map(_value, question.order, values))
    if sorted_cursor(fingerprint, str(known), found) != text:
        raise ValueError(text)
    return Anchor(0, str(known), values=found)


def _value(key: SortKey, value: str | float | None) -> str | float | None:
    if value is None or (type(value) is key.kind and (isinstance(value, str) or isfinite(value))):
        return value
    raise ValueError(value)


def _marks(packed: bytes) -> tuple[bytes, ...]:
    return tuple(packed[at : at + MARK] for at in range(0, len(packed), MARK))
