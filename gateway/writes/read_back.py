"""Search for the client that a create may have made, with the fewest calls that give certainty."""

from collections.abc import Callable
from typing import NamedTuple

from gateway.writes.candidates import (
    IDENTIFYING_FIELDS,
    CreationInterval,
    Search,
    covers_since,
    find_candidates,
)
from schema.source.errors import ClientError
from schema.source.protocols import ClientReader
from schema.source.records import MAX_PAGE, ClientFilter, ClientId, ClientRecord, Window
from schema.source.request_context import Priority, RequestContext

PAGES = 5
"""Pages read of a list without a known order; in a longer list no client is certain."""
DETAILS = 3
"""Clients read in detail because their rows lack fields."""
LAST = 50
"""Rows read from the end; one call reads this many."""
CALLS = PAGES + 1 + DETAILS
"""The most calls of one search."""


class SearchResult(NamedTuple):
    """The client, if exactly one is possible; otherwise all candidates."""

    match: ClientRecord | None
    candidates: tuple[ClientRecord, ...]


async def find_created(
    source: ClientReader,
    operation: RequestContext,
    search: Search,
    interval: Callable[[], CreationInterval],
) -> SearchResult:
    """Return the client that a create made. Raises a `ClientError` if a read fails.

    `interval`: when the client can have been created. It is called after each response, since each
    may narrow the offset of the API's clock.
    """
    where = ClientFilter(client_type=search.new.client_type)
    read, complete = await _read(source, operation, where, interval)
    seen = find_candidates(search, read, interval())
    if 0 < len(seen.unclear) <= DETAILS:
        ids = [ClientId(row.id) for row in seen.unclear]
        answers = await source.fetch(operation, ids, IDENTIFYING_FIELDS, Priority.WRITE)
        details = [answer for answer in answers if not isinstance(answer, ClientError)]
        unread = [row for row in seen.unclear if row.id not in {each.id for each in details}]
        similar = seen.similar
        seen = find_candidates(search, [*seen.certain, *details, *unread], interval())
        seen = seen._replace(similar=similar + seen.similar)
    candidates = seen.certain + seen.unclear + seen.similar
    return SearchResult(seen.only(complete=complete), candidates)


async def _read(
    source: ClientReader,
    operation: RequestContext,
    where: ClientFilter,
    interval: Callable[[], CreationInterval],
) -> tuple[list[ClientRecord], bool]:
    """Read the newest rows: the first, or the last, or all if no order is known.

    Also return whether every row that was left out is certainly too old.
    """

    async def rows(offset: int, limit: int) -> tuple[list[ClientRecord], int]:
        window = Window(offset, limit)
        page = await source.read_page(operation, where, window, IDENTIFYING_FIELDS, Priority.WRITE)
        return list(page.records), page.total

    first, total = await rows(0, MAX_PAGE)
    if len(first) >= total or covers_since(interval().begin, first):
        return first, True
    last, total = await rows(max(0, total - LAST), LAST)
    if covers_since(interval().begin, last[::-1]):
        return last, True
    read = first + last
    if total <= PAGES * MAX_PAGE:
        for offset in range(MAX_PAGE, total, MAX_PAGE):
            more, total = await rows(offset, MAX_PAGE)
            read += more
    return read, len({row.id for row in read}) >= total
