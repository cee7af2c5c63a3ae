"""The effect of a caller's own write on a cached list: kept, changed or cleared."""

from typing import Literal, NamedTuple

from gateway.cache.policy.filters import matches
from gateway.cache.policy.freshness import TypeFilter
from gateway.cache.store.list_index import ListIndex
from schema.source.records import ClientFilter, ClientRecord

UNFILTERED = (None, None)


class CreatedRow(NamedTuple):
    """A client created at `at`, and where the API lists new clients, if that is known."""

    record: ClientRecord
    at: float
    newest: Literal["first", "last"] | None


def apply_create(
    where: ClientFilter, rows: ListIndex, new: CreatedRow, types: TypeFilter | None
) -> ListIndex:
    """Return the list after the creation of `new`."""
    member = matches(where, new.record, types)
    if member is False:
        return rows
    if member is None or new.newest is None:
        return rows.cleared()
    add = rows.prepended if new.newest == "first" else rows.appended
    return add(new.record.id, new.at)


def apply_update(
    where: ClientFilter,
    rows: ListIndex,
    before: ClientRecord | None,
    after: ClientRecord,
    types: TypeFilter | None,
) -> ListIndex:
    """Return the list after the update to `after`; `before` is the cached record, if any.

    A row keeps its index: whether an update moves it is undocumented, and the next reading of the
    list shows it.
    """
    if (where.client_type, where.status) == UNFILTERED:
        return rows
    if before is None:
        return rows.cleared()
    if (before.status, before.client_type) == (after.status, after.client_type):
        return rows
    was, is_now = matches(where, before, types), matches(where, after, types)
    if was is not None and was == is_now:
        return rows
    if was and is_now is False:
        return rows.without(after.id) or rows.cleared()
    return rows.cleared()


def apply_delete(
    where: ClientFilter,
    rows: ListIndex,
    id: str,
    before: ClientRecord | None,
    types: TypeFilter | None,
) -> ListIndex:
    """Return the list after the deletion of the client."""
    shorter = rows.without(id)
    if shorter is not None:
        return shorter
    if before is not None and matches(where, before, types) is False:
        return rows
    return rows if rows.spans and rows.whole(float("-inf")) else rows.cleared()
