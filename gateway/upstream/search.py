"""Looks for the client that a create may have made, in as few calls as tell for certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.upstream.sightings import TELLING, Search, reaches_before, sightings
from schema.failures import Failure
from schema.operation import Lane
from schema.source import MAX_PAGE, ClientFilter, ClientId, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.upstream.sightings import Span
    from schema.operation import Operation
    from schema.source import ClientRecord, ClientSource

PAGES = 5
"""Pages read of a list that shows no order. In a longer one a client cannot be told for sure."""
DETAILS = 3
"""Clients read in detail because their row does not tell enough."""
LAST = 50
"""Rows read from the end: any so many are one call."""
CALLS = PAGES + 1 + DETAILS
"""Calls that one search costs at most."""


class Found(NamedTuple):
    """The client it must be, if there is exactly one; otherwise all that it may be."""

    it: ClientRecord | None
    candidates: tuple[ClientRecord, ...]


class _Read(NamedTuple):
    rows: list[ClientRecord]
    complete: bool
    """Whether no row that was left out can be of the time in question."""


async def search(
    source: ClientSource, operation: Operation, sought: Search, span: Callable[[], Span]
) -> Found:
    """The client that came of a create. Raises a `Failure` where one kept us from looking.

    `span`: when it can have been created; looked up after each answer, since each may carry
    more about the API's clock.
    """
    where = ClientFilter(client_type=sought.new.client_type)
    read = await _read(source, operation, where, span)
    seen = sightings(sought, read.rows, span())
    if 0 < len(seen.unclear) <= DETAILS:
        ids = [ClientId(row.id) for row in seen.unclear]
        answers = await source.fetch(operation, ids, TELLING, Lane.WRITE)
        details = [answer for answer in answers if not isinstance(answer, Failure)]
        unread = [row for row in seen.unclear if row.id not in {each.id for each in details}]
        akin = seen.akin
        seen = sightings(sought, [*seen.certain, *details, *unread], span())
        seen = seen._replace(akin=akin + seen.akin)
    candidates = seen.certain + seen.unclear + seen.akin
    return Found(seen.only(complete=read.complete), candidates)


async def _read(
    source: ClientSource, operation: Operation, where: ClientFilter, span: Callable[[], Span]
) -> _Read:
    """The newest rows: at the beginning, or at the end, or among all where none can tell."""

    async def rows(offset: int, limit: int) -> tuple[list[ClientRecord], int]:
        window = Window(offset, limit)
        page = await source.window(operation, where, window, TELLING, Lane.WRITE)
        return list(page.records), page.total

    first, total = await rows(0, MAX_PAGE)
    if len(first) >= total or reaches_before(span().begin, first):
        return _Read(first, complete=True)
    last, total = await rows(max(0, total - LAST), LAST)
    if reaches_before(span().begin, last[::-1]):
        return _Read(last, complete=True)
    read = first + last
    if total <= PAGES * MAX_PAGE:
        for offset in range(MAX_PAGE, total, MAX_PAGE):
            more, total = await rows(offset, MAX_PAGE)
            read += more
    return _Read(read, complete=len({row.id for row in read}) >= total)
