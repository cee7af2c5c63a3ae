"""Bodies in a content coding: decoded within a bound, whatever they stand for."""

import gzip
import tracemalloc

import pytest

from gateway.web.protocol.content import BadRequest, decode

MOST = 131_072


def test_no_more_of_a_bomb_is_decoded_than_may_be_taken() -> None:
    bomb = gzip.compress(bytes(100_000_000), 9)
    assert len(bomb) < MOST
    tracemalloc.start()
    try:
        with pytest.raises(BadRequest) as refused:
            decode(bomb, "gzip", MOST)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert refused.value.status == 413
    assert peak < 4 * MOST


@pytest.mark.parametrize("length", [0, 1, MOST - 1, MOST])
def test_what_fits_decompressed_is_taken(length: int) -> None:
    body = b"a" * length

    assert decode(gzip.compress(body), "gzip", MOST) == body


def test_one_byte_more_is_not() -> None:
    with pytest.raises(BadRequest, match="at most 131072 bytes"):
        decode(gzip.compress(b"a" * (MOST + 1)), "gzip", MOST)
