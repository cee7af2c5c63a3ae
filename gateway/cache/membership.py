"""What a caller's own write does to a list that is remembered: kept, shortened or forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from gateway.cache.filters import matches

if TYPE_CHECKING:
    from gateway.cache.freshness import TypeFilter
    from gateway.cache.rows import Rows
    from schema.source import ClientFilter, ClientRecord

EVERYTHING = (None, None)


class Created(NamedTuple):
    """A client that was created at `at`, and where the API lists new ones, if that is known."""

    record: ClientRecord
    at: float
    newest: Literal["first", "last"] | None


def created(where: ClientFilter, rows: Rows, new: Created, types: TypeFilter | None) -> Rows:
    """The list once `new` exists."""
    member = matches(where, new.record, types)
    if member is False:
        return rows
    if member is None or new.newest is None:
        return rows.forgotten()
    add = rows.begun_with if new.newest == "first" else rows.ended_with
    return add(new.record.id, new.at)


def updated(
    where: ClientFilter,
    rows: Rows,
    before: ClientRecord | None,
    after: ClientRecord,
    types: TypeFilter | None,
) -> Rows:
    """The list once the client is `after`; `before` is how it was remembered, if it was.

    A row stays in the place where it was last read: whether an update moves it is undocumented,
    and the next reading of the list will tell.
    """
    if (where.client_type, where.status) == EVERYTHING:
        return rows
    if before is None:
        return rows.forgotten()
    if (before.status, before.client_type) == (after.status, after.client_type):
        return rows
    was, is_now = matches(where, before, types), matches(where, after, types)
    if was is not None and was == is_now:
        return rows
    if was and is_now is False:
        return rows.removed(after.id) or rows.forgotten()
    return rows.forgotten()


def deleted(
    where: ClientFilter, rows: Rows, id: str, before: ClientRecord | None, types: TypeFilter | None
) -> Rows:
    """The list once the client is gone."""
    shorter = rows.removed(id)
    if shorter is not None:
        return shorter
    if before is not None and matches(where, before, types) is False:
        return rows
    return rows if rows.spans and rows.whole(float("-inf")) else rows.forgotten()
