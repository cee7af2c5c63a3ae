"""The status page beside the demo's GraphiQL."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.chromium import Chromium, until
from tests.browser.page import Page, new_page
from tests.e2e.conftest import Running

AXE = Path(__file__).parents[1] / "clients/node_modules/axe-core/axe.min.js"
NEW = 'firstName: "Ada", lastName: "L", clientType: BUYER'
CREATE = f"mutation {{ createClient(input: {{ {NEW} }}) {{ __typename }} }}"
VIOLATIONS = """
async () => (await axe.run()).violations.map(each =>
  `${each.id}: ${each.nodes.map(node => node.target).join(', ')}`)
"""


def ask(demo: Running, document: str) -> httpx.Response:
    return httpx.post(f"{demo.url}/graphql", json={"query": document}, trust_env=False)


@pytest.fixture
def status(browser: Chromium, demo_gateway: Running) -> Iterator[Page]:
    """The page of a gateway that has read, written, failed and refused."""
    ask(demo_gateway, "{ clients(first: 3) { edges { node { id } } } }")
    ask(demo_gateway, "{ nope }")
    ask(demo_gateway, CREATE)
    with new_page(browser) as tab:
        tab.open(f"{demo_gateway.url}/status")
        until(lambda: tab.texts("#lanes tr"), "the lanes")
        yield tab


def left(page: Page) -> int:
    [text] = page.texts("#remaining")
    return int(text)


def test_the_page_shows_what_was_spent_on_what(status: Page) -> None:
    lanes = {row.split()[0]: row.split()[1:] for row in status.texts("#lanes tr")}

    assert set(lanes) == {"write", "interactive", "entities", "refresh"}
    assert int(lanes["write"][0]) >= 1
    assert int(lanes["interactive"][0]) >= 1
    assert int(lanes["write"][1]) == left(status) < 500
    assert int(lanes["interactive"][1]) < left(status)
    assert any(row.startswith("BAD_USER_INPUT") for row in status.texts("#refusals tr"))
    [caller, *_] = status.texts("#callers th[scope=row]")
    assert len(caller) == 8
    assert "closed" in status.texts("#controls dd")
    assert any("create DONE" in text for text in status.texts("#events dt"))


def test_the_numbers_change_while_somebody_looks(status: Page, demo_gateway: Running) -> None:
    before = left(status)
    ask(demo_gateway, CREATE)

    until(lambda: left(status) < before, "a call less")


def test_the_page_loads_nothing_from_another_host(status: Page, demo_gateway: Running) -> None:
    assert status.problems == []
    assert {url for url in status.requests if not url.startswith(demo_gateway.url)} == set()


def test_axe_finds_no_violation_in_light_and_dark(status: Page) -> None:
    status.look(f"() => {{ {AXE.read_text()} }}")

    for scheme in ("light", "dark"):
        status.prefer(scheme)
        assert status.look(VIOLATIONS) == []


def test_a_phone_shows_the_page_without_scrolling_sideways(status: Page) -> None:
    status.resize(360, 740)

    assert status.look("() => document.documentElement.scrollWidth") <= 360


def test_graphiql_links_to_the_page(demo_gateway: Running) -> None:
    config = httpx.get(f"{demo_gateway.url}/graphiql/config.json", trust_env=False).json()

    assert config["links"]["Budget"] == "/status"
