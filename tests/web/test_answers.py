import pytest

from gateway.web.response import entity_tag, etag_matches, max_age_of
from schema.source.request_context import Receipt


@pytest.mark.parametrize(
    ("receipt", "seconds"),
    [
        (Receipt(calls=1), 29),
        (Receipt(oldest_seconds=0.2), 29),
        (Receipt(oldest_seconds=10), 19),
        (Receipt(oldest_seconds=29.9), 0),
        (Receipt(oldest_seconds=31), 0),
        (Receipt(oldest_seconds=10, stale=True), None),
        (Receipt(drift=True), None),
    ],
)
def test_an_answer_is_kept_no_longer_than_its_oldest_part_stays_fresh(
    receipt: Receipt, seconds: int | None
) -> None:
    assert max_age_of(receipt, fresh=29.8) == seconds


def test_the_same_data_has_the_same_name_in_one_media_type() -> None:
    assert entity_tag({"a": 1}, "x/y") == entity_tag({"a": 1}, "x/y")
    assert (
        len({entity_tag({"a": 1}, "x/y"), entity_tag({"a": 2}, "x/y"), entity_tag({"a": 1}, "x/z")})
        == 3
    )


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ('W/"a"', True),
        ('"a"', True),
        ('"b", W/"a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
        ("", False),
        ('"*"', False),
    ],
)
def test_entity_tags_are_compared_weakly(condition: str, known: bool) -> None:  # noqa: FBT001
    assert etag_matches(condition, 'W/"a"') is known
