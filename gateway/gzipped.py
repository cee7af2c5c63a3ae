"""Content compressed by gzip (RFC 1952), of which the beginning may be remembered compressed."""

from __future__ import annotations

import gzip
import zlib
from typing import NamedTuple

LEAST = 1_024
"""Bytes of content from which compressing pays: what is smaller fills one packet either way."""

_AT_ONCE, _KEPT = 1, 6
"""Levels of effort for what is sent once, and for what is remembered."""
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, no flags, no time, of an unknown system (RFC 1952, 2.3)."""
_STORED = 65_535
"""Bytes of a stored block at most (RFC 1951, 3.2.4)."""


class CompressedPrefix(NamedTuple):
    """A gzip stream up to where more can be added, and what its trailer has to say so far."""

    stream: bytes
    crc: int
    size: int

    def ended(self, rest: bytes) -> bytes:
        """The whole stream, with at most 64 KiB of `rest` added as they are."""
        length = len(rest)
        assert length <= _STORED  # noqa: S101 - a receipt
        return b"%b\x01%b%b%b%b%b" % (
            self.stream,
            length.to_bytes(2, "little"),
            (length ^ _STORED).to_bytes(2, "little"),
            rest,
            zlib.crc32(rest, self.crc).to_bytes(4, "little"),
            (self.size + length & 0xFFFFFFFF).to_bytes(4, "little"),
        )


class CompressibleData(bytes):
    """The data of an answer, encoded as JSON, and its compressed form once it was taken so.

    A memory counts its `weight`, which leaves room for that form from the start.
    """

    _beginning: CompressedPrefix | None = None
    _tried = False

    @property
    def weight(self) -> int:
        """Bytes that both forms take at most."""
        return len(self) + (len(self) // 2 if len(self) >= LEAST else 0)

    def beginning(self, before: bytes) -> CompressedPrefix | None:
        """`before` and this compressed, made once; None where that is not worth its room."""
        if not self._tried:
            self._tried = True
            if len(self) >= LEAST:
                found = beginning(before + self)
                self._beginning = found if len(found.stream) <= len(self) // 2 else None
        return self._beginning


def beginning(content: bytes) -> CompressedPrefix:
    """The stream of `content`, open at its end."""
    deflating = zlib.compressobj(_KEPT, zlib.DEFLATED, -zlib.MAX_WBITS)
    blocks = deflating.compress(content) + deflating.flush(zlib.Z_SYNC_FLUSH)
    return CompressedPrefix(_HEADER + blocks, zlib.crc32(content), len(content))


def whole(content: bytes) -> bytes:
    """All of `content` as one stream, the same whenever it is made."""
    return gzip.compress(content, _AT_ONCE, mtime=0)
