"""The price of reading a whole collection, and the failure of one that is too large."""

from __future__ import annotations

from schema.source.errors import TooExpensive
from schema.source.records import ClientFilter

MAX_CALLS = 25
"""Calls that one operation may cost, unless a source is given another number."""


def too_large(where: ClientFilter, total: int, calls: int, cap: int) -> TooExpensive:
    """Return the failure of a scan that takes too many calls, and what would take fewer."""
    free = {"clientType": where.client_type, "status": where.status}
    open_ = [f"`filter.{name}`" for name, value in free.items() if value is None]
    narrowing = f", or narrow it by {' or '.join(open_)}" if open_ else ""
    return TooExpensive(
        cap,
        f"To search, sort or count {total} clients takes {calls} calls of the API's window, and"
        f" one operation may cost {cap} (GATEWAY_MAX_OPERATION_COST): raise that{narrowing}.",
    )
