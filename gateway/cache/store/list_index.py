"""The index of one caller's list under one filter: ids by absolute index, as far as read."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from schema.source.records import MAX_PAGE, Window


@dataclass(frozen=True, slots=True)
class IndexRange:
    """Consecutive rows read together at `at`, the first at absolute index `start`."""

    start: int
    ids: tuple[str, ...]
    at: float

    @property
    def stop(self) -> int:
        """Return the index after its last row."""
        return self.start + len(self.ids)

    def cut(self, start: int, stop: int) -> "IndexRange":
        """Return its part from index `start` up to `stop`."""
        begin, end = max(start, self.start), min(stop, self.stop)
        return IndexRange(
            begin, self.ids[begin - self.start : max(end, begin) - self.start], self.at
        )

    def without(self, other: "IndexRange") -> "list[IndexRange]":
        """Return its parts before and after `other`."""
        parts = self.cut(self.start, other.start), self.cut(other.stop, self.stop)
        return [part for part in parts if part.ids]


@dataclass(frozen=True, slots=True)
class ListIndex:
    """The rows read so far of a list that had `total` rows at `total_at`. Spans do not overlap."""

    total: int
    total_at: float
    spans: tuple[IndexRange, ...] = ()
    open: bool = False
    """Whether the list has more rows than `total`: the API's own count is too low."""

    def cleared(self) -> "ListIndex":
        """Return the index without rows; the total stays as a hint."""
        return ListIndex(self.total, float("-inf"), open=self.open)

    def index_of(self, id: str, oldest: float) -> int | None:
        """Return the index of this client's row, if it was read since `oldest`."""
        for span in self.spans:
            if span.at >= oldest and id in span.ids:
                return span.start + span.ids.index(id)
        return None

    def places(self, oldest: float) -> dict[str, int]:
        """Return the index of each row read since `oldest`."""
        return {
            id: index
            for span in self.spans
            if span.at >= oldest
            for index, id in enumerate(span.ids, span.start)
        }

    def beside(self, start: int, stop: int, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return up to `count` known ids before `start`, and as many from `stop` on."""
        first = max(0, start - count)
        back = [row and row[0] for row in self.slice(first, start, float("-inf"))]
        ahead = [row and row[0] for row in self.slice(stop, stop + count, float("-inf"))]
        before = tuple(takewhile(bool, reversed(back)))[::-1]
        return tuple(filter(None, before)), tuple(filter(None, takewhile(bool, ahead)))

    def whole(self, oldest: float) -> bool:
        """Return True if every row of the list was read since `oldest`."""
        held = sum(len(span.ids) for span in self.spans if span.at >= oldest)
        return held >= self.total and not self.open

    def prepended(self, id: str, at: float) -> "ListIndex":
        """Return the list with this client's row before all others."""
        spans = (IndexRange(span.start + 1, span.ids, span.at) for span in self.spans)
        return ListIndex(
            self.total + 1, self.total_at, (IndexRange(0, (id,), at), *spans), self.open
        )

    def appended(self, id: str, at: float) -> "ListIndex":
        """Return the list with this client's row last; cleared if its end is unknown."""
        if self.open:
            return self.cleared()
        return ListIndex(
            self.total + 1, self.total_at, (*self.spans, IndexRange(self.total, (id,), at))
        )

    def without(self, id: str) -> "ListIndex | None":
        """Return the list without this client's row; None if the row's index is unknown."""
        index = self.index_of(id, float("-inf"))
        if index is None:
            return None
        spans = []
        for span in self.spans:
            if span.start > index:
                spans.append(IndexRange(span.start - 1, span.ids, span.at))
            elif span.stop <= index:
                spans.append(span)
            else:
                spans.append(
                    IndexRange(span.start, tuple(each for each in span.ids if each != id), span.at)
                )
        left = tuple(span for span in spans if span.ids)
        return ListIndex(self.total - 1, self.total_at, left, self.open)

    def range_of(self, window: Window) -> tuple[int, int]:
        """Return the absolute indexes, from and up to, of `window` in a list this long.

        In an open list they may exceed its known rows.
        """
        if window.from_end:
            stop = max(0, self.total - window.offset)
            return max(0, stop - window.limit), stop
        if self.open:
            return window.offset, window.offset + window.limit
        start = min(window.offset, self.total)
        return start, min(window.offset + window.limit, self.total)

    def slice(self, start: int, stop: int, oldest: float) -> list[tuple[str, float] | None]:
        """Return id and time of reading for each index; None for those not read since `oldest`."""
        if len(self.spans) == 1 and stop <= self.spans[0].stop:
            [whole] = self.spans
            if whole.at >= oldest and start >= whole.start:
                ids = whole.ids[start - whole.start : max(start, stop) - whole.start]
                return [(id, whole.at) for id in ids]
        held: list[tuple[str, float] | None] = [None] * max(0, stop - start)
        first = max(0, bisect_right(self.spans, start, key=lambda span: span.start) - 1)
        for span in self.spans[first:]:
            if span.start >= stop:
                break
            if span.at >= oldest:
                part = span.cut(start, stop)
                for place, id in enumerate(part.ids, part.start - start):
                    held[place] = (id, part.at)
        return held

    def merge(
        self,
        start: int,
        ids: Sequence[str],
        total: int,
        at: float,
        more: bool = False,  # noqa: FBT001, FBT002
    ) -> "ListIndex":
        """Return the index after a reading sent at `at` returned these rows.

        `total` is the list's length by that reading; `more`: the list is longer than that.

        If the reading contradicts the known rows, rows have moved: only the later reading is kept.
        """
        span = IndexRange(start, tuple(ids), at)
        news = ListIndex(total, at, (span,) if span.ids else (), more)
        if len(set(span.ids)) < len(span.ids) or span.stop > total:
            return ListIndex(total, at, (), more) if at >= self.total_at else self
        if not self.spans and at >= self.total_at:
            return news
        ends = bool(self.spans) and self.spans[-1].stop == start  # whatever the total is
        if not ids and ends and at >= self.total_at:
            return ListIndex(start, at, self.spans)
        if self._contradicts(span, total, more=more):
            return news if at >= self.total_at else self
        open_ = self.open and more
        known = max(total, self.total)
        return ListIndex(known, max(at, self.total_at), self._with(span), open_)

    def _contradicts(self, span: IndexRange, total: int, *, more: bool) -> bool:
        if total < self.total and not more:
            return True
        if total > self.total and not self.open:
            return True
        ours = {id: index for held in self.spans for index, id in enumerate(held.ids, held.start)}
        if any(ours.get(id, index) != index for index, id in enumerate(span.ids, span.start)):
            return True
        return any(
            row is not None and row[0] != id
            for row, id in zip(
                self.slice(span.start, span.stop, float("-inf")), span.ids, strict=True
            )
        )

    def _with(self, span: IndexRange) -> tuple[IndexRange, ...]:
        """Return the spans with `span` added; where spans overlap, the later reading counts."""
        kept, fresh = [], [span]
        for held in self.spans:
            if held.at > span.at:
                kept.append(held)
                fresh = [part for piece in fresh for part in piece.without(held)]
            else:
                kept.extend(held.without(span))
        pieces = [piece for piece in (*kept, *fresh) if piece.ids]
        return tuple(sorted(pieces, key=lambda piece: piece.start))


def full_pages(missing: Iterable[int], size: int = MAX_PAGE) -> list[Window]:
    """Return the full pages of `size` rows, by default the API's largest, with these indexes."""
    return [Window(page * size, size) for page in sorted({index // size for index in missing})]
