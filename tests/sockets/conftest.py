"""One gateway a module and way, on a real socket; each test connects for itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from tests.clockwork import REAL
from tests.serving import Serving, Way, serving


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL


@pytest.fixture(scope="module", params=list(Way), ids=lambda way: way.value)
def gateway(request: pytest.FixtureRequest) -> Iterator[Serving]:
    with serving(Sandbox(), request.param) as gateway:
        yield gateway
