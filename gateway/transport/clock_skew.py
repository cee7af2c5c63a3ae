"""How far the API's clock is from ours, told by its answers' own `Date` (RFC 9110, 6.6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.transport.rate_limit_headers import date_of

if TYPE_CHECKING:
    import httpx


class ClockSkew(NamedTuple):
    """Seconds by which the API's clock is ahead of ours: at least, and at most."""

    least: float
    most: float


ASSUMED = ClockSkew(-2.0, 2.0)
"""What is taken for true until an answer tells: both clocks are kept in step by somebody."""


def measure(headers: httpx.Headers, sent: float, received: float) -> ClockSkew | None:
    """What an answer to a request sent and received at these times tells; None for nothing.

    `Date` counts whole seconds. One that a cache kept (RFC 9111, 5.1: `Age`) tells nothing.
    """
    date = None if "Age" in headers else date_of(headers)
    return None if date is None else ClockSkew(date - received, date + 1 - sent)
