from pathlib import Path

import pytest

CONFTEST = """
    from tests import alone

    def pytest_configure(config):
        config.pluginmanager.register(alone, "alone")
"""
TESTS = """
    import os
    import time

    import pytest

    def write(mark):
        log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, f"{{os.getpid()}} {{mark}}\\n".encode())
        os.close(log)

    @pytest.fixture(autouse=True)
    def logged(request):
        kind = "alone" if request.node.get_closest_marker("alone") else "beside"
        write(f"begins {{kind}}")
        yield
        write(f"ends {{kind}}")

    @pytest.mark.parametrize("n", range(40))
    def test_beside_others(n):
        time.sleep(0.002)

    @pytest.mark.alone
    @pytest.mark.parametrize("n", range(10))
    def test_alone(n):
        time.sleep(0.02)

    @pytest.mark.parametrize("n", range(40))
    def test_beside_others_too(n):
        time.sleep(0.002)
"""


@pytest.fixture
def log(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the tests will write into when they are run."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    log = pytester.path / "log"
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS.format(log=str(log)))
    return log


def test_no_other_worker_runs_a_test_beside_one_that_is_alone(
    pytester: pytest.Pytester, log: Path
) -> None:
    result = pytester.runpytest_inprocess("-p", "xdist", "-n3", "--dist=worksteal")

    result.assert_outcomes(passed=90)

    lines = [line.split(" ", 1) for line in log.read_text().splitlines()]
    assert len({process for process, _ in lines}) == 3
    begun = [number for number, (_, mark) in enumerate(lines) if mark == "begins alone"]
    assert len(begun) == 10
    for number in begun:
        assert lines[number + 1] == [lines[number][0], "ends alone"]
    running = 0
    for number, (_, mark) in enumerate(lines):
        assert number not in begun or running == 0
        running += 1 if mark.startswith("begins") else -1


@pytest.mark.usefixtures("log")
def test_in_one_process_the_mark_changes_nothing(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess("-p", "xdist").assert_outcomes(passed=90)
