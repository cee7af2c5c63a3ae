"""Every async test runs on virtual time unless its folder says that it does real I/O."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests import skips
from tests.clockwork import VIRTUAL


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(skips, "skips")


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return VIRTUAL
