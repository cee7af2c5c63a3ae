"""Cursors: an absolute index and the id of the row that stood there (opaque to clients)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from schema.failures import Invalid
from schema.source import Anchor, client_id

_VERSION = "1"
_NOWHERE = "-"
NO_ID = "00000000-0000-0000-0000-000000000000"
"""In the place of the id of a row that has none (the nil UUID, RFC 9562, 5.9)."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list. `index` is None for an edge a mutation made: it is in no list yet."""

    index: int | None
    anchor: str

    def __str__(self) -> str:
        where = _NOWHERE if self.index is None else str(self.index)
        text = f"{_VERSION}:{where}:{self.anchor}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def anchor_in(text: str, argument: str) -> Anchor:
    """The row a cursor marks. Raises `Invalid`, naming the argument it came by."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        version, where, anchor = urlsafe_b64decode(padded).decode("ascii").split(":")
        index = None if where == _NOWHERE else int(where)
        sound = version == _VERSION and (index is None or index >= 0)
        if not sound or client_id(anchor) is None or str(Cursor(index, anchor)) != text:
            raise ValueError(text)
    except ValueError:
        raise Invalid(
            f"`{argument}` is not a cursor of this connection: pass one from"
            " `pageInfo` or an edge, unchanged."
        ) from None
    if index is None:
        raise Invalid(
            f"`{argument}` came from a mutation's edge, which is in no list yet:"
            " pass a cursor from a `clients` connection."
        )
    return Anchor(index, anchor)
