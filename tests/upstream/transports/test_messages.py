"""Requests and responses hold their parts, and show none of what is a caller's."""

import pytest

from gateway.transport.messages import Headers, Response

FIELDS = [(b"content-type", b"application/json"), (b"x-a", b"1"), (b"x-a", b"2")]


def test_the_values_of_a_header_are_joined() -> None:
    headers = Headers(FIELDS)

    assert headers.get("content-type") == "application/json"
    assert headers.get("x-a") == "1, 2"
    assert (headers.get("x-b"), headers.get("x-b", "none")) == ("", "none")


@pytest.mark.parametrize(
    ("status", "success", "server_error"),
    [
        (199, False, False),
        (200, True, False),
        (299, True, False),
        (300, False, False),
        (404, False, False),
        (499, False, False),
        (500, False, True),
        (599, False, True),
        (600, False, False),
    ],
)
def test_a_status_is_of_one_class(status: int, *, success: bool, server_error: bool) -> None:
    response = Response(status, Headers([]), b"")

    assert (response.is_success, response.is_server_error) == (success, server_error)


def test_a_response_is_printed_without_what_it_holds() -> None:
    assert repr(Response(200, Headers(FIELDS), b"secret")) == "Response(status_code=200)"
