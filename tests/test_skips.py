import pytest

from tests.skips import Program

SKIPPING = """
    import pytest

    def test_runs(): ...

    @pytest.mark.parametrize("n", [1, 2])
    def test_of_the_browser(n):
        pytest.skip("Chromium is not on this machine: apt-get install chromium")

    @pytest.mark.xfail(strict=True)
    def test_known_to_fail():
        assert False
"""
SKIPPED_FILE = """
    import pytest

    pytest.skip("no Chromium", allow_module_level=True)
"""


CONFTEST = """
    from tests import skips

    def pytest_configure(config):
        config.pluginmanager.register(skips, "skips")
"""
UNCOLLECTED = {"-n0": pytest.ExitCode.INTERRUPTED, "-n1": pytest.ExitCode.TESTS_FAILED}


@pytest.fixture(autouse=True)
def without_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests of this file run loads in a moment."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture(params=["-n0", "-n1"], ids=["in one process", "by a worker"])
def workers(request: pytest.FixtureRequest) -> str:
    """How many processes run the tests beside the one that reports them."""
    chosen: str = request.param
    return chosen


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    return pytester.runpytest_inprocess("-p", "xdist", *arguments)


def test_what_was_skipped_is_printed_at_the_end_with_its_remedy(
    pytester: pytest.Pytester, workers: str
) -> None:
    pytester.makepyfile(SKIPPING)

    result = run(pytester, workers)

    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    title, reason, closing = [line for line in result.outlines if line][-3:]
    assert "NOT TESTED ON THIS MACHINE" in title
    assert reason == "2 tests skipped: Chromium is not on this machine: apt-get install chromium"
    assert "1 passed, 2 skipped, 1 xfailed" in closing


def test_nothing_is_printed_when_nothing_was_skipped(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_runs(): ...")

    result = run(pytester)

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*NOT TESTED*")


def test_a_skip_is_a_failure_where_skips_are_forbidden(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_NO_SKIPS", "1")
    pytester.makepyfile(SKIPPING)

    result = run(pytester, workers)

    result.assert_outcomes(passed=1, failed=2, xfailed=1)
    result.stdout.fnmatch_lines(["skipped, and here nothing may be: Chromium is not*"])


def test_a_skipped_file_is_a_failure_where_skips_are_forbidden(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_NO_SKIPS", "1")
    pytester.makepyfile(SKIPPED_FILE)

    result = run(pytester, workers)

    result.assert_outcomes(errors=1)
    assert result.ret == UNCOLLECTED[workers]


def test_a_gateway_started_by_a_test_does_not_see_our_variable(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_NO_SKIPS", "1")
    pytester.makepyfile("""
        import os

        def test_environment():
            assert [name for name in os.environ if name.startswith("GATEWAY_TEST")] == []
    """)

    run(pytester).assert_outcomes(passed=1)


def test_a_missing_program_skips_the_test_that_asks_for_it() -> None:
    absent = Program("Nothing", ("no-such-program-anywhere",), "cannot be had")

    with pytest.raises(pytest.skip.Exception, match="Nothing is not on this machine: cannot"):
        absent.path()


def test_a_program_is_found_under_any_of_its_names() -> None:
    shell = Program("a shell", ("no-such-program-anywhere", "sh"), "always there")

    assert shell.path().endswith("/sh")
