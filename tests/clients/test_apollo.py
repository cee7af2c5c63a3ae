"""Apollo Client: pages, a normalized cache, persisted queries and error policies."""

from tests.clients.conftest import TEST, Program, places
from tests.e2e.conftest import Running


def test_an_apollo_application_pages_changes_and_persists(program: Program, demo: Running) -> None:
    program(*TEST, "apollo/", **places(demo))
