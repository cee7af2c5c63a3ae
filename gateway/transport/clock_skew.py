"""The offset between the API's clock and ours, measured from `Date` headers (RFC 9110, 6.6.1)."""

from __future__ import annotations

from typing import NamedTuple

from gateway.transport.messages import Headers
from gateway.transport.rate_limit_headers import date_of


class ClockSkew(NamedTuple):
    """Bounds, in seconds, on how far the API's clock is ahead of ours."""

    least: float
    most: float


ASSUMED = ClockSkew(-2.0, 2.0)
"""The bounds before the first measurement: both clocks are assumed to be synchronised."""


def measure(headers: Headers, sent: float, received: float) -> ClockSkew | None:
    """Return the bounds that one response proves; None if it proves none.

    `sent` and `received` are Unix seconds. `Date` counts whole seconds. The `Date` of a response
    that a cache stored (RFC 9111, 5.1: `Age` is present) says nothing about the API's clock.
    """
    date = None if headers.get("age") else date_of(headers)
    return None if date is None else ClockSkew(date - received, date + 1 - sent)
