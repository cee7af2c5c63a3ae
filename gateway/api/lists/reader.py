"""Read windows of the list in as few pages as the API allows."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TypeVar

from gateway.api.client import ApiClient
from gateway.api.lists.behaviour import ListBehaviour
from gateway.api.lists.joining import join_pages, without_gaps
from gateway.api.lists.narrowing import (
    ITS_ROWS,
    MOST_NARROWINGS,
    block_of,
    narrower,
    probe,
    too_much,
)
from gateway.api.lists.page_reader import ListCall, PageReader
from gateway.api.lists.pagination import PageRequest, call_count, plan_pages
from schema.source.errors import Unavailable
from schema.source.records import MAX_PAGE, ClientFilter, ClientRecord, Fields, Page, Window
from schema.source.request_context import Priority, RequestContext

T = TypeVar("T")
Note = Callable[[Iterable[ClientRecord]], None]
_ROUNDS = 4
"""Maximum rounds of reading one window, each for the rows that the earlier ones left out."""
_WALKED = 10
"""Maximum full pages read to find the end of a list whose count is too low."""


class ListSource:
    """Reads windows by list calls; `note` gets the clients that were read. `clock` is monotonic."""

    def __init__(self, calls: ApiClient, note: Note, clock: Callable[[], float]) -> None:
        self._note = note
        self._clock = clock
        self._behaviour = ListBehaviour()
        self._pages = PageReader(calls, self._behaviour, clock)

    def page_cost(self, window: Window) -> int:
        """Count the calls that reading `window` costs, by the page sizes known to work.

        A page larger than needed is only worth reading if its size is known to work.
        """
        sizes = self._behaviour.sizes(None, self._clock())
        return call_count(window, sizes.most if window.needed is None else sizes.works)

    async def read_page(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Page:
        """Read the rows of `window`, or of its needed part, and all rows of the same calls."""
        del fields  # the API has no field selection; the graph completes rows
        call = ListCall(operation, where, priority)
        if window.from_end and window.limit:
            page = await self._read_last(call, window)
        else:
            page = await self._rows(call, Window(0, 0) if window.from_end else window)
        self._note(page.records)
        return page

    async def _read_last(self, call: ListCall, window: Window) -> Page:
        """Read rows counted from the end; the first call reads a small collection whole."""
        page = await self._rows(call, Window(0, MAX_PAGE))
        for read in range(_WALKED):
            call.operation.call_budget.may_exceed_estimate |= page.more or read > 0
            known = page.offset + len(page.records)
            stop = max(0, page.total - window.offset)
            begin = max(0, stop - window.limit)
            if page.more:
                missing, limit = page.total, MAX_PAGE
            elif page.offset <= begin and stop <= known:
                break
            else:
                missing = max(begin, known) if page.offset <= begin else begin
                limit = stop - missing
            following = await self._rows(call, Window(missing, limit))
            call.operation.receipt.drift |= following.total != page.total
            adjoining = page.records and page.offset <= following.offset <= known
            page = self._joined(call, [page, following], following) if adjoining else following
        return page

    async def _rows(self, call: ListCall, window: Window) -> Page:
        """Read rows counted from the start, in up to `_ROUNDS` rounds if the API returns fewer."""
        before = self._behaviour.sizes(call.caller, self._clock()).most
        page, reached = await self._at_size(call, window)
        capped = self._behaviour.sizes(call.caller, self._clock()).most < before
        needed = window.needed or window
        stop = needed.offset + needed.limit
        for _ in range(_ROUNDS - 1):
            reached = max(needed.offset, reached)
            end = stop if page.more else min(stop, page.total)
            if reached >= end:
                return page
            # Fewer rows came than the API's own count states: it may answer smaller pages than it
            # states, or count rows that do not exist. Reading the next row decides which.
            rest = Window(reached, end - reached) if capped else probe(page, reached)
            call.note_drift()
            following, further = await self._at_size(call, rest)
            size, now = len(page.records), self._clock()
            short = 0 < size < self._behaviour.sizes(call.caller, now).most
            if short and further > reached and not capped:
                self._behaviour.answered(None, size, size + 1, now)
            capped = True
            adjoining = page.offset + len(page.records) >= following.offset
            page = self._joined(call, [page, following] if adjoining else [following], following)
            if further <= reached:
                return page
            reached = further
        call.operation.receipt.drift |= reached < min(stop, page.total)
        return page

    async def _at_size(self, call: ListCall, window: Window) -> tuple[Page, int]:
        """Read the window in the fewest calls of an answered size; return the page and its end."""
        sizes = self._behaviour.sizes(call.caller, self._clock())
        needed = window.needed or window
        if window.needed is not None and sizes.works < window.limit:
            window = block_of(needed, sizes.works) or needed
        most, refused = sizes.most, 0
        if most < self._behaviour.sizes(None, self._clock()).most:
            call.note_drift()  # prices include only the limits for all callers
        whose: str | None = None
        for narrowings in itertools.count(1):
            reads = plan_pages(window.offset, window.limit, most)
            largest = max(read.limit for read in reads)
            try:
                read = await self._gather_or_cancel(call, reads, one_first=refused > 0)
            except Unavailable as failure:
                why = too_much(failure)
                left = MOST_NARROWINGS.get(why, 0) - narrowings
                smaller = None if left < 0 else narrower(why, needed, largest, first=not refused)
                if smaller is None or smaller == (window, most):
                    raise
                refused, whose = largest, call.caller if why in ITS_ROWS else None
                window, most = smaller
                call.note_drift()
            else:
                if refused:
                    self._behaviour.answered(whose, largest, refused, self._clock())
                return read
        raise AssertionError  # `itertools.count` is infinite

    async def _gather_or_cancel(
        self, call: ListCall, reads: Sequence[PageRequest], *, one_first: bool
    ) -> tuple[Page, int]:
        """Read `reads` concurrently; return them as one page, and the index after its last row.

        The newest total is that of the last page to arrive. `one_first`: read the first page
        before the others.
        """
        arrived: list[Page] = []
        pages = [await self._pages.read(call, reads[0], arrived)] if one_first else []
        rest = reads[len(pages) :]
        pages += await _all_of([self._pages.read(call, read, arrived) for read in rest])
        pages = without_gaps(pages)
        ends = [page.offset + len(page.records) for page in pages if page.records]
        return self._joined(call, pages, arrived[-1]), max(ends, default=0)

    def _joined(self, call: ListCall, pages: Sequence[Page], newest: Page) -> Page:
        page, drift = join_pages(pages, newest)
        call.operation.receipt.drift |= drift
        return page


async def _all_of(reads: Sequence[Coroutine[object, object, T]]) -> Sequence[T]:
    """Await all of `reads` concurrently; when one fails, cancel the others."""
    if len(reads) == 1:
        return [await reads[0]]  # the usual case needs no task
    tasks = [asyncio.ensure_future(read) for read in reads]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
