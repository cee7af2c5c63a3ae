"""Decide whether a patch can be applied to a later version than the one its author read."""

from msgspec import UNSET

from schema.source.records import FIELDS, ClientRecord, Fields
from schema.source.writes import ClientPatch, MergeResult

_BOOKKEEPING: Fields = frozenset({"version", "updated_at"})
"""Fields that every update changes."""


def changed_fields(base: ClientRecord, current: ClientRecord) -> Fields:
    """Return the fields that are known in both records and differ."""
    return frozenset(
        name
        for name in FIELDS - _BOOKKEEPING
        if UNSET not in (before := (getattr(base, name), getattr(current, name)))
        and before[0] != before[1]
    )


def merge_base(patch: ClientPatch, current: ClientRecord | None) -> MergeResult | None:
    """Return the version on which `patch` may be applied; None if it could overwrite a change.

    As in a three-way merge, it may be applied if every field it sets has the value that its author
    read, or already has the new value.
    """
    base = patch.base
    if base is None or current is None or not isinstance(current.version, int):
        return None
    for name, wanted in patch.fields.items():
        before, now = getattr(base, name), getattr(current, name)
        if now not in (before, wanted) or UNSET in (before, now):
            return None
    return MergeResult(current.version, changed_fields(base, current))
