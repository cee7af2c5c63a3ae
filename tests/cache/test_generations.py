from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.store.generations import Generations
from gateway.cache.store.keys import EntityKey, Partition
from tests.cache.scripted import caller

ADA, BOB = Partition(caller("ada")), Partition(caller("bob"))
KEYS = [EntityKey(partition, str(number)) for partition in (ADA, BOB) for number in range(3)]


def test_a_write_of_one_client_leaves_the_others_fences() -> None:
    generations = Generations()
    before = [generations.of_client(key) for key in KEYS]
    generations.bump(KEYS[0])
    after = [generations.of_client(key) for key in KEYS]

    assert [one == two for one, two in zip(before, after, strict=True)] == [False] + [True] * 5


def test_a_refused_caller_raises_all_of_its_fences_and_no_others() -> None:
    generations = Generations()
    before = [*map(generations.of_client, KEYS), *map(generations.of_lists, (ADA, BOB))]
    generations.bump(ADA)
    after = [*map(generations.of_client, KEYS), *map(generations.of_lists, (ADA, BOB))]

    same = [one == two for one, two in zip(before, after, strict=True)]
    assert same == [False] * 3 + [True] * 3 + [False, True]


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 5), st.integers(1, 4))
def test_a_raise_is_never_forgotten_however_few_are_kept(
    raised: list[int], watched: int, limit: int
) -> None:
    generations = Generations(limit)
    for index in raised[: len(raised) // 2]:
        generations.bump(KEYS[index])
    before = generations.of_client(KEYS[watched])
    later = raised[len(raised) // 2 :]
    for index in later:
        generations.bump(KEYS[index])

    assert watched not in later or generations.of_client(KEYS[watched]) != before
