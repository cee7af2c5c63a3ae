"""What a test notes of the programs that it ran, repeated at the end, passed or not.

That they ran at all is half the proof. A note travels in the test's report, so that the process
that prints the end has it, whichever worker ran the test.
"""

from itertools import chain

import pytest

_NOTE = "note"


def note(item: pytest.Item, text: str) -> None:
    """Add to what the end of the run repeats of this test."""
    item.user_properties.append((_NOTE, text))


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Repeat the notes of each test, before what else the end says."""
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if not isinstance(report, pytest.TestReport) or report.when != "teardown":
            continue
        notes = [str(text) for name, text in report.user_properties if name == _NOTE]
        if notes:
            terminalreporter.section(report.location[2], sep="·")
            terminalreporter.write_line("".join(notes).rstrip())
