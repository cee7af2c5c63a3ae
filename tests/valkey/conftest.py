from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.clockwork import REAL
from tests.valkey.servers import KINDS, Server, running


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL


@pytest.fixture(scope="session", params=KINDS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server of each kind in turn, which no test may stop."""
    kind: str = request.param
    with running(kind, tmp_path_factory.mktemp(kind)) as started:
        yield started
