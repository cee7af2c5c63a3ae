"""urql: pages and changes in Graphcache, the normalized cache that is given our schema."""

from tests.clients.conftest import TEST, Program, places
from tests.e2e.conftest import Running


def test_an_urql_application_pages_and_changes_its_cache(program: Program, demo: Running) -> None:
    program(*TEST, "urql/", **places(demo))
