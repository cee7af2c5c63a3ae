"""The callers' own writes of the last seconds, which a lagging replica of the API may not show."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec
from cachetools import TTLCache

from gateway.cache.store.entity import version_of
from gateway.cache.store.keys import EntityKey, Partition
from schema.source.records import ClientRecord, Page

_MAX_WRITES = 1_000
"""Writes held, some kilobytes each. The API admits 500 calls in 15 minutes."""


class _Write(NamedTuple):
    at: float
    record: ClientRecord | None
    """The client afterwards; None if it was deleted."""
    created: bool


class OwnWrites:
    """The writes of all callers that a reading sent within `lag` seconds may not show.

    They are held for twice as long, because such a reading arrives later.
    """

    def __init__(self, clock: Callable[[], float], lag: float) -> None:
        self._lag = lag
        self._writes: TTLCache[EntityKey, _Write] = TTLCache(_MAX_WRITES, 2 * lag, clock)

    def note(
        self, key: EntityKey, record: ClientRecord | None, at: float, *, created: bool = False
    ) -> None:
        """Note that the caller wrote this client at `at`; `record` is None for a deletion."""
        before = self._writes.get(key)
        created |= before is not None and before.created and at < before.at + self._lag
        self._writes[key] = _Write(at, record, created)

    def may_be_unseen(self, key: EntityKey, at: float) -> bool:
        """Return True if a reading sent at `at` may not show this client as the caller wrote it."""
        write = self._writes.get(key)
        return write is not None and at < write.at + self._lag

    def applied(
        self,
        partition: Partition,
        page: Page,
        at: float,
        listed: Callable[[ClientRecord], bool | None],
        newest: Literal["first", "last"] | None,
    ) -> Page:
        """Return a page read at `at` with the caller's writes that it does not show.

        `listed` decides whether a client belongs to the list, and `newest` is the end where the API
        lists new clients.
        """
        for key, write in self._writes.items():
            if key.partition == partition and at < write.at + self._lag:
                page = _applied(page, key.id, write, listed, newest)
        return page

    def purge(self, partition: Partition) -> None:
        """Remove the writes of this caller."""
        for key in [key for key in self._writes if key.partition == partition]:
            self._writes.pop(key, None)


def _applied(
    page: Page,
    id: str,
    write: _Write,
    listed: Callable[[ClientRecord], bool | None],
    newest: Literal["first", "last"] | None,
) -> Page:
    shown = next((record for record in page.records if record.id == id), None)
    belongs = write.record is not None and listed(write.record)
    if shown is not None:
        gone = write.record is None or (belongs is False and _is_older(shown, write.record))
        return _with_rows(page, [r for r in page.records if r is not shown]) if gone else page
    if write.record is None or not (write.created and belongs):
        return page
    end = page.offset + len(page.records) >= page.total and not page.more
    if newest == "first":
        return _with_rows(page, [write.record, *page.records]) if page.offset == 0 else page
    known = newest == "last" or page.offset == 0  # at either end of a whole list it is shown
    return _with_rows(page, [*page.records, write.record]) if end and known else page


def _with_rows(page: Page, rows: list[ClientRecord]) -> Page:
    total = page.total + len(rows) - len(page.records)
    return msgspec.structs.replace(page, records=tuple(rows), total=total)


def _is_older(shown: ClientRecord, written: ClientRecord) -> bool:
    """Return True if a row is certainly of an earlier version than the one written."""
    old, new = version_of(shown), version_of(written)
    return (math.inf if old is None else old) < (-math.inf if new is None else new)
