from collections.abc import Mapping
from typing import Any

import pytest

from tests.clockwork import REAL


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL
