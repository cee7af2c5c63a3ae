"""Cursors: a row's index and id, and marks of its neighbours (opaque to clients).

Rows are added and removed between two pages. A cursor outlives its row and the process that created
it: the row's neighbours show where it stood.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class of the standard library
from uuid import UUID
from zlib import crc32

from schema.source.errors import InvalidInput
from schema.source.records import Anchor

NO_ID = "00000000-0000-0000-0000-000000000000"
"""Replaces the id of a row that has none (the nil UUID, RFC 9562, 5.9)."""
MARK = 4
"""Bytes of a mark."""
_IN_LIST, _IN_NO_LIST = 2, 3
"""First bytes: of a cursor of a connection, and of an edge that a mutation made."""
_HEAD = Struct(">BII16sB")
_LOOSE = Struct(">B16s")
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


def decode_cursor(text: str, argument: str) -> Anchor:
    """Return the row that a cursor marks. Raises `InvalidInput`, which names the `argument`."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        cursor = _unpack(urlsafe_b64decode(padded))
        if str(cursor) != text:
            raise ValueError(text)
    except (ValueError, StructError):
        raise InvalidInput(
            f"`{argument}` is not a cursor of this connection: pass one from"
            " `pageInfo` or an edge, unchanged."
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


def _marks(packed: bytes) -> tuple[bytes, ...]:
    return tuple(packed[at : at + MARK] for at in range(0, len(packed), MARK))
