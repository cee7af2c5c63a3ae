"""Whether a client belongs to a filtered list, decided here instead of by the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cache.freshness import TypeFilter
    from schema.source import ClientFilter, ClientRecord


def decidable(where: ClientFilter, types: TypeFilter | None) -> bool:
    """Whether we know what the API means by this filter."""
    return where.client_type is None or types is not None


def matches(where: ClientFilter, record: ClientRecord, types: TypeFilter | None) -> bool | None:
    """Whether the API would list `record` under `where`; None where that cannot be told."""
    verdicts = [
        _has(where.status, record.status, ()),
        _has(where.client_type, record.client_type, ("both",) if types == "includes_both" else ()),
    ]
    if where.client_type is not None and types is None:
        verdicts[1] = None
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _has(wanted: str | None, value: object, also: tuple[str, ...]) -> bool | None:
    if wanted is None:
        return True
    if value is not None and not isinstance(value, str):
        return None
    return value == wanted or value in also
