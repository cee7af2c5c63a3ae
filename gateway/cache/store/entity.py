"""The cached record of one client: merges readings of different completeness and age."""

import math
import sys
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from msgspec import UNSET

from gateway.cache.packed import RecordShape, pack
from schema.source.records import FIELDS, ClientRecord, Fields


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The API reported at `at` that there is no such client."""

    at: float


class CachedRecord(msgspec.Struct, frozen=True, gc=False):
    """A client's record, packed, and when it was read, in seconds on the monotonic clock.

    List rows may omit fields, even the version, so the latest reading may confirm some fields only:
    those in `fields_at` were read at `at`, the others at `other_fields_at`.
    """

    id: str
    version: int | None
    shape: RecordShape
    values: bytes
    at: float
    fields_at: Fields
    other_fields_at: float
    client_type: Any
    status: Any
    """The fields that lists are filtered by, which need no decoding here."""
    contradicted_at: float = -math.inf
    """When a reading was sent that returned an older version, or a 404 just after a write."""

    @classmethod
    def of(
        cls,
        record: ClientRecord,
        at: float,
        fields_at: Fields | None = None,
        other_fields_at: float | None = None,
        *,
        id: str | None = None,
    ) -> Self:
        """Pack a record, read at `at` as a whole unless other times are given.

        `id` is its id as an object that other entries share.
        """
        shape, values = pack(record)
        return cls(
            id or record.id,
            version_of(record),
            shape,
            values,
            at,
            shape.fields if fields_at is None else fields_at,
            at if other_fields_at is None else other_fields_at,
            _shared(record.client_type),
            _shared(record.status),
        )

    @property
    def record(self) -> ClientRecord:
        """Unpack the record; each access decodes it."""
        return self.shape.unpack(self.id, self.values)

    @property
    def unreadable(self) -> bool:
        """Return True if it only stands for a list row that is not a client of its own."""
        return "id" in self.shape.malformed

    @property
    def checked_at(self) -> float:
        """When the API was last called for it, whatever it returned."""
        return max(self.at, self.contradicted_at)

    def has_values_of(self, other: "CachedRecord") -> bool:
        """Return True if both have the same fields with the same values."""
        return self.shape is other.shape and self.values == other.values

    def as_of(self, fields: Fields, oldest: float) -> float | None:
        """Return when `fields` of it were read, None if it was not checked since `oldest`.

        A record that a reading since then contradicted may be older than `oldest`.
        """
        if self.at < oldest and self.contradicted_at < oldest:
            return None
        if self.at == self.other_fields_at or fields <= self.fields_at or self.is_partial(oldest):
            return self.at
        return self.other_fields_at

    def since(self, oldest: float) -> ClientRecord:
        """Return the record with the fields that were checked since `oldest`."""
        return _only(self.record, self.fields_at) if self.is_partial(oldest) else self.record

    def has(self, fields: Fields, oldest: float) -> bool:
        """Return False if a detail read could return more of `fields` than `since` returns."""
        return fields <= (self.fields_at if self.is_partial(oldest) else self.shape.fields)

    def is_partial(self, oldest: float) -> bool:
        """Return True if only some fields were checked since `oldest`."""
        return self.other_fields_at < oldest and self.contradicted_at < oldest

    def kept_against(self, at: float) -> "CachedRecord":
        """Return the record marked as contradicted by a reading sent at `at`."""
        return msgspec.structs.replace(self, contradicted_at=max(at, self.contradicted_at))

    def within(self, oldest: float) -> "CachedRecord":
        """Return the record, served in place of a contradicting one only if read since `oldest`."""
        old = self.contradicted_at > -math.inf and min(self.at, self.other_fields_at) < oldest
        return msgspec.structs.replace(self, contradicted_at=-math.inf) if old else self


Held = CachedRecord | Tombstone | None
"""What the cache holds of one client."""


def version_of(record: ClientRecord) -> int | None:
    """Return the record's version, None if the API sent none."""
    return record.version if isinstance(record.version, int) else None


def merge_record(
    before: CachedRecord | Tombstone | None, record: ClientRecord, at: float
) -> CachedRecord | Tombstone:
    """Return the entry after a reading sent at `at` returned `record`.

    A version never decreases. Without versions, the reading sent later is right.
    """
    shared_id = before.id if isinstance(before, CachedRecord) else None
    fresh = CachedRecord.of(record, at, id=shared_id)
    if before is None:
        return fresh
    if isinstance(before, Tombstone):
        return fresh if at >= before.at else before
    old, new = before.version, fresh.version
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
    old, new = before.version, after.version
    if old is not None and new is not None and old != new:
        return True
    return not (before.has_values_of(after) or _agree(before.record, after.record))


def is_later(before: CachedRecord | Tombstone | None, record: ClientRecord, at: float) -> bool:
    """Return True if the cached version is later than `record`, a later reading to be stored."""
    if not isinstance(before, CachedRecord) or at < before.at:
        return False
    old, new = before.version, version_of(record)
    return old is not None and new is not None and new < old


def _unversioned(before: CachedRecord, fresh: CachedRecord) -> CachedRecord:
    """Merge a later reading, perhaps of the same version: omitted fields keep their age."""
    under, record = before.record, fresh.record
    if record.complete or not _agree(under, record):
        return fresh
    return CachedRecord.of(_over(under, record), fresh.at, fresh.fields_at, before.other_fields_at)


def _same_version(before: CachedRecord, fresh: CachedRecord) -> CachedRecord:
    """Merge two readings of one version: together they are more complete, and equally recent.

    If they differ, the field changed without a new version: the later one is right.
    """
    older, newer = (before, fresh) if fresh.at >= before.at else (fresh, before)
    if newer is fresh and before.has_values_of(fresh):
        return fresh
    under, record = older.record, newer.record
    return CachedRecord.of(_over(under, record), newer.at) if _agree(under, record) else newer


def _shared(value: object) -> object:
    """Return an equal value that other entries share."""
    return sys.intern(value) if isinstance(value, str) else value


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
        malformed=under.malformed.difference(values) | record.malformed,
        complete=under.complete or record.complete,
    )


def _only(record: ClientRecord, fields: Fields) -> ClientRecord:
    return ClientRecord(
        **{name: getattr(record, name) for name in fields | {"id"}},
        malformed=record.malformed & fields,
    )
