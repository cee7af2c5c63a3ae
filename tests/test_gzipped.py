"""Streams of gzip that are begun once and ended often, read by the standard library."""

import gzip

from hypothesis import given
from hypothesis import strategies as st

from gateway.gzipped import MIN_BYTES, CompressibleData, compress, compress_prefix


@given(st.binary(max_size=5_000), st.binary(max_size=300), st.binary(max_size=300))
def test_a_beginning_is_ended_by_whatever_follows(
    content: bytes, rest: bytes, other: bytes
) -> None:
    prefix = compress_prefix(content)

    assert gzip.decompress(prefix.finish(rest)) == content + rest
    assert gzip.decompress(prefix.finish(other)) == content + other


def test_what_follows_may_have_64_kib() -> None:
    rest = bytes(range(256)) * 255

    assert gzip.decompress(compress_prefix(b"a" * 9_000).finish(rest)) == b"a" * 9_000 + rest


def test_data_is_compressed_once_and_only_where_that_pays() -> None:
    small, large = CompressibleData(b"a" * (MIN_BYTES - 1)), CompressibleData(b"a" * MIN_BYTES)
    noise = CompressibleData(bytes(hash((n, 7)) % 251 for n in range(4_000)))

    first = large.compressed_prefix(b"b")
    assert first is not None
    assert large.compressed_prefix(b"b") is first
    assert gzip.decompress(first.finish(b"c")) == b"b" + large + b"c"
    assert small.compressed_prefix(b"") is None
    assert noise.compressed_prefix(b"") is None


def test_the_room_for_the_compressed_form_is_counted_from_the_start() -> None:
    data = CompressibleData(b"ab" * MIN_BYTES)
    before = data.weight
    compressed = data.compressed_prefix(b"")

    assert compressed is not None
    assert data.weight == before >= len(data) + len(compressed.stream)
    assert CompressibleData(b"a").weight == 1


def test_the_same_content_is_the_same_stream() -> None:
    assert compress(b"a" * 2_000) == compress(b"a" * 2_000)
    assert gzip.decompress(compress(b"a" * 2_000)) == b"a" * 2_000
