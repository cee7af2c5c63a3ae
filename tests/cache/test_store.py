from gateway.cache.store.entity import CachedRecord
from gateway.cache.store.keys import EntityKey, ListKey, Partition
from gateway.cache.store.list_index import IndexRange, ListIndex
from gateway.cache.store.memory import PARTITION, MemoryStore, entry_weight
from schema.source.records import ClientFilter
from tests.cache.scripted import caller, client

ADA, BOB, EVE = (Partition(caller(name)) for name in ("ada", "bob", "eve"))
ENTRY = CachedRecord.of(client(1), 0)
ONE = entry_weight("00", ENTRY)


def room(entries: int, callers: int = 1) -> int:
    """Bytes for as many entries of as many callers."""
    return entries * ONE + callers * PARTITION


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def key(partition: Partition, number: int) -> EntityKey:
    return EntityKey(partition, f"{number:02}")


def held(store: MemoryStore, partition: Partition, count: int) -> list[int]:
    return [number for number in range(count) if store.get(key(partition, number)) is not None]


def test_a_caller_alone_may_fill_the_store_and_then_loses_its_oldest() -> None:
    store = MemoryStore(clock=Clock(), max_bytes=room(20))
    for number in range(25):
        store.put(key(ADA, number), ENTRY)

    assert held(store, ADA, 25) == list(range(5, 25))
    assert store.held_bytes == room(20)
    assert store.dropped == {"room": 5, "idle": 0}


def test_while_others_are_present_a_caller_holds_a_tenth() -> None:
    store = MemoryStore(clock=Clock(), max_bytes=10 * room(2))
    for number in range(15):
        store.put(key(ADA, number), ENTRY)
    store.put(key(BOB, 0), ENTRY)
    assert held(store, ADA, 15) == [13, 14]

    for number in range(5):
        store.put(key(ADA, number), ENTRY)
    assert held(store, ADA, 15) == [3, 4]
    assert held(store, BOB, 1) == [0]
    assert store.held_bytes == room(3, callers=2)
    assert store.dropped == {"room": 18, "idle": 0}


def test_when_all_is_full_the_caller_idle_longest_makes_room() -> None:
    store = MemoryStore(clock=Clock(), max_bytes=room(3, callers=3), share=0.5)
    for partition in (ADA, BOB, EVE):
        store.put(key(partition, 0), ENTRY)
    store.get(key(ADA, 0))
    store.put(key(Partition(caller("kay")), 0), ENTRY)

    assert held(store, BOB, 1) == []
    assert store.dropped == {"room": 1, "idle": 0}
    assert held(store, ADA, 1) == held(store, EVE, 1) == [0]
    assert store.held_bytes == room(3, callers=3)


def test_who_has_long_been_away_is_not_present() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock, max_bytes=room(20))
    store.put(key(BOB, 0), ENTRY)
    clock.now = 301
    for number in range(10):
        store.put(key(ADA, number), ENTRY)

    assert held(store, ADA, 10) == list(range(10))
    assert held(store, BOB, 1) == []
    assert store.dropped == {"room": 0, "idle": 1}


def test_what_is_larger_than_the_store_is_not_kept() -> None:
    store = MemoryStore(clock=Clock(), max_bytes=room(1))
    store.put(key(ADA, 0), ENTRY)
    store.put(key(ADA, 0), CachedRecord.of(client(1, notes="x" * 5000), 0))

    assert held(store, ADA, 1) == []
    assert store.held_bytes == 0


def test_a_purge_takes_everything_of_one_caller_and_nothing_of_another() -> None:
    store = MemoryStore(clock=Clock())
    rows = ListKey(ADA, ClientFilter())
    store.put(key(ADA, 0), ENTRY)
    store.put(rows, ListIndex(1, 0, (IndexRange(0, ("0",), 0),)))
    store.put(key(BOB, 0), ENTRY)
    assert store.lists(ADA) == [rows]
    store.purge(ADA)

    assert (store.get(key(ADA, 0)), store.get(rows), store.lists(ADA)) == (None, None, [])
    assert held(store, BOB, 1) == [0]
    assert store.held_bytes == room(1)
    store.forget(key(BOB, 0))
    assert store.held_bytes == 0


def test_a_key_keeps_no_credential() -> None:
    assert "secret" not in repr(EntityKey(ADA, "1"))
    assert Partition(caller("ada")) == ADA
    assert Partition(caller("ada")) != BOB
