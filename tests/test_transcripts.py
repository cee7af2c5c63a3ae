import pytest


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_what_a_test_notes_is_repeated_at_the_end_by_any_worker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("""
        from tests import transcripts

        def pytest_configure(config):
            config.pluginmanager.register(transcripts)
    """)
    pytester.makepyfile("""
        from tests.transcripts import note

        def test_of_a_program(request):
            note(request.node, "v1.2: ")
            note(request.node, "3 passed\\n")

        def test_that_fails(request):
            note(request.node, "v3.4: 5 failed")
            assert False

        def test_of_no_program(): ...
    """)

    result = pytester.runpytest_inprocess("-p", "xdist", workers)

    result.assert_outcomes(passed=2, failed=1)
    lines = [line for line in result.outlines if line]
    [first] = [place for place, line in enumerate(lines) if "· test_of_a_program ·" in line]
    assert lines[first + 1] == "v1.2: 3 passed"
    assert "· test_that_fails ·" in lines[first + 2]
    assert lines[first + 3] == "v3.4: 5 failed"
    assert result.stdout.str().count("· test_") == 2
