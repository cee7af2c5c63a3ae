"""Lists of an API whose counts, pages and rows are not as documented: every row, and an end."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.users import DEMO, DemoUser
from tests.gateway.conftest import Gateway, before

PAGE = """
query ($filter: ClientFilter, $first: Int, $after: String, $last: Int, $before: String) {
  clients(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id } }
  }
}
"""
COUNTS = (
    "total-one-high",
    "total-low",
    "total-of-page",
    "total-zero",
    "has-more-always",
    "has-more-never",
    "meta-missing",
    "page-cap-50",
    "page-cap-50-silent",
    "page-refused",
)
ACTIVE = {"status": "ACTIVE"}


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Who executes an operation makes no difference here: once is enough."""


def person(size: int) -> DemoUser:
    return replace(DEMO, rows=size)


async def walk(
    gateway: Gateway, size: int, where: dict[str, str] | None, *, back: bool
) -> tuple[list[str], list[Any], list[Any]]:
    """All ids in the order of the list, the pages and the receipts, by the pages' own word."""
    found: list[str] = []
    pages: list[Any] = []
    receipts: list[Any] = []
    cursor = None
    for _ in range(400 // size + 2):
        arguments: dict[str, Any]
        arguments = {"last": size, "before": cursor} if back else {"first": size, "after": cursor}
        answer = await gateway.post(PAGE, filter=where, **arguments)
        assert "errors" not in answer, answer
        page = answer["data"]["clients"]
        receipts.append(answer["extensions"]["upstream"])
        pages.append(page)
        ids = [edge["node"]["id"] for edge in page["edges"]]
        found = ids + found if back else found + ids
        info = page["pageInfo"]
        assert info["endCursor"] == (page["edges"][-1]["cursor"] if ids else None)
        if not info["hasPreviousPage" if back else "hasNextPage"]:
            return found, pages, receipts
        cursor = info["startCursor" if back else "endCursor"]
        assert cursor is not None, "a client that pages on would begin again"
    raise AssertionError("a client that pages on never ends")


@pytest.mark.parametrize("back", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("where", [None, ACTIVE], ids=["all", "active"])
@pytest.mark.parametrize(("count", "size"), [(42, 10), (100, 25), (230, 40), (230, 100)])
@pytest.mark.parametrize("fault", COUNTS)
async def test_a_client_that_pages_sees_every_row_once_and_comes_to_an_end(
    fault: str, count: int, size: int, where: dict[str, str] | None, *, back: bool
) -> None:
    someone = person(count)
    sandbox = Sandbox([someone])
    sandbox.fail(named(fault))
    rows = [
        row["id"] for row in sandbox.rows_of(someone) if where is None or row["status"] == "active"
    ]
    async with before(sandbox) as gateway:
        found, pages, _ = await walk(gateway, size, where, back=back)

    assert found == rows
    assert pages[-1 if not back else 0]["totalCount"] == len(rows)
