"""The cached record of one client: merges readings of different completeness and age."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import msgspec
from msgspec import UNSET

from schema.source.records import FIELDS, ClientRecord, Fields


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The API reported at `at` that there is no such client."""

    at: float


@dataclass(frozen=True, slots=True)
class CachedRecord:
    """A client's record and when it was read, in seconds on the monotonic clock.

    List rows may omit fields, even the version, so the latest reading may confirm some fields only:
    those in `fields_at` were read at `at`, the others at `other_fields_at`.
    """

    record: ClientRecord
    at: float
    fields_at: Fields
    other_fields_at: float
    contradicted_at: float = -math.inf
    """When a reading was sent that returned an older version, or a 404 just after a write."""

    @property
    def checked_at(self) -> float:
        """When the API was last called for it, whatever it returned."""
        return max(self.at, self.contradicted_at)

    def view(self, fields: Fields, oldest: float) -> tuple[ClientRecord, float] | None:
        """Return the record as checked since `oldest`, and when `fields` of it were read.

        A record that a reading since then contradicted may be older than `oldest`.
        """
        if self.checked_at < oldest:
            return None
        if max(self.other_fields_at, self.contradicted_at) < oldest:
            return _only(self.record, self.fields_at), self.at
        return self.record, self.at if fields <= self.fields_at else self.other_fields_at

    def kept_against(self, at: float) -> CachedRecord:
        """Return the record marked as contradicted by a reading sent at `at`."""
        return replace(self, contradicted_at=max(at, self.contradicted_at))

    def within(self, oldest: float) -> CachedRecord:
        """Return the record, served in place of a contradicting one only if read since `oldest`."""
        old = self.contradicted_at > -math.inf and min(self.at, self.other_fields_at) < oldest
        return replace(self, contradicted_at=-math.inf) if old else self


Held = CachedRecord | Tombstone | None
"""What the cache holds of one client."""


def present_fields(record: ClientRecord) -> Fields:
    """Return the fields that this record has, malformed ones included."""
    if record.complete:
        return FIELDS
    return frozenset(
        name for name in FIELDS if getattr(record, name) is not UNSET or name in record.malformed
    )


def fresh_entry(record: ClientRecord, at: float) -> CachedRecord:
    """Return the entry of a reading sent at `at`, without what was known before."""
    return CachedRecord(record, at, present_fields(record), at)


def version_of(record: ClientRecord) -> int | None:
    """Return the record's version, None if the API sent none."""
    return record.version if isinstance(record.version, int) else None


def merge_record(
    before: CachedRecord | Tombstone | None, record: ClientRecord, at: float
) -> CachedRecord | Tombstone:
    """Return the entry after a reading sent at `at` returned `record`.

    A version never decreases. Without versions, the reading sent later is right.
    """
    fresh = fresh_entry(record, at)
    if before is None:
        return fresh
    if isinstance(before, Tombstone):
        return fresh if at >= before.at else before
    old, new = version_of(before.record), version_of(record)
    if old is not None and new is not None:
        if old != new:
            return fresh if new > old else before
        return _same_version(before, fresh)
    return before if at < before.at else _unversioned(before, fresh)


def has_changed(before: Held, after: Held) -> bool:
    """Return True if both are readings of a client, of two versions or with different fields."""
    if (
        before is after
        or not isinstance(before, CachedRecord)
        or not isinstance(after, CachedRecord)
    ):
        return False
    old, new = version_of(before.record), version_of(after.record)
    if old is not None and new is not None and old != new:
        return True
    return not _agree(before.record, after.record)


def is_later(before: CachedRecord | Tombstone | None, record: ClientRecord, at: float) -> bool:
    """Return True if the cached version is later than `record`, a later reading to be stored."""
    if not isinstance(before, CachedRecord) or at < before.at:
        return False
    old, new = version_of(before.record), version_of(record)
    return old is not None and new is not None and new < old


def _unversioned(before: CachedRecord, fresh: CachedRecord) -> CachedRecord:
    """Merge a later reading, perhaps of the same version: omitted fields keep their age."""
    if fresh.record.complete or not _agree(before.record, fresh.record):
        return fresh
    merged = _over(before.record, fresh.record)
    return CachedRecord(merged, fresh.at, fresh.fields_at, before.other_fields_at)


def _same_version(before: CachedRecord, fresh: CachedRecord) -> CachedRecord:
    """Merge two readings of one version: together they are more complete, and equally recent.

    If they differ, the field changed without a new version: the later one is right.
    """
    older, newer = (before, fresh) if fresh.at >= before.at else (fresh, before)
    if not _agree(older.record, newer.record):
        return newer
    merged = _over(older.record, newer.record)
    return CachedRecord(merged, newer.at, present_fields(merged), newer.at)


def _agree(one: ClientRecord, other: ClientRecord) -> bool:
    return all(
        getattr(one, name) == getattr(other, name)
        for name in FIELDS
        if getattr(one, name) is not UNSET and getattr(other, name) is not UNSET
    )


def _over(under: ClientRecord, record: ClientRecord) -> ClientRecord:
    """Return `under` with the fields of `record` written over it."""
    values = {
        name: value for name in FIELDS if (value := getattr(record, name)) is not UNSET
    } | dict.fromkeys(record.malformed - {"id"}, UNSET)
    return msgspec.structs.replace(
        under,
        **values,
        malformed=(under.malformed - values.keys()) | record.malformed,
        complete=under.complete or record.complete,
    )


def _only(record: ClientRecord, fields: Fields) -> ClientRecord:
    return ClientRecord(
        **{name: getattr(record, name) for name in fields | {"id"}},
        malformed=record.malformed & fields,
    )
