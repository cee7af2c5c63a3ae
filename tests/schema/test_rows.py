"""Functions written for one selection, and what they refuse to tell."""

from __future__ import annotations

import re

import pytest

from schema.execution.compiler.codegen import EDGES, RECORD, Fallback, FieldExpression, generate
from schema.execution.compiler.columns import ID, typename
from schema.execution.compiler.record_encoder import RecordEncoder, RecordEncoders
from schema.source.records import Anchor, ClientRecord
from schema.types.client_connection import LazyEdges, cursor_of
from schema.types.cursors import decode_cursor, mark_of

ADA = ClientRecord(id="00000000-0000-4000-8000-000000000001", first_name="Ada")
ENCODED = {"id": ADA.id, "what": "Client"}
COLUMNS = {"id": ID, "__typename": typename("Client")}


def tells(row: RecordEncoder, record: ClientRecord) -> bool:
    try:
        row.encode(record)
    except Fallback:
        return False
    return True


def test_a_function_tells_records_under_the_keys_of_the_answer() -> None:
    tell = generate(RECORD, {"id": ID, "what": typename("Client")})

    assert tell(ADA) == ENCODED


def test_a_function_tells_rows_with_their_places() -> None:
    columns = {
        "at": FieldExpression("edges.begin + place"),
        "name": FieldExpression("{own}(record.first_name)", str.upper),
    }

    assert generate(EDGES, columns)(LazyEdges([ADA, ADA], 7)) == [
        {"at": 7, "name": "ADA"},
        {"at": 8, "name": "ADA"},
    ]


def test_a_value_that_is_unusual_is_refused() -> None:
    tell = generate(RECORD, {"id": ID})

    with pytest.raises(Fallback):
        tell(ClientRecord(id=7))  # type: ignore[arg-type]  # as no API should tell it


@pytest.mark.parametrize("key", ["", "a b", "1a", "a'", "a: unusual(), 'b", "é"])
def test_no_function_is_written_for_a_key_that_is_no_name(key: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(key)}$"):
        generate(RECORD, {key: ID})


def test_a_function_is_written_for_what_is_encoded_often() -> None:
    row = RecordEncoders().of({"id": "id"}, COLUMNS.__getitem__)

    assert [tells(row, ADA) for _ in range(10)] == [False] * 8 + [True] * 2


def test_what_shows_the_same_is_written_once() -> None:
    rows = RecordEncoders()
    one = rows.of({"id": "id", "what": "__typename"}, COLUMNS.__getitem__)

    assert rows.of({"id": "id", "what": "__typename"}, COLUMNS.__getitem__) is one
    assert rows.of({"what": "__typename", "id": "id"}, COLUMNS.__getitem__) is not one


def test_rows_are_forgotten_the_longest_unused_first() -> None:
    rows = RecordEncoders()
    first, second = (rows.of({key: "id"}, COLUMNS.__getitem__) for key in ("a", "b"))
    for number in range(10):
        rows.of({f"k{number}" + "y" * 60_000: "id"}, COLUMNS.__getitem__)
    assert rows.of({"a": "id"}, COLUMNS.__getitem__) is first
    for number in range(3):
        rows.of({f"l{number}" + "y" * 60_000: "id"}, COLUMNS.__getitem__)

    assert rows.of({"a": "id"}, COLUMNS.__getitem__) is first
    assert rows.of({"b": "id"}, COLUMNS.__getitem__) is not second


def test_a_page_knows_its_rows_places_and_its_ends() -> None:
    edges = LazyEdges([ADA, ADA, ADA], 5, 9, (("before",), ("after", "further")))
    anchors = [decode_cursor(cursor_of(edges, edge.place), "after") for edge in edges]

    ada, before, after, further = map(mark_of, (ADA.id, "before", "after", "further"))
    assert anchors == [
        Anchor(5, ADA.id, 9, (before,), (ada, ada, after, further)),
        Anchor(6, ADA.id, 9, (ada, before), (ada, after, further)),
        Anchor(7, ADA.id, 9, (ada, ada, before), (after, further)),
    ]
    ends = [decode_cursor(str(edges.cursor(place)), "before") for place in (0, -1)]
    assert ends == [anchors[0], anchors[2]]
    assert (LazyEdges([], 5).cursor(0), LazyEdges([], 5).cursor(-1)) == (None, None)
