"""A row of a cached list is its record, and is encoded once for each selection."""

from typing import Any
from weakref import ref

import orjson
import pytest

from gateway.cache.read.cached_row import CachedRow, decoded, encoded_rows, rows_of
from gateway.cache.store.entity import CachedRecord
from schema.source.records import ClientRecord, Page

ADA = ClientRecord(id="1", first_name="Ada", email="ada@example.com")


class Encoder:
    """Encodes a record's name, and keeps which records it was called with."""

    def __init__(self) -> None:
        self.seen: list[ClientRecord] = []

    def __call__(self, record: ClientRecord) -> dict[str, Any]:
        self.seen.append(record)
        return {"name": record.first_name}


def test_a_row_stands_for_its_record() -> None:
    row = CachedRow(CachedRecord.of(ADA, 0), encoded_rows())

    assert (row.id, row.unreadable, row.first_name) == ("1", False, "Ada")
    assert row == ADA
    assert rows_of([CachedRecord.of(ADA, 5)], 0, encoded_rows()) == (ADA,)
    [record] = decoded(Page(0, (row,), 1)).records  # type: ignore[arg-type]  # in its place
    assert type(record) is ClientRecord


def test_equal_rows_are_encoded_once_for_each_selection() -> None:
    encoded, by_name, others = encoded_rows(), Encoder(), Encoder()

    for entry in (CachedRecord.of(ADA, 0), CachedRecord.of(ADA, 1)):
        shown = CachedRow(entry, encoded).encoded(by_name)
        assert orjson.loads(orjson.dumps([shown])) == [{"name": "Ada"}]
    CachedRow(CachedRecord.of(ADA, 0), encoded).encoded(others)

    assert (by_name.seen, others.seen) == ([ADA], [ADA])


def test_encoded_rows_keep_no_selection_whose_document_is_forgotten() -> None:
    encoded, encode = encoded_rows(), Encoder()
    CachedRow(CachedRecord.of(ADA, 0), encoded).encoded(encode)
    forgotten = ref(encode)

    del encode

    assert forgotten() is None
    assert encoded.size > 0


@pytest.mark.parametrize(
    "other",
    [
        ClientRecord(id="2", first_name="Ada", email="ada@example.com"),
        ClientRecord(id="1", first_name="Eve", email="ada@example.com"),
        ClientRecord(id="1", last_name="Ada", email="ada@example.com"),
        ClientRecord(id="1", first_name="Ada", email="ada@example.com", complete=True),
    ],
)
def test_another_record_is_encoded_by_itself(other: ClientRecord) -> None:
    encoded, encode = encoded_rows(), Encoder()

    for record in (ADA, other):
        CachedRow(CachedRecord.of(record, 0), encoded).encoded(encode)

    assert encode.seen == [ADA, other]


def test_what_json_has_no_form_for_is_left_to_the_whole_answer() -> None:
    row = CachedRow(CachedRecord.of(ADA, 0), encoded_rows())

    assert row.encoded(lambda _: 2**70) == 2**70
