from collections import Counter
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
        marks = ("alone", "background", "quiet")
        kinds = [kind for kind in marks if request.node.get_closest_marker(kind)]
        [kind] = kinds or ["beside"]
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
QUIET = """
    import time
    from pathlib import Path

    import pytest

    from test_them import logged

    pytestmark = pytest.mark.quiet

    def test_that_others_are_here():
        until = time.monotonic() + 60
        log = Path({log!r})
        while log.read_text().count("begins quiet") < 3 or "background" not in log.read_text():
            assert time.monotonic() < until
            time.sleep(0.01)

    def test_quiet():
        time.sleep(0.02)
"""
BACKGROUND = """
    import time
    from pathlib import Path

    import pytest

    from test_them import logged

    pytestmark = pytest.mark.background(seconds=100)

    def test_that_all_others_run_meanwhile():
        until = time.monotonic() + 60
        while not {{"ends quiet", "ends beside"}} <= set(words()):
            assert time.monotonic() < until
            time.sleep(0.01)

    def words():
        return [line.split(" ", 1)[1] for line in Path({log!r}).read_text().splitlines()]
"""


@pytest.fixture
def log(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the tests will write into when they are run."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    log = pytester.path / "log"
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_them=TESTS.format(log=str(log)))
    pytester.makepyfile(test_behind=BACKGROUND.format(log=str(log)))
    for name in ("one", "other", "third"):
        pytester.makepyfile(**{f"test_{name}_quiet": QUIET.format(log=str(log))})
    return log


def run(pytester: pytest.Pytester, log: Path) -> list[list[str]]:
    """The process and the mark of each beginning and end, where four workers run all tests."""
    result = pytester.runpytest_inprocess("-p", "xdist", "-n4", "--dist=worksteal")
    result.assert_outcomes(passed=97)
    lines = [line.split(" ", 1) for line in log.read_text().splitlines()]
    assert len({process for process, _ in lines}) == 4
    return lines


def test_no_other_worker_runs_a_test_beside_one_that_is_alone(
    pytester: pytest.Pytester, log: Path
) -> None:
    lines = run(pytester, log)

    begun = [number for number, (_, mark) in enumerate(lines) if mark == "begins alone"]
    assert len(begun) == 10
    for number in begun:
        assert lines[number + 1] == [lines[number][0], "ends alone"]
    running = 0
    for number, (_, mark) in enumerate(lines):
        assert number not in begun or running == 0
        running += 1 if mark.startswith("begins") else -1


def test_quiet_tests_run_beside_each_other_and_beside_no_other_test(
    pytester: pytest.Pytester, log: Path
) -> None:
    running: Counter[str] = Counter()
    for _, mark in run(pytester, log):
        event, kind = mark.split()
        running[kind] += 1 if event == "begins" else -1
        assert not (running["quiet"] and running["beside"] + running["alone"])


@pytest.mark.usefixtures("log")
def test_in_one_process_the_marks_change_nothing(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess("-p", "xdist", "test_them.py").assert_outcomes(passed=90)
