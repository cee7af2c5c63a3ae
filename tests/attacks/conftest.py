"""The gateway as a process of its own, for those who attack it."""

import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.attacks.attacked import Attacked
from tests.serving import Way


@pytest.fixture(params=list(Way), ids=lambda way: way.value)
def attacked(request: pytest.FixtureRequest) -> Iterator[Attacked]:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    command = [sys.executable, "-m", "tests.attacks.process", request.param.value]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        try:
            yield Attacked(process, process.stdout.readline().strip())
        finally:
            process.kill()
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
