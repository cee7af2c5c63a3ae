"""The price of reading a whole collection, and the failure of one that is too large."""

from schema.source.errors import TooExpensive
from schema.source.records import ClientFilter

MAX_CALLS = 25
"""Calls that one operation may cost, unless a source is given another number."""


def too_large(where: ClientFilter, total: int, calls: int, cap: int) -> TooExpensive:
    """Return the failure of a scan that takes too many calls, and what would take fewer."""
    return TooExpensive(
        cap,
        f"To search, sort or count {total} clients takes {calls} more calls of the API's window,"
        f" and one operation may cost {cap}: {advice(where)}.",
    )


def too_heavy(where: ClientFilter, total: int, cap: int) -> TooExpensive:
    """Return the failure of a scan that could not be held: each search would read it again."""
    hint = advice(where).replace("GATEWAY_MAX_OPERATION_COST", "GATEWAY_CACHE_MAX_BYTES")
    return TooExpensive(
        cap,
        f"To search, sort or count {total} clients takes more memory than a caller has: {hint}.",
    )


def advice(where: ClientFilter) -> str:
    """Return what would make a scan cost less."""
    free = {"clientType": where.client_type, "status": where.status}
    names = [f"`filter.{name}`" for name, value in free.items() if value is None]
    narrowing = f"narrow it by {' or '.join(names)}, or " if names else ""
    return f"{narrowing}raise GATEWAY_MAX_OPERATION_COST"
