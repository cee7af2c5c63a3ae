"""The bound of the store counts what its entries take, neither much less nor much more."""

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from gateway.cache.read.derived import derive
from gateway.cache.store.collection import HeldCollection
from gateway.cache.store.collections import Collections
from gateway.cache.store.departures import Departures
from gateway.cache.store.entity import CachedRecord, Tombstone
from gateway.cache.store.keys import (
    CollectionKey,
    DerivedKey,
    EntityKey,
    ListKey,
    Partition,
    ResponseKey,
)
from gateway.cache.store.list_index import IndexRange, ListIndex
from gateway.cache.store.memory import MEBIBYTE, CachedResponse, MemoryStore
from gateway.gzipped import CompressibleData
from schema.source.records import ClientFilter
from schema.source.search import Criteria, Question, SortKey
from tests.cache.scripted import caller, whole_row

CALLERS = 40


def page(store: MemoryStore, who: int, rows: int, **changed: object) -> None:
    """Store a caller's list as it is after one read."""
    partition, at = Partition(caller(f"{who}")), float(who)
    ids = []
    for number in range(rows):
        record = whole_row(who, number, **changed)
        ids.append(record.id)
        store.put(EntityKey(partition, record.id), CachedRecord.of(record, at))
    rows_read = IndexRange(0, tuple(ids), at)
    store.put(ListKey(partition, ClientFilter()), ListIndex(rows, at, (rows_read,)))


def details(store: MemoryStore, who: int) -> None:
    for number in range(30):
        record = CachedRecord.of(whole_row(who, number), float(number))
        store.put(EntityKey(Partition(caller(f"{who}")), record.id), record)


def absences(store: MemoryStore, who: int) -> None:
    for number in range(30):
        key = EntityKey(Partition(caller(f"{who}")), whole_row(who, number).id)
        store.put(key, Tombstone(float(number)))


def responses(store: MemoryStore, who: int) -> None:
    for number in range(10):
        body = f'{{"query":"{{ clients(first: {number}) {{ totalCount }} }}", "n": {who}}}'
        data = CompressibleData(b'{"clients": "%d"}' % number * 20)
        response = CachedResponse(data, ((who, number), None, 0), float(number), 1)
        store.put(ResponseKey(Partition(caller(f"{who}")), body.encode()), response)


def searched(store: MemoryStore, who: int) -> None:
    """Store a collection that was searched in every text."""
    partition = Partition(caller(f"{who}"))
    clients = [CachedRecord.of(whole_row(who, number), float(who)) for number in range(60)]
    for each in clients:
        store.put(EntityKey(partition, each.id), each)
    held = HeldCollection(clients, float(who), 1)
    store.put(CollectionKey(partition, ClientFilter()), held)
    for with_notes in (False, True):
        held.texts(with_notes)


def questions(store: MemoryStore, who: int) -> None:
    """Store the clients that match filters of many values each."""
    partition = Partition(caller(f"{who}"))
    held = HeldCollection([CachedRecord.of(whole_row(who, 0), 0.0)], 0.0, 1)
    store.put(CollectionKey(partition, ClientFilter()), held)
    for number in range(3):
        values = frozenset(f"value {index} of {number} of {who}" for index in range(100))
        inner = Criteria(one_of=(("source", values),))
        question = Question(Criteria(any_of=((inner,),)))
        store.put(DerivedKey(partition, ClientFilter(), question), derive(held, question))


def read_again(store: MemoryStore, who: int) -> None:
    """Store what was derived from each of several readings of one collection."""
    partition, collections = Partition(caller(f"{who}")), Collections(store, Departures())
    for reading in range(3):
        rows = [whole_row(who, number) for number in range(20)]
        clients = [CachedRecord.of(each, float(reading)) for each in rows]
        for each in clients:
            store.put(EntityKey(partition, each.id), each)
        held = HeldCollection(clients, float(reading), 1)
        for with_notes in (False, True):
            held.texts(with_notes)
        collections.put(CollectionKey(partition, ClientFilter()), held)
        for order in ((), (SortKey("email"),)):
            question = Question(search=f"{reading}", order=order)
            name = DerivedKey(partition, ClientFilter(), question)
            collections.put_derived(name, derive(held, question))


def counted(store: MemoryStore, who: int) -> None:
    """Store the counts of a collection, each client of which has labels of its own."""
    partition, collections = Partition(caller(f"{who}")), Collections(store, Departures())
    clients = [
        CachedRecord.of(whole_row(who, number, tags=[f"{who} {number} {n}" for n in range(9)]), 0.0)
        for number in range(40)
    ]
    held = HeldCollection(clients, 0.0, 1)
    collections.put(CollectionKey(partition, ClientFilter()), held)
    for number in range(9):
        name = DerivedKey(partition, ClientFilter(), Question(search=f"{number}"))
        derived = derive(held, Question())
        collections.put_derived(name, derived)
        derived.facets.labels("tags")
    for with_notes in (False, True):
        held.texts(with_notes)


def written(store: MemoryStore, who: int) -> None:
    """Store a collection to which writes and later readings add long notes."""
    partition, collections = Partition(caller(f"{who}")), Collections(store, Departures())
    first = CachedRecord.of(whole_row(who, 0), 0.0)
    held = HeldCollection([first], 0.0, 1)
    collections.put(CollectionKey(partition, ClientFilter()), held)
    for number in range(20):
        row = whole_row(who, number, notes=f"{who} {number}" * 500)
        key, entry = EntityKey(partition, row.id), CachedRecord.of(row, 1.0)
        collections.note(key, entry)
        collections.note_written(key, entry, "first")
    for with_notes in (False, True):
        held.texts(with_notes)


FILLED: dict[str, Callable[[MemoryStore, int], None]] = {
    "one row": lambda store, who: page(store, who, 1),
    "sixty rows": lambda store, who: page(store, who, 60),
    "a thousand rows": lambda store, who: page(store, who, 1_000 if who < 3 else 0),
    "rows without most fields": lambda store, who: page(
        store, who, 60, notes=None, tags=None, property_preferences=None, preferred_locations=None
    ),
    "rows with a number that has no packed form": lambda store, who: page(
        store, who, 10, property_preferences={"lot": 10**30}
    ),
    "details": details,
    "a searched collection": searched,
    "questions of many values": questions,
    "a collection read again": read_again,
    "counts of many values": counted,
    "a collection that writes added to": written,
    "absences": absences,
    "responses": responses,
}


@pytest.mark.parametrize("fill", FILLED.values(), ids=FILLED)
def test_the_store_counts_what_its_entries_take(
    fill: Callable[[MemoryStore, int], None],
) -> None:
    fill(MemoryStore(clock=lambda: 0.0), 0)
    store = MemoryStore(clock=lambda: 0.0)
    gc.collect()
    tracemalloc.start()
    try:
        for who in range(CALLERS):
            fill(store, who)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken <= store.held_bytes <= 1.3 * taken


def test_a_thousand_callers_of_sixty_rows_take_two_thirds_of_the_default_bound() -> None:
    store = MemoryStore(clock=lambda: 0.0)
    for who in range(CALLERS):
        page(store, who, 60)

    assert 1_000 / CALLERS * store.held_bytes < 0.7 * 64 * MEBIBYTE
