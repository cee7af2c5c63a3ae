"""CI proves what everybody can run: it adds system programs and calls make, nothing else."""

import os
import stat

from tests.packaging.recipes import ROOT

CI = ROOT / ".ci" / "run"
PREPARING = ("cd ", "export ", "set -euo pipefail", "apt-get ")


def commands() -> list[str]:
    lines = [line.strip() for line in CI.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_ci_installs_programs_and_calls_make_with_skips_forbidden() -> None:
    called = [command for command in commands() if not command.startswith(PREPARING)]

    assert called == ["make check", "GATEWAY_TEST_NO_SKIPS=1 make test"]


def test_ci_stops_at_the_first_failure() -> None:
    assert commands()[0] == "set -euo pipefail"


def test_ci_ends_with_the_tests_whose_closing_line_is_read() -> None:
    assert commands()[-1].endswith("make test")


def test_ci_installs_the_programs_that_tests_would_be_skipped_for() -> None:
    install = next(command for command in commands() if " install " in command)

    assert install.split()[-2:] == ["chromium", "redis-server"]


def test_ci_can_be_run() -> None:
    assert os.stat(CI).st_mode & stat.S_IXUSR  # noqa: PTH116 - the mode is what is asked
