"""Looks for the client that a create may have made, in as few calls as tell for certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.writes.candidates import IDENTIFYING_FIELDS, Search, covers_since, find_candidates
from schema.source.errors import ClientError
from schema.source.records import MAX_PAGE, ClientFilter, ClientId, Window
from schema.source.request_context import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.writes.candidates import CreationInterval
    from schema.source.protocols import ClientSource
    from schema.source.records import ClientRecord
    from schema.source.request_context import RequestContext

PAGES = 5
"""Pages read of a list that shows no order. In a longer one a client cannot be told for sure."""
DETAILS = 3
"""Clients read in detail because their row does not tell enough."""
LAST = 50
"""Rows read from the end: any so many are one call."""
CALLS = PAGES + 1 + DETAILS
"""Calls that one search costs at most."""


class SearchResult(NamedTuple):
    """The client it must be, if there is exactly one; otherwise all that it may be."""

    match: ClientRecord | None
    candidates: tuple[ClientRecord, ...]


class _RowsRead(NamedTuple):
    rows: list[ClientRecord]
    complete: bool
    """Whether no row that was left out can be of the time in question."""


async def find_created(
    source: ClientSource,
    operation: RequestContext,
    sought: Search,
    span: Callable[[], CreationInterval],
) -> SearchResult:
    """The client that came of a create. Raises a `Failure` where one kept us from looking.

    `span`: when it can have been created; looked up after each answer, since each may carry
    more about the API's clock.
    """
    where = ClientFilter(client_type=sought.new.client_type)
    read = await _read(source, operation, where, span)
    seen = find_candidates(sought, read.rows, span())
    if 0 < len(seen.unclear) <= DETAILS:
        ids = [ClientId(row.id) for row in seen.unclear]
        answers = await source.fetch(operation, ids, IDENTIFYING_FIELDS, Priority.WRITE)
        details = [answer for answer in answers if not isinstance(answer, ClientError)]
        unread = [row for row in seen.unclear if row.id not in {each.id for each in details}]
        akin = seen.akin
        seen = find_candidates(sought, [*seen.certain, *details, *unread], span())
        seen = seen._replace(akin=akin + seen.akin)
    candidates = seen.certain + seen.unclear + seen.akin
    return SearchResult(seen.only(complete=read.complete), candidates)


async def _read(
    source: ClientSource,
    operation: RequestContext,
    where: ClientFilter,
    span: Callable[[], CreationInterval],
) -> _RowsRead:
    """The newest rows: at the beginning, or at the end, or among all where none can tell."""

    async def rows(offset: int, limit: int) -> tuple[list[ClientRecord], int]:
        window = Window(offset, limit)
        page = await source.window(operation, where, window, IDENTIFYING_FIELDS, Priority.WRITE)
        return list(page.records), page.total

    first, total = await rows(0, MAX_PAGE)
    if len(first) >= total or covers_since(span().begin, first):
        return _RowsRead(first, complete=True)
    last, total = await rows(max(0, total - LAST), LAST)
    if covers_since(span().begin, last[::-1]):
        return _RowsRead(last, complete=True)
    read = first + last
    if total <= PAGES * MAX_PAGE:
        for offset in range(MAX_PAGE, total, MAX_PAGE):
            more, total = await rows(offset, MAX_PAGE)
            read += more
    return _RowsRead(read, complete=len({row.id for row in read}) >= total)
