"""Whether webhooks are proven to arrive, by the events of own writes; no cache and no clock."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.policy.delivery_proof import MAX_EARLY, MAX_WRITE_SECONDS, WITHIN, DeliveryProof
from gateway.cache.store.change_hints import ReportedChange
from gateway.cache.store.keys import Partition
from tests.cache.scripted import caller

LASTS = 900.0
ADA, BOB = Partition(caller("ada")), Partition(caller("bob"))
ONE, TWO = frozenset({"one"}), frozenset({"two"})


def proof() -> DeliveryProof:
    return DeliveryProof(LASTS)


def written(proof: DeliveryProof, id: str, now: float, who: Partition = ADA) -> None:
    """A write whose response arrives before its event."""
    proof.begin(f"{id} {now}", who, id, now)
    assert proof.end(f"{id} {now}", who, id, now) == []


def proven(at: float = 0.0) -> DeliveryProof:
    """A proof by a write of ada's, whose event came at `at`."""
    fresh = proof()
    written(fresh, "one", at)
    fresh.arrive("updated", ONE, at)
    return fresh


def test_nothing_is_proven_before_a_write_has_come_back() -> None:
    silent = proof()
    silent.arrive("updated", ONE, 1)
    written(silent, "one", 2)

    assert not silent.holds(ADA, 3)
    assert "no write" in silent.reason


def test_the_event_of_an_own_write_proves_deliveries_for_all_callers_and_a_bounded_time() -> None:
    own = proof()
    written(own, "one", 5)

    assert own.arrive("updated", ONE, 6) == [ReportedChange("updated", ONE, own=ADA, at=5)]
    assert own.holds(ADA, 6)
    assert own.holds(BOB, 6 + LASTS - 0.01)
    assert not own.holds(ADA, 6 + LASTS)


def test_a_write_whose_event_does_not_come_in_time_ends_the_proof_until_the_next_that_does() -> (
    None
):
    lost = proven(0)
    written(lost, "two", 100)

    assert lost.holds(BOB, 100 + WITHIN - 0.01)
    assert not lost.holds(BOB, 100 + WITHIN)
    assert "did not come" in lost.reason
    lost.arrive("updated", ONE, 150)
    assert not lost.holds(BOB, 150)
    written(lost, "two", 200)
    lost.arrive("updated", TWO, 201)
    assert lost.holds(ADA, 202)


def test_an_event_that_comes_late_is_one_of_another_writer_and_proves_nothing() -> None:
    late = proof()
    written(late, "one", 0)

    assert late.arrive("updated", ONE, WITHIN) == [ReportedChange("updated", ONE)]
    assert not late.holds(ADA, WITHIN)


def test_an_event_may_come_before_the_response_to_its_write() -> None:
    early = proof()
    early.begin("creating", ADA, None, 0)

    assert early.arrive("created", ONE, 1) == []
    assert early.end("creating", ADA, "one", 2) == [ReportedChange("created", ONE, own=ADA, at=2)]
    assert early.holds(ADA, 3)


def test_an_event_that_a_write_under_way_does_not_explain_in_the_end_is_one_of_another_writer() -> (
    None
):
    other = proof()
    other.begin("creating", ADA, None, 0)
    other.begin("updating", ADA, "two", 0)
    assert other.arrive("created", ONE, 1) == other.arrive("updated", TWO, 1) == []
    assert other.arrive("deleted", ONE, 1) == [ReportedChange("deleted", ONE)]

    assert other.end("creating", ADA, "three", 2) == [ReportedChange("created", ONE)]
    assert other.abandon("updating") == [ReportedChange("updated", TWO)]
    assert not other.holds(ADA, 3)


def test_a_flood_of_events_during_a_create_is_held_back_up_to_a_bound() -> None:
    flooded = proof()
    flooded.begin("creating", ADA, None, 0)

    passed = [flooded.arrive("created", frozenset({str(n)}), 1) for n in range(MAX_EARLY + 5)]

    assert [len(each) for each in passed] == [0] * MAX_EARLY + [1] * 5


def test_a_write_that_never_ends_holds_an_event_back_for_a_bounded_time() -> None:
    """Its gateway is gone."""
    lost = proof()
    lost.begin("creating", ADA, None, 0)
    assert lost.arrive("created", ONE, 1) == []

    assert lost.arrive("updated", TWO, MAX_WRITE_SECONDS) == [
        ReportedChange("created", ONE),
        ReportedChange("updated", TWO),
    ]


def test_it_ends_when_events_may_have_been_missed() -> None:
    missed = proven(0)
    missed.interrupt()

    assert not missed.holds(BOB, 1)
    assert "missed" in missed.reason


def test_each_write_of_a_client_needs_an_event() -> None:
    twice = proof()
    written(twice, "one", 0)
    written(twice, "one", 1)
    twice.arrive("updated", ONE, 2)

    assert twice.holds(ADA, 9)
    assert not twice.holds(ADA, 1 + WITHIN)


def test_an_event_of_no_client_or_of_several_proves_nothing() -> None:
    vague = proof()
    written(vague, "one", 0)
    vague.arrive("updated", frozenset(), 1)
    vague.arrive("updated", ONE | TWO, 1)

    assert not vague.holds(ADA, 2)


def test_a_caller_whose_writes_do_not_come_back_ends_the_proof_of_others_once() -> None:
    """Its clients may belong to an account that has no webhook."""
    apart = proven(0)
    written(apart, "two", 1, BOB)
    assert not apart.holds(ADA, 1 + WITHIN)
    written(apart, "one", 20)
    apart.arrive("updated", ONE, 21)
    written(apart, "two", 30, BOB)

    assert apart.holds(ADA, 50)
    assert not apart.holds(BOB, 50)
    written(apart, "two", 60, BOB)
    apart.arrive("updated", TWO, 61)
    assert apart.holds(BOB, 62)


def test_a_change_that_a_reading_shows_before_any_event_must_be_reported_too() -> None:
    late, lost = proven(0), proven(0)
    for each in (late, lost):
        each.observe(BOB, "two", 100)
    late.arrive("updated", TWO, 109)

    assert late.holds(BOB, 300)
    assert late.until == LASTS  # it proves nothing: when the change happened is not known
    assert lost.holds(BOB, 109)
    assert not lost.holds(BOB, 100 + WITHIN)


STEPS = st.lists(
    st.tuples(
        st.floats(0.1, 8), st.sampled_from(["write", "event", "see"]), st.sampled_from("abc")
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_it_never_holds_past_an_event_that_is_overdue_or_without_a_recent_proof(
    steps: list[tuple[float, str, str]],
) -> None:
    any_ = DeliveryProof(20)
    now, waiting, last, broken = 0.0, list[tuple[float, str]](), float("-inf"), float("-inf")
    for seconds, what, id in steps:
        now += seconds
        overdue = [at + WITHIN for at, _ in waiting if at + WITHIN <= now]
        broken = max([broken, *overdue])
        waiting = [each for each in waiting if each[0] + WITHIN > now]
        mine = next((each for each in waiting if each[1] == id), None)
        if what == "write":
            written(any_, id, now)
            waiting.append((now, id))
        elif what == "see":
            any_.observe(BOB, id, now)
        else:
            any_.arrive("updated", frozenset({id}), now)
            if mine is not None:
                waiting.remove(mine)
                last = now
        if any_.holds(ADA, now) or any_.holds(BOB, now):
            assert last > broken
            assert now < last + 20
