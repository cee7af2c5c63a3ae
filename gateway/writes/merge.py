"""Whether a change can be made on a later version than the one its writer had read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from schema.source.records import FIELDS, Fields, MergeResult

if TYPE_CHECKING:
    from schema.source.records import ClientPatch, ClientRecord

_BOOKKEEPING: Fields = frozenset({"version", "updated_at"})
"""Fields that every change changes."""


def changed_fields(base: ClientRecord, current: ClientRecord) -> Fields:
    """The fields in which both readings say something, and not the same."""
    return frozenset(
        name
        for name in FIELDS - _BOOKKEEPING
        if UNSET not in (before := (getattr(base, name), getattr(current, name)))
        and before[0] != before[1]
    )


def merge_base(patch: ClientPatch, current: ClientRecord | None) -> MergeResult | None:
    """What `patch` may be made on top of; None where that could overwrite somebody's change.

    As in any three-way merge: it may where every field it sets is as its writer had read it,
    or already as the writer wants it.
    """
    base = patch.base
    if base is None or current is None or not isinstance(current.version, int):
        return None
    for name, wanted in patch.fields.items():
        before, now = getattr(base, name), getattr(current, name)
        if now not in (before, wanted) or UNSET in (before, now):
            return None
    return MergeResult(current.version, changed_fields(base, current))
