"""A record that was packed is the record that was read."""

from typing import Any, get_type_hints

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from gateway.cache.packed import pack
from gateway.cache.store.entity import CachedRecord
from schema.source.records import FIELDS, ClientRecord
from tests.cache.scripted import uuid, whole_row

NAMES = sorted(FIELDS - {"id"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
MONEY = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int | float | str: MONEY,
    int: st.integers(),
    bool: st.booleans(),
    str: st.text(),
    tuple[str, ...]: st.lists(st.text(), max_size=3).map(tuple),
    dict[str, Any]: st.dictionaries(st.text(), JSON, max_size=3),
}


def of_field(name: str) -> st.SearchStrategy[Any]:
    hint = get_type_hints(ClientRecord)[name]
    [values] = [found for type, found in VALUES.items() if hint == type | msgspec.UnsetType | None]
    return st.just(UNSET) | st.none() | values


RECORDS = st.builds(
    ClientRecord,
    id=st.just(uuid(1)),
    malformed=st.frozensets(st.sampled_from(NAMES), max_size=3),
    complete=st.booleans(),
    **{name: of_field(name) for name in NAMES},
)


@given(RECORDS)
def test_a_record_is_unpacked_as_it_was(record: ClientRecord) -> None:
    packed = CachedRecord.of(record, 0)

    assert packed.record == record
    assert msgspec.json.encode(packed.record) == msgspec.json.encode(record)
    present = {name for name in FIELDS if getattr(record, name) is not UNSET}
    assert packed.fields_at == (FIELDS if record.complete else present | record.malformed)


def test_a_row_takes_two_thirds_of_its_json() -> None:
    row = whole_row(1, 1)
    (shape, values), (same, _) = pack(row), pack(whole_row(2, 2))

    assert len(values) < 2 / 3 * len(msgspec.json.encode(row))
    assert shape is same
