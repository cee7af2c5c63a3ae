import pytest

from gateway.web.protocol.cache_control import parse_cache_control
from gateway.web.protocol.negotiation import (
    GRAPHQL,
    JSON,
    Coding,
    answer_coding,
    negotiate,
    prefers_html,
)
from schema.source.request_context import CacheDirectives


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
        ("application/json;q=0.000, text/html", None),
        ("application/*;q=0, application/json;q=0.1", JSON),
        ("application/graphql-response+json;q=nan, application/json;q=0.1", JSON),
        ("application/graphql-response+json;q=inf, application/json;q=0.1", JSON),
        (
            "application/graphql-response+json; charset=utf-8; Q=0.9, application/json;q=0.8",
            GRAPHQL,
        ),
        (",,application/graphql-response+json,,", GRAPHQL),
        (",", None),
    ],
)
def test_the_answer_takes_the_type_the_client_wants_most(
    accept: str | None, media_type: str | None
) -> None:
    assert negotiate(accept) == media_type


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        (None, Coding.IDENTITY),
        ("", Coding.IDENTITY),
        ("identity", Coding.IDENTITY),
        ("gzip", Coding.GZIP),
        ("GZIP;q=0.1", Coding.GZIP),
        ("x-gzip", Coding.GZIP),
        ("*", Coding.GZIP),
        ("gzip, deflate, br, zstd", Coding.GZIP),
        ("br, zstd", Coding.IDENTITY),
        ("gzip;q=0", Coding.IDENTITY),
        ("gzip;q=0, *", Coding.IDENTITY),
        ("gzip;q=0.5, identity", Coding.IDENTITY),
        ("gzip;q=0.5, identity;q=0.5", Coding.GZIP),
        ("gzip, identity;q=0", Coding.GZIP_ONLY),
        ("gzip, *;q=0", Coding.GZIP_ONLY),
        ("*;q=0, gzip;q=0.001", Coding.GZIP_ONLY),
        ("identity;q=0", Coding.NONE),
        ("*;q=0", Coding.NONE),
        ("br, identity;q=0", Coding.NONE),
        ("*;q=0, identity;q=0.5", Coding.IDENTITY),
        ("gzip;q=1.5", Coding.GZIP),
        ("gzip;q=-1", Coding.IDENTITY),
    ],
)
def test_the_answer_is_encoded_as_the_client_takes_it(
    accept_encoding: str | None, coding: Coding
) -> None:
    assert answer_coding(accept_encoding) is coding


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
    assert prefers_html(accept) is page


@pytest.mark.parametrize(
    ("header", "freshness"),
    [
        (None, CacheDirectives()),
        ("no-cache", CacheDirectives(no_cache=True)),
        ("only-if-cached, max-stale", CacheDirectives(only_if_cached=True, max_stale=2**31)),
        ("max-age=30, max-stale=60", CacheDirectives(max_age=30, max_stale=60)),
        ('Max-Age="5"', CacheDirectives(max_age=5)),
        ("max-age=-1, max-age=soon, banana", CacheDirectives()),
    ],
)
def test_cache_control_says_how_old_an_answer_may_be(
    header: str | None, freshness: CacheDirectives
) -> None:
    assert parse_cache_control(header) == freshness
