"""A stored response."""

from __future__ import annotations

from typing import NamedTuple

from gateway.cache.store.generations import FencingToken
from gateway.gzipped import CompressibleData

Validator = tuple["FencingToken", str | None, int]
"""The state that a response depends on: its caller's fencing token, the filter's meaning, and the
number of times that all responses were discarded."""


class CachedResponse(NamedTuple):
    """The encoded data of a response, and its validator."""

    data: CompressibleData
    basis: Validator
    at: float
    """When its oldest part was read."""
    saved: int
