"""Windows out of pages: true rows at true places, or none, whatever the API does with ranges."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.api.lists.joining import join_pages, place_of, to_page
from gateway.api.lists.pagination import PageRequest, call_count, plan_pages
from gateway.api.lists.response import ListResponse, Meta
from gateway.transport.errors import ReadTimeout
from gateway.transport.messages import Request, Response
from schema.source.errors import Forbidden, Unavailable
from schema.source.records import FIELDS, ClientFilter, ClientRecord, Page, Window
from schema.source.request_context import Priority, RequestContext
from tests.clockwork import VIRTUAL
from tests.upstream.rest.conftest import Answer, Scripted, asking, reply, source
from tests.wires import page_of

REFUSAL = {"success": False, "error": {"code": "ANY", "message": "m"}}
ALL = ClientFilter()


def row(place: int) -> dict[str, str]:
    return {"id": f"00000000-0000-4000-8000-{place:012d}"}


def records(begin: int, end: int) -> tuple[ClientRecord, ...]:
    return tuple(ClientRecord(id=row(place)["id"]) for place in range(begin, end))


def page_request(request: Request[Any]) -> PageRequest:
    return PageRequest(*page_of(request))


def listing(begin: int, end: int, total: int, read: PageRequest) -> Response:
    meta = {"page": read.page, "limit": read.limit, "total": total}
    rows = [row(place) for place in range(begin, end)]
    return reply(200, {"success": True, "data": {"clients": rows, "meta": meta}})


def collection(
    total: int, clamped: Callable[[PageRequest], PageRequest] = lambda read: read
) -> Callable[[Request[Any]], Response]:
    def answer(request: Request[Any]) -> Response:
        read = clamped(page_request(request))
        return listing(read.offset, min(total, read.offset + read.limit), total, read)

    return answer


def wanted(window: Window, total: int) -> tuple[int, int]:
    if window.from_end:
        stop = max(0, total - window.offset)
        return max(0, stop - window.limit), stop
    return min(window.offset, total), min(window.offset + window.limit, total)


def run(wire: Scripted, window: Window) -> Page:
    async def read() -> Page:
        return await source(wire).read_page(asking(), ALL, window, FIELDS)

    backend, options = VIRTUAL
    return anyio.run(read, backend=backend, backend_options=dict(options))


windows = st.builds(Window, st.integers(0, 400), st.integers(0, 260), st.booleans())


@given(windows, st.integers(0, 400))
def test_a_window_tells_exactly_its_rows_of_any_collection(window: Window, total: int) -> None:
    page = run(Scripted(collection(total)), window)

    begin, end = wanted(window, total)
    assert page.total == total
    if begin < end:
        assert page.offset <= begin
        first = begin - page.offset
        assert page.records[first : first + end - begin] == records(begin, end)
    ids = [record.id for record in page.records]
    assert ids == [one.id for one in records(page.offset, page.offset + len(ids))]


@given(windows.filter(lambda window: window.limit <= 50 or not window.from_end))
def test_a_window_never_costs_more_than_its_price(window: Window) -> None:
    wire = Scripted(collection(400))

    run(wire, window)

    assert len(wire.calls) <= call_count(window) == source(wire).page_cost(window)


@given(windows, st.integers(0, 400), st.integers(1, 100))
@example(Window(27, 95), 67, 46)
def test_an_api_that_clamps_tells_true_rows_or_is_refused(
    window: Window, total: int, most: int
) -> None:
    def clamped(read: PageRequest) -> PageRequest:
        limit = min(read.limit, most)
        return PageRequest(min(read.page, max(1, -(-total // limit))), limit)

    try:
        page = run(Scripted(collection(total, clamped)), window)
    except Unavailable:
        return

    begin, end = wanted(window, total)
    first = max(0, begin - page.offset)
    assert page.records[first : first + end - begin] == records(begin, end)


def test_no_rows_from_the_end_cost_one_small_read() -> None:
    wire = Scripted(collection(250))

    page = run(wire, Window(0, 0, from_end=True))

    assert (wire.calls, page.total) == (["GET /clients?page=1&limit=1"], 250)


def test_an_offset_counts_back_from_the_end() -> None:
    wire = Scripted(collection(250))

    page = run(wire, Window(10, 5, from_end=True))

    assert wire.calls == ["GET /clients?page=1&limit=100", "GET /clients?page=48&limit=5"]
    assert page == Page(235, records(235, 240), 250)


def test_what_was_read_to_find_the_end_is_kept_where_the_end_adjoins_it() -> None:
    page = run(Scripted(collection(110)), Window(0, 30, from_end=True))

    assert page == Page(0, records(0, 110), 110)


@pytest.mark.parametrize("page", ["1", 1.0])
async def test_numbers_sent_as_text_are_numbers_still(
    operation: RequestContext, page: object
) -> None:
    meta = {"page": page, "limit": "25", "total": "1"}
    body = {"success": True, "data": {"clients": [row(0)], "meta": meta}}

    read = await source(Scripted(lambda _: reply(200, body))).read_page(
        operation, ALL, Window(0, 25), FIELDS
    )

    assert read == Page(0, records(0, 1), 1)


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {"page": 1, "limit": 25},
        {"page": 1, "limit": 25, "total": -1},
        {"page": 1, "limit": 25, "total": 1.5},
        {"page": "one", "limit": 25, "total": None},
        {"page": 0, "limit": 0, "total": "many"},
    ],
)
async def test_rows_that_come_without_a_count_are_returned_and_counted(
    operation: RequestContext, meta: object
) -> None:
    body = {"success": True, "data": {"clients": [row(0)], "meta": meta}}

    page = await source(Scripted(lambda _: reply(200, body))).read_page(
        operation, ALL, Window(0, 25), FIELDS
    )

    assert (page, operation.receipt.drift) == (Page(0, records(0, 1), 1), True)


async def test_a_list_that_is_not_there_is_no_missing_client(operation: RequestContext) -> None:
    with pytest.raises(Unavailable, match="at this address"):
        await source(Scripted(lambda _: reply(404, REFUSAL))).read_page(
            operation, ALL, Window(0, 25), FIELDS
        )


async def test_a_filters_value_cannot_add_a_parameter(operation: RequestContext) -> None:
    wire = Scripted(collection(0))

    await source(wire).read_page(operation, ClientFilter(status="a&limit=9"), Window(0, 5), FIELDS)

    assert wire.calls == ["GET /clients?page=1&limit=5&status=a%26limit%3D9"]


class LateFirstPage(Scripted):
    """Answers the first page last, when the collection has lost a row."""

    async def handle(self, request: Request[Any]) -> Response:
        if page_request(request).page == 1:
            await asyncio.sleep(1)
        return await super().handle(request)


async def test_the_newest_total_is_returned_and_that_it_moved(operation: RequestContext) -> None:
    def answer(request: Request[Any]) -> Response:
        read = page_request(request)
        total = 299 if read.page == 1 else 300
        return listing(read.offset, read.offset + read.limit, total, read)

    page = await source(LateFirstPage(answer)).read_page(operation, ALL, Window(0, 200), FIELDS)

    assert (page.total, operation.receipt.drift) == (299, True)


async def test_a_page_that_came_short_before_another_is_drift(operation: RequestContext) -> None:
    def answer(request: Request[Any]) -> Response:
        read = page_request(request)
        return listing(read.offset + (read.page == 1), read.offset + read.limit, 300, read)

    await source(Scripted(answer)).read_page(operation, ALL, Window(0, 200), FIELDS)

    assert operation.receipt.drift is True


async def test_rows_that_hold_still_are_no_drift(operation: RequestContext) -> None:
    await source(Scripted(collection(250))).read_page(operation, ALL, Window(0, 260), FIELDS)

    assert operation.receipt.drift is False


@dataclass
class OneAtATime(Scripted):
    """Lets one request out at a time, as a budget does."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def handle(self, request: Request[Any]) -> Response:
        async with self.turn:
            return await super().handle(request)


async def test_when_one_page_fails_those_still_waiting_are_not_sent(
    operation: RequestContext,
) -> None:
    wire = OneAtATime(lambda _: reply(403, REFUSAL))

    with pytest.raises(Forbidden):
        await source(wire).read_page(operation, ALL, Window(0, 1000), FIELDS)
    await asyncio.sleep(10)

    assert len(wire.calls) <= 2, "the next in line may have left while the first came back"


async def test_no_ids_cost_no_call(operation: RequestContext) -> None:
    def unasked(_: Request[Any]) -> Answer:
        raise AssertionError

    wire = Scripted(unasked)

    assert await source(wire).fetch(operation, [], FIELDS, Priority.ENTITIES) == []
    assert wire.calls == []


def test_pages_that_overlap_are_joined_without_drift() -> None:
    pages = Page(0, records(0, 100), 110), Page(90, records(90, 110), 110)

    assert join_pages(pages, pages[1]) == (Page(0, records(0, 110), 110), False)


def test_a_larger_page_than_requested_is_cut_to_what_was_requested() -> None:
    response = ListResponse(list(records(0, 100)), Meta(1, 100, 110))
    read = PageRequest(2, 10)
    place = place_of(read, response)

    assert place == PageRequest(1, 100)
    assert to_page(read, place, response).page == Page(10, records(10, 20), 110)


