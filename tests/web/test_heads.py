"""Heads are known again while they keep coming, and forgotten soon after."""

import asyncio
import sys

from gateway.web.head import Head
from gateway.web.heads import Heads

ADA = [(b"content-type", b"application/json"), (b"x-api-key", b"a" * 64)]
GRACE = [(b"content-type", b"application/json"), (b"x-api-key", b"b" * 64)]


def others(heads: Heads, count: int) -> None:
    for n in range(count):
        heads.of([(b"x-request-id", b"%d" % n)])


class Key:
    """A key that only a head may hold besides."""

    def __init__(self) -> None:
        self._key = bytes(64)
        self._held = sys.getrefcount(self._key)

    def head(self, heads: Heads) -> Head:
        return heads.of([(b"x-api-key", self._key)])

    @property
    def known(self) -> bool:
        return sys.getrefcount(self._key) > self._held


async def test_the_same_headers_are_one_head_and_others_are_another() -> None:
    heads = Heads()

    first, again, grace, turned = (heads.of(each) for each in (ADA, list(ADA), GRACE, ADA[::-1]))

    assert first is again
    assert first.headers[b"x-api-key"] == [b"a" * 64]
    assert grace.headers[b"x-api-key"] == [b"b" * 64]
    assert turned is not first


async def test_one_that_keeps_coming_stays_known() -> None:
    heads, came = Heads(seconds=5), []

    for _ in range(20):
        came.append(heads.of(ADA))
        await asyncio.sleep(4)

    assert len(set(map(id, came))) == 1


async def test_it_is_forgotten_within_twice_the_time_though_nobody_asks() -> None:
    heads, key = Heads(seconds=5), Key()
    key.head(heads)

    await asyncio.sleep(4)
    assert key.known
    await asyncio.sleep(6.1)
    assert not key.known


async def test_many_that_come_once_push_it_out() -> None:
    heads, key = Heads(seconds=5, most=10), Key()
    key.head(heads)

    others(heads, 15)
    assert key.known
    others(heads, 30)
    assert not key.known
