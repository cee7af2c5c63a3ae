from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from gateway.cache.packed import present_fields
from gateway.cache.policy.filters import can_evaluate, matches
from gateway.cache.store.entity import CachedRecord, Tombstone, merge_record
from schema.source.records import FIELDS, ClientFilter, ClientRecord
from tests.cache.scripted import client

ROW = client(1)
DETAIL = client(1, notes="N", complete=True)
BARE = client(1, version=UNSET)


def known(record: ClientRecord, at: float) -> CachedRecord:
    return CachedRecord.of(record, at)


def test_a_later_version_replaces_an_earlier_one_whenever_it_was_read() -> None:
    second = client(1, version=2)
    assert merge_record(known(DETAIL, 5), second, 4) == known(second, 4)
    assert merge_record(known(second, 4), DETAIL, 5) == known(second, 4)


def test_two_readings_of_one_version_are_one_record_as_young_as_the_later() -> None:
    assert merge_record(known(DETAIL, 1), ROW, 5) == known(DETAIL, 5)
    assert merge_record(known(ROW, 1), DETAIL, 5) == known(DETAIL, 5)
    assert merge_record(known(ROW, 5), DETAIL, 1) == known(DETAIL, 5)


def test_an_agreeing_row_without_a_version_vouches_for_its_own_fields_only() -> None:
    merged = merge_record(known(DETAIL, 1), BARE, 5)

    assert merged == CachedRecord.of(DETAIL, 5, present_fields(BARE), 1)
    assert isinstance(merged, CachedRecord)
    email, notes = frozenset({"email"}), frozenset({"notes"})
    assert (merged.since(1), merged.since(2)) == (DETAIL, BARE)
    assert [merged.as_of(email, 1), merged.as_of(notes, 1), merged.as_of(notes, 2)] == [5, 1, 5]
    assert merged.as_of(email, 6) is None
    assert [merged.has(notes, 1), merged.has(notes, 2)] == [True, False]


def test_a_disagreeing_row_without_a_version_is_right_if_it_was_sent_later() -> None:
    other = replace(BARE, email="new@example.org")
    assert merge_record(known(DETAIL, 1), other, 5) == known(other, 5)
    assert merge_record(known(DETAIL, 5), other, 1) == known(DETAIL, 5)


def test_an_absence_holds_against_earlier_readings() -> None:
    assert merge_record(Tombstone(5), ROW, 4) == Tombstone(5)
    assert merge_record(Tombstone(5), ROW, 6) == known(ROW, 6)


def test_a_field_that_made_no_sense_is_reported_but_hides_no_value_read_later() -> None:
    odd = replace(ROW, email=UNSET, malformed=frozenset({"email"}))
    assert "email" in present_fields(odd)
    assert merge_record(known(odd, 1), DETAIL, 2) == known(DETAIL, 2)
    assert merge_record(known(DETAIL, 1), odd, 2) == known(
        replace(DETAIL, email=UNSET, malformed=frozenset({"email"})), 2
    )


VALUES = st.sampled_from([UNSET, None, "a", "b"])
RECORDS = st.builds(
    ClientRecord,
    id=st.just("1"),
    email=VALUES,
    notes=VALUES,
    version=st.sampled_from([UNSET, 1, 2, 3]),
    complete=st.booleans(),
)


@given(st.lists(st.tuples(RECORDS, st.integers(0, 9)), min_size=1, max_size=8))
def test_versions_never_go_back_and_nothing_is_younger_than_it_was_read(
    readings: list[tuple[ClientRecord, int]],
) -> None:
    now: CachedRecord | Tombstone | None = None
    version = 0
    for count, (record, at) in enumerate(readings, 1):
        now = merge_record(now, record, at)
        assert isinstance(now, CachedRecord)
        assert now.other_fields_at <= now.at <= max(at for _, at in readings[:count])
        assert now.fields_at <= FIELDS
        if isinstance(now.record.version, int):
            newest = now.record.version
            assert newest >= version or any(one.version is UNSET for one, _ in readings[:count])
            version = newest


def test_a_filter_is_decided_only_where_its_meaning_and_the_field_are_known() -> None:
    buyers, active = ClientFilter(client_type="buyer"), ClientFilter(status="active")
    both = client(2)

    assert both.client_type == "both"
    assert [matches(buyers, both, meaning) for meaning in (None, "exact", "includes_both")] == [
        None,
        False,
        True,
    ]
    assert [
        can_evaluate(buyers, None),
        can_evaluate(buyers, "exact"),
        can_evaluate(active, None),
    ] == [
        False,
        True,
        True,
    ]
    assert matches(active, client(1), None) is True
    assert matches(active, client(2), None) is False
    assert matches(active, client(1, status=UNSET), None) is None
    assert matches(active, client(1, status=None), None) is False
