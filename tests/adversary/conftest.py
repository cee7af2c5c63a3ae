import logging

import pytest


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """A failure shows its steps, not a hundred thousand lines of log."""
    caplog.set_level(logging.CRITICAL)
