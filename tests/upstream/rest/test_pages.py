from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.lists.pagination import PageRequest, plan_pages
from gateway.transport.messages import Request, Response
from schema.source.errors import Unavailable
from schema.source.records import FIELDS, ClientFilter, Window
from schema.source.request_context import RequestContext
from tests.upstream.rest.conftest import Scripted, reply, source
from tests.wires import page_of


def rows(begin: int, end: int) -> list[dict[str, str]]:
    return [{"id": f"00000000-0000-4000-8000-{place:012d}"} for place in range(begin, end)]


def collection(total: int) -> Scripted:
    def answer(request: Request[Any]) -> Response:
        page, limit = page_of(request)
        found = rows((page - 1) * limit, min(total, page * limit))
        meta = {"page": page, "limit": limit, "total": total}
        return reply(200, {"success": True, "data": {"clients": found, "meta": meta}})

    return Scripted(answer)


def fewest(offset: int, limit: int) -> int:
    """What trying every page size finds."""
    return min((offset + limit - 1) // size - offset // size + 1 for size in range(1, 101))


@given(st.integers(0, 10_000), st.integers(1, 1_000))
def test_a_window_is_covered_without_a_gap_in_the_fewest_calls(offset: int, limit: int) -> None:
    reads = plan_pages(offset, limit)

    assert len(reads) == fewest(offset, limit)
    assert all(1 <= read.limit <= 100 and read.page >= 1 for read in reads)
    assert all(
        (first.page + 1, first.limit) == (second.page, second.limit)
        for first, second in pairwise(reads)
    )
    assert reads[0].offset <= offset
    assert reads[-1].offset + reads[-1].limit >= offset + limit


@given(st.integers(0, 10_000), st.integers(1, 50))
def test_any_window_of_up_to_fifty_rows_is_one_call(offset: int, limit: int) -> None:
    assert len(plan_pages(offset, limit)) == 1


def test_no_rows_at_all_is_one_small_read() -> None:
    assert plan_pages(70, 0) == (PageRequest(1, 1),)


@pytest.mark.parametrize(
    ("window", "calls", "begin", "end"),
    [
        (Window(0, 25), 1, 0, 25),
        (Window(13, 10), 1, 13, 23),
        (Window(90, 20), 1, 90, 110),
        (Window(0, 100), 1, 0, 100),
        (Window(0, 0), 1, 0, 0),
        (Window(0, 30, from_end=True), 2, 220, 250),
        (Window(900, 10), 1, 250, 250),
    ],
)
async def test_a_window_is_read_at_its_price(
    operation: RequestContext, window: Window, calls: int, begin: int, end: int
) -> None:
    wire = collection(250)

    page = await source(wire).read_page(operation, ClientFilter(), window, FIELDS)

    assert len(wire.calls) == calls
    assert page.total == 250
    wanted = [row["id"] for row in rows(begin, end)]
    have = [record.id for record in page.records]
    assert have[begin - page.offset :][: end - begin] == wanted


async def test_the_end_of_a_small_collection_is_found_in_one_call(
    operation: RequestContext,
) -> None:
    wire = collection(42)

    page = await source(wire).read_page(
        operation, ClientFilter(), Window(0, 5, from_end=True), FIELDS
    )

    assert wire.calls == ["GET /clients?page=1&limit=100"]
    assert (page.offset, len(page.records), page.total) == (0, 42, 42)


async def test_filters_go_along(operation: RequestContext) -> None:
    wire = collection(3)

    await source(wire).read_page(operation, ClientFilter("buyer", "active"), Window(0, 5), FIELDS)

    assert wire.calls == ["GET /clients?page=1&limit=5&client_type=buyer&status=active"]


async def test_a_row_seen_on_two_pages_is_returned_once_and_noted(
    operation: RequestContext,
) -> None:
    def answer(request: Request[Any]) -> Response:
        page, limit = page_of(request)
        shifted = (page - 1) * limit - (page - 1)
        meta = {"page": page, "limit": limit, "total": 400}
        found = rows(shifted, shifted + limit)
        return reply(200, {"success": True, "data": {"clients": found, "meta": meta}})

    page = await source(Scripted(answer)).read_page(
        operation, ClientFilter(), Window(0, 200), FIELDS
    )

    assert len(page.records) == len({record.id for record in page.records}) == 199
    assert operation.receipt.drift is True


async def test_another_page_than_requested_is_no_answer(operation: RequestContext) -> None:
    meta = {"page": 1, "limit": 25, "total": 400}
    body = orjson.dumps({"success": True, "data": {"clients": rows(0, 25), "meta": meta}})

    with pytest.raises(Unavailable, match="another page"):
        await source(Scripted(lambda _: reply(200, body))).read_page(
            operation, ClientFilter(), Window(50, 25), FIELDS
        )
