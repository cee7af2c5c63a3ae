"""Searches that no person types."""

import pytest

from gateway.sandbox.api import Sandbox
from tests.gateway.conftest import Gateway

SEARCH = """query ($search: String, $orderBy: [ClientOrder!]) {
  clients(search: $search, orderBy: $orderBy, first: 3) { totalCount edges { cursor } }
}"""
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
