"""Requests and answers made cheaply are httpx's own to everybody who asks."""

import httpx
import pytest

from gateway.transport.messages import Headers, Request, Response
from gateway.transport.serializer import HeaderBlock, RequestTarget

FIELDS = [(b"content-type", b"application/json"), (b"x-a", b"1"), (b"x-a", b"2")]
REQUEST = httpx.Request("GET", "http://api.test/")


def test_an_answer_reads_as_httpxs_own() -> None:
    ours = Response(404, FIELDS, b'{"a": 1}', REQUEST)
    theirs = httpx.Response(404, headers=FIELDS, content=b'{"a": 1}', request=REQUEST)
    del theirs.headers["content-length"]

    def everything(answer: httpx.Response) -> tuple[object, ...]:
        return (
            answer.status_code,
            answer.headers,
            answer.headers.raw,
            answer.headers.get_list("X-A"),
            "x-a" in answer.headers,
            answer.content,
            answer.read(),
            answer.text,
            answer.json(),
            answer.encoding,
            answer.reason_phrase,
            answer.is_client_error,
            answer.is_closed,
            answer.request,
            answer.url,
            answer.history,
            answer.extensions,
            answer.num_bytes_downloaded,
            repr(answer),
        )

    assert everything(ours) == (*everything(theirs)[:-2], 0, repr(theirs))


async def test_an_answer_passes_through_httpxs_client() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return Response(200, FIELDS, b"{}", request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        response = await client.get("http://api.test/")

    assert (response.status_code, response.json(), response.headers["x-a"]) == (200, {}, "1, 2")


async def test_a_request_passes_through_httpxs_transports() -> None:
    address = RequestTarget("http://api.test/v1/clients?page=1")
    request = Request("POST", address, HeaderBlock(FIELDS[0]), {}, b'{"a": 1}')

    def answer(received: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json=[received.url.path, received.url.query.decode(), received.method]
        )

    response = await httpx.MockTransport(answer).handle_async_request(request)
    assert response.json() == ["/v1/clients", "page=1", "POST"]
    assert dict(request.headers) == {
        "host": "api.test",
        "content-type": "application/json",
        "content-length": "8",
    }


@pytest.mark.parametrize("looked", [False, True])
def test_headers_that_are_changed_are_changed(*, looked: bool) -> None:
    headers = Headers(FIELDS)
    if looked:
        assert headers["X-A"] == "1, 2"
    headers["X-A"] = "3"
    del headers["Content-Type"]

    assert headers.raw == [(b"X-A", b"3")]
    assert FIELDS[1] == (b"x-a", b"1")
