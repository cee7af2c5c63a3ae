"""Every async test runs on virtual time unless its folder says that it does real I/O."""

import functools
import gc
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from httpx._transports import default
from hypothesis import settings

from tests import alone, skips, transcripts
from tests.clockwork import VIRTUAL
from tests.in_process import OVERSPENT
from tests.serving import Way

# The same examples on every run, `few` of them or all; HYPOTHESIS_PROFILE=explore looks for others.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("few", settings.get_profile("steady"), max_examples=10)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# httpx makes one for each client, of all authorities there are: 40 ms of CPU.
default.create_ssl_context = functools.cache(httpx.create_ssl_context)  # type: ignore[attr-defined]

# httpx looks for it at each request to an application in process, in every folder of the path.
sys.modules["sniffio"] = None  # type: ignore[assignment]


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()
    for plugin in (alone, skips, transcripts):
        config.pluginmanager.register(plugin)


def pytest_collection_finish() -> None:
    """Have the collector pass over what was imported, and come less often: it took a fifth."""
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return VIRTUAL


@pytest.fixture(params=list(Way), ids=lambda way: way.value)
def way(request: pytest.FixtureRequest) -> Way:
    """Each way of sending answers in turn; see `tests.serving.serving`."""
    chosen: Way = request.param
    return chosen


@pytest.fixture(autouse=True)
def budget_invariant() -> Iterator[None]:
    """No operation of any test sends more calls than it may, whatever the test is about.

    Never more than its cap, and more than its own `explain.maximum` only after a call failed or a
    row moved.
    """
    OVERSPENT.clear()
    yield
    assert not OVERSPENT
