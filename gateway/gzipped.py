"""Gzip compression (RFC 1952) of responses, with a cached compressed prefix."""

import gzip
import zlib
from typing import NamedTuple

MIN_BYTES = 1_024
"""Bytes of content from which compression is used. Smaller content fits into one packet."""

_FAST, _SMALL = 1, 6
"""Compression levels (zlib) of content that is sent once and of cached content."""
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, no flags, no time, unknown system (RFC 1952, 2.3)."""
_STORED = 65_535
"""Maximum bytes of a stored block (RFC 1951, 3.2.4)."""


class CompressedPrefix(NamedTuple):
    """The beginning of a gzip stream, with the checksum and the size for its trailer."""

    stream: bytes
    crc: int
    size: int

    def finish(self, rest: bytes) -> bytes:
        """Return the complete stream: `rest` (at most 65,535 bytes) follows uncompressed."""
        length = len(rest)
        assert length <= _STORED  # noqa: S101 - `rest` is a receipt
        return b"%b\x01%b%b%b%b%b" % (
            self.stream,
            length.to_bytes(2, "little"),
            (length ^ _STORED).to_bytes(2, "little"),
            rest,
            zlib.crc32(rest, self.crc).to_bytes(4, "little"),
            (self.size + length & 0xFFFFFFFF).to_bytes(4, "little"),
        )


class CompressibleData(bytes):
    """The data of a response as JSON, and its compressed form after the first compressed response.

    A cache counts `weight`, which includes the compressed form from the start.
    """

    _prefix: CompressedPrefix | None = None
    _tried = False

    @property
    def weight(self) -> int:
        """Maximum bytes of both forms together."""
        return len(self) + (len(self) // 2 if len(self) >= MIN_BYTES else 0)

    def compressed_prefix(self, before: bytes) -> CompressedPrefix | None:
        """Return `before` and this data compressed, once; None if that saves less than half."""
        if not self._tried:
            self._tried = True
            if len(self) >= MIN_BYTES:
                found = compress_prefix(before + self)
                self._prefix = found if len(found.stream) <= len(self) // 2 else None
        return self._prefix


def compress_prefix(content: bytes) -> CompressedPrefix:
    """Compress `content` into a stream that can be continued."""
    compressor = zlib.compressobj(_SMALL, zlib.DEFLATED, -zlib.MAX_WBITS)
    blocks = compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return CompressedPrefix(_HEADER + blocks, zlib.crc32(content), len(content))


def compress(content: bytes) -> bytes:
    """Compress `content` into one complete stream. Equal content gives equal bytes."""
    return gzip.compress(content, _FAST, mtime=0)
