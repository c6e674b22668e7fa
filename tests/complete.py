"""A pytest plugin that fails a run in which any test was skipped, deselected or expected to fail.

Load it with `python -m pytest -p tests.complete`. CI does: a test that did not run shows nothing.
"""

import pytest

_left_out: list[str] = []


def pytest_deselected(items: list[pytest.Item]) -> None:
    _left_out.extend(f"deselected {item.nodeid}" for item in items)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped or hasattr(report, "wasxfail"):
        _left_out.append(f"not run to its end {report.nodeid}")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _left_out.append(f"skipped {report.nodeid}")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _left_out and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _left_out:
        terminalreporter.section("left out, which this run does not allow")
        for line in _left_out:
            terminalreporter.write_line(line)
