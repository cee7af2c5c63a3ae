"""A response as the store holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gateway.cache.store.generations import FencingToken
    from gateway.gzipped import CompressibleData

Validator = tuple["FencingToken", str | None]
"""What may not change: the caller's memory, and what the API means by a filter."""


class CachedResponse(NamedTuple):
    """The data of a response, encoded, and what it is made of."""

    data: CompressibleData
    basis: Validator
    at: float
    """When its oldest part was read."""
    saved: int
