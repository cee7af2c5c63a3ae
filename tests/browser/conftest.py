"""A person with a browser in front of the demo."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, chromium, until
from tests.browser.page import Page, new_page
from tests.e2e.conftest import Running, started
from tests.skips import CHROMIUM


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(CHROMIUM.path(), tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="module")
def demo_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("demo")
    with started("run", folder=folder) as demo:
        yield demo


@pytest.fixture
def page(browser: Chromium, demo_gateway: Running) -> Iterator[Page]:
    """GraphiQL as it opens for somebody who was never there."""
    with new_page(browser) as tab:
        tab.open(f"{demo_gateway.url}/graphql")
        until(lambda: tab.texts(".graphiql-explorer-root [data-field-name]"), "the schema")
        until(lambda: tab.lines(".graphiql-query-editor"), "the first example")
        yield tab
