"""Functions written for one selection, and what they refuse to tell."""

from __future__ import annotations

import re

import pytest

from schema.execution.compiler.codegen import (
    EDGES_TEMPLATE,
    RECORD_TEMPLATE,
    Fallback,
    FieldExpression,
    generate,
)
from schema.execution.compiler.encoders import ID, ROW
from schema.source.records import Anchor, ClientRecord
from schema.types.client_connection import LazyEdges, MixedEdges, cursor_of
from schema.types.cursors import decode_cursor, mark_of

ADA = ClientRecord(id="00000000-0000-4000-8000-000000000001", first_name="Ada")
ENCODED = {"id": ADA.id, "what": "Client"}
COLUMNS = {"id": ID, "what": FieldExpression("{0}", ("Client",))}


def test_a_function_tells_records_under_the_keys_of_the_answer() -> None:
    tell = generate(RECORD_TEMPLATE, {"id": ID, "what": FieldExpression("{0}", ("Client",))})

    assert tell(ADA) == ENCODED


def test_a_function_tells_rows_with_their_places() -> None:
    columns = {
        "at": FieldExpression("edges.begin + place"),
        "name": FieldExpression("{0}(record.first_name)", (str.upper,)),
    }

    assert generate(EDGES_TEMPLATE, columns)(LazyEdges([ADA, ADA], 7)) == [
        {"at": 7, "name": "ADA"},
        {"at": 8, "name": "ADA"},
    ]


def test_a_value_that_is_unusual_is_refused() -> None:
    tell = generate(RECORD_TEMPLATE, {"id": ID})

    with pytest.raises(Fallback):
        tell(ClientRecord(id=7))  # type: ignore[arg-type]  # as no API should tell it


@pytest.mark.parametrize("key", ["", "a b", "1a", "a'", "a: unusual(), 'b", "é"])
def test_no_function_is_written_for_a_key_that_is_no_name(key: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(key)}$"):
        generate(RECORD_TEMPLATE, {key: ID})


def test_rows_are_left_to_graphql_core_where_one_has_no_client() -> None:
    encode = generate(
        EDGES_TEMPLATE, {"node": FieldExpression(ROW, (generate(RECORD_TEMPLATE, COLUMNS),))}
    )

    assert encode(LazyEdges([ADA], 0)) == [{"node": ENCODED}]
    with pytest.raises(Fallback):
        encode(MixedEdges([ADA], 0))


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
