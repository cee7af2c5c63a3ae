import pytest

from gateway.web.freshness import freshness_of
from gateway.web.negotiation import GRAPHQL, JSON, answer_type, wants_page
from schema.operation import Freshness


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
        ("application/json, application/graphql-response+json;q=0.5", JSON),
        ("application/graphql-response+json;q=0, application/json", JSON),
        ("Application/GraphQL-Response+JSON", GRAPHQL),
        ("text/html", None),
        ("application/json;q=0", None),
    ],
)
def test_the_answer_takes_the_type_the_client_wants_most(
    accept: str | None, media_type: str | None
) -> None:
    assert answer_type(accept) == media_type


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("*/*", False),
        (None, False),
        ("application/json, text/html;q=0.5", False),
    ],
)
def test_only_a_browser_is_shown_a_page(accept: str | None, page: bool) -> None:  # noqa: FBT001
    assert wants_page(accept) is page


@pytest.mark.parametrize(
    ("header", "freshness"),
    [
        (None, Freshness()),
        ("no-cache", Freshness(no_cache=True)),
        ("only-if-cached, max-stale", Freshness(only_if_cached=True, max_stale=2**31)),
        ("max-age=30, max-stale=60", Freshness(max_age=30, max_stale=60)),
        ('Max-Age="5"', Freshness(max_age=5)),
        ("max-age=-1, max-age=soon, banana", Freshness()),
    ],
)
def test_cache_control_says_how_old_an_answer_may_be(
    header: str | None, freshness: Freshness
) -> None:
    assert freshness_of(header) == freshness
