"""Apollo's stock RetryLink, before a sandbox that loses three answers in ten."""

from tests.clients.conftest import TEST, Program, places
from tests.e2e.conftest import Running


def test_there_are_never_more_clients_than_clicks(program: Program, demo: Running) -> None:
    output = program(*TEST, "clicks/", **places(demo))

    assert "Keyed: 20 clicks" in output
