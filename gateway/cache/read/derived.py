"""Derive matches and orders from a held collection, and remember them."""

from collections.abc import Callable, Sequence

import msgspec

from gateway.cache.read.cached_page import as_page
from gateway.cache.store.collection import DerivedRows, HeldCollection
from gateway.cache.store.cursor_anchor import (
    ANY_AGE,
    AnchorPosition,
    Neighbours,
    find,
    locate,
    locate_among,
)
from gateway.cache.store.fenced import FencedCache
from gateway.cache.store.keys import CollectionKey, DerivedKey, ListKey
from gateway.cache.store.list_index import IndexRange, ListIndex
from gateway.search.facets import Facets
from gateway.search.matching import Matcher
from gateway.search.paging import sorted_page
from schema.source.records import Anchor, ClientRecord, Page, Window
from schema.source.search import RELEVANCE, Question


def derive(
    held: HeldCollection,
    question: Question,
    sorted_rows: Callable[[Question], Sequence[ClientRecord]] | None = None,
) -> DerivedRows:
    """Return the clients that match a question, in its order.

    `sorted_rows` returns all clients in an order that needs no search: those are only matched.
    """
    matcher = Matcher(question, held.texts)
    order, by_order = matcher.order, Question(order=question.order)
    if order is None:
        positions = matcher.select(held.records)
        rows = [held.records[index] for index in positions]
        return DerivedRows(held.revision, rows, positions, None, Facets(rows))
    ranked = any(key.by == RELEVANCE for key in question.order)
    if sorted_rows is None or question == by_order or ranked:
        rows = order.sort([held.records[index] for index in matcher.select(held.records)])
    else:
        all_rows = sorted_rows(by_order)
        rows = [all_rows[index] for index in matcher.select(all_rows)]
    return DerivedRows(held.revision, rows, (), order, Facets(rows))


def page_of_rows(
    derived: DerivedRows,
    held: HeldCollection,
    question: Question,
    window: Window,
    departed: Callable[[str], Neighbours | None],
) -> tuple[Page, bool]:
    """Return a window of the matching clients, and whether a cursor's row is lost."""
    if derived.order is not None:
        page = sorted_page(derived.rows, derived.order, question.fingerprint, window)
        return msgspec.structs.replace(page, facets=derived.facets), False
    rows = _index(derived.rows, held.at)

    def elsewhere(anchor: Anchor) -> AnchorPosition | None:
        """Return where a client that does not match is among those that do."""
        plain = anchor._replace(before=(), after=())
        spot = find(_index(held.records, held.at), plain, ANY_AGE, departed)
        return locate_among(derived.positions, spot)

    place = locate(rows, window, ANY_AGE, departed, elsewhere)
    start, stop = rows.range_of(place.window)
    page = as_page(rows, place, tuple(derived.rows[start:stop]))
    return msgspec.structs.replace(page, facets=derived.facets), place.lost


def _index(records: Sequence[ClientRecord], at: float) -> ListIndex:
    ids = tuple(record.id for record in records)
    return ListIndex(len(ids), at, (IndexRange(0, ids, at),) if ids else ())


class Derivations:
    """The answers to questions about held collections, remembered while those are unchanged."""

    def __init__(self, memory: FencedCache) -> None:
        self._memory = memory

    def page(
        self, key: CollectionKey, held: HeldCollection, question: Question, window: Window
    ) -> tuple[Page, bool]:
        """Return a window of the matching clients, and whether a cursor's row is lost."""
        departed = self._memory.departures.of(ListKey(key.partition, key.where))
        return page_of_rows(self._rows(key, held, question), held, question, window, departed)

    def _rows(self, key: CollectionKey, held: HeldCollection, question: Question) -> DerivedRows:
        name = DerivedKey(key.partition, key.where, question)
        known = self._memory.collections.derived(name)
        if known is None or known.revision != held.revision:
            known = derive(held, question, lambda by: self._rows(key, held, by).rows)
            self._memory.collections.put_derived(name, known)
        return known