@given(st.integers(0, 5_000), st.integers(1, 100))
def test_the_single_call_that_suffices_is_the_smallest(offset: int, limit: int) -> None:
    enough = [size for size in range(limit, 101) if offset // size == (offset + limit - 1) // size]

    reads = plan_pages(offset, limit)

    if enough:
        assert reads == (PageRequest(offset // enough[0] + 1, enough[0]),)
    else:
        assert len(reads) > 1


def needing(begin: int, limit: int) -> Window:
    """A full page of which so many rows were requested."""
    return Window(0, 100, needed=Window(begin, limit))


async def test_what_is_too_slow_in_full_is_read_as_it_was_requested(
    operation: RequestContext,
) -> None:
    def answer(request: Request[Any]) -> Response | Exception:
        read = page_request(request)
        if read.limit > 60:
            return ReadTimeout("x")
        return listing(read.offset, read.offset + read.limit, 400, read)

    wire = Scripted(answer)
    rest = source(wire)

    first = await rest.read_page(operation, ALL, needing(25, 25), FIELDS)
    second = await rest.read_page(operation, ALL, needing(50, 25), FIELDS)
    third = await rest.read_page(operation, ALL, Window(0, 100), FIELDS)

    assert first == Page(25, records(25, 50), 400)
    assert second == Page(50, records(50, 75), 400)
    assert third == Page(0, records(0, 100), 400)
    assert wire.calls == [
        "GET /clients?page=1&limit=100",
        "GET /clients?page=2&limit=25",
        "GET /clients?page=3&limit=25",
        "GET /clients?page=1&limit=50",
        "GET /clients?page=2&limit=50",
    ]
    assert operation.receipt.drift


async def test_what_is_refused_at_every_size_is_refused(operation: RequestContext) -> None:
    body = {"success": False, "error": {"code": "VALIDATION_ERROR", "message": "No such filter."}}
    wire = Scripted(lambda _: reply(400, body))

    with pytest.raises(Unavailable) as refused:
        await source(wire).read_page(operation, ClientFilter(status="x"), needing(0, 25), FIELDS)

    assert refused.value.code == "UPSTREAM_BAD_RESPONSE"
    assert wire.calls == [
        "GET /clients?page=1&limit=100&status=x",
        "GET /clients?page=1&limit=50&status=x",
        "GET /clients?page=1&limit=25&status=x",
    ]


@pytest.mark.parametrize("most", [1, 7, 20, 25, 40, 99])
async def test_any_limit_that_the_api_names_is_found(operation: RequestContext, most: int) -> None:
    def answer(request: Request[Any]) -> Response:
        read = page_request(request)
        if read.limit > most:
            error = {"code": "VALIDATION_ERROR", "message": "limit is too large"}
            return reply(400, {"success": False, "error": error})
        return listing(read.offset, min(400, read.offset + read.limit), 400, read)

    wire = Scripted(answer)
    rest = source(wire)

    page = await rest.read_page(operation, ALL, needing(0, 10), FIELDS)
    spent = len(wire.calls)
    again = await rest.read_page(operation, ALL, needing(10, 10), FIELDS)

    assert page.records[:10] == records(0, 10)
    assert again.records[10 - again.offset :][:10] == records(10, 20)
    assert spent <= 6 + -(-10 // most)
    assert len(wire.calls) - spent <= -(-10 // min(most, 10)) + 1
