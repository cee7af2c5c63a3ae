from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.source.errors import InvalidInput
from schema.source.records import Anchor
from schema.types.cursors import Cursor, decode_cursor

ANCHOR = "a3f8c1d2-6b4e-4a9f-8d27-95c0e3b1f684"


@given(st.integers(min_value=0, max_value=10**9), st.uuids())
def test_a_cursor_leads_back_to_its_index(index: int, anchor: object) -> None:
    cursor = Cursor(index, str(anchor), 7, b"far_near", b"next")

    assert decode_cursor(str(cursor), "after") == Anchor(
        index, str(anchor), 7, (b"near", b"far_"), (b"next",)
    )


@given(st.text(max_size=80))
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="`after` is not a cursor"):
        decode_cursor(text, "after")


HEAD = b"\x02" + bytes(8) + bytes(16)


@pytest.mark.parametrize(
    "inside",
    [
        b"",
        b"1:0:" + ANCHOR.encode(),
        b"\x01" + HEAD[1:] + b"\x00",
        HEAD,
        HEAD + b"\x00abc",
        HEAD + b"\x02abcd",
        b"\x03" + bytes(15),
    ],
)
def test_a_cursor_of_another_make_is_refused(inside: bytes) -> None:
    text = urlsafe_b64encode(inside).decode().rstrip("=")

    with pytest.raises(InvalidInput, match="`before` is not a cursor"):
        decode_cursor(text, "before")


def test_a_mutations_cursor_marks_no_place_and_says_so() -> None:
    with pytest.raises(InvalidInput, match="came from a mutation's edge"):
        decode_cursor(str(Cursor(None, ANCHOR)), "after")
