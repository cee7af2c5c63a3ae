"""Searches and filters that no person makes."""

from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.search import values
from schema.types.scalars import moment
from tests.gateway.conftest import Gateway

SEARCH = """query ($search: String, $orderBy: [ClientOrder!]) {
  clients(search: $search, orderBy: $orderBy, first: 3) { totalCount edges { cursor } }
}"""
WITHIN = """query ($filter: ClientFilter) { clients(filter: $filter) { totalCount } }"""
ALL = "{ clients { totalCount } }"


@pytest.mark.parametrize("mark", ["\ufe70", "\ufc5e"], ids=["FATHATAN", "SHADDA WITH DAMMATAN"])
async def test_a_letter_whose_plain_form_is_a_mark_alone_finds_all_by_relevance(
    gateway: Gateway, mark: str
) -> None:
    found = await gateway.query(SEARCH, search=mark, orderBy=[{"field": "RELEVANCE"}])

    assert found["clients"]["totalCount"] == (await gateway.query(ALL))["clients"]["totalCount"]
    assert len(found["clients"]["edges"]) == 3


@pytest.mark.parametrize("between", [" ", '"', "\u201c", '" "'])
async def test_more_than_twenty_words_are_refused_without_a_call(
    gateway: Gateway, sandbox: Sandbox, between: str
) -> None:
    words = [f"w{number}" for number in range(21)]

    refused = await gateway.errors(SEARCH, search=between.join(words))

    assert refused == [("clients", "BAD_USER_INPUT")]
    assert sandbox.calls == []
    await gateway.query(SEARCH, search=between.join(words[:20]))


async def test_an_instant_is_read_once_however_many_ranges_it_is_compared_with(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []

    def counted(value: object) -> str:
        read.append(value)
        return moment(value)

    monkeypatch.setattr(values, "moment", counted)
    values.when.cache_clear()
    ranges = [{"createdAt": {"until": f"20{year}-01-01T00:00:00Z"}} for year in range(10, 20)]

    found = await gateway.query(WITHIN, filter={"or": ranges, "not": {"and": ranges}})

    assert found["clients"]["totalCount"] == 0
    assert 0 < len(read) == len(set(read))
