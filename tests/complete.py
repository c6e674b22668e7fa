"""A pytest plugin that fails a run in which any test was skipped, deselected or expected to fail.

Load it with `python -m pytest -p tests.complete`, also where several processes share the tests (`-n 2`). CI
does: a test that did not run shows nothing.
"""

from typing import Any, Protocol

import pytest

DESELECTED = "deselected"

_left_out: list[str] = []


class Node(Protocol):
    """A process of pytest-xdist, as it is known when it has ended; *workeroutput* is what it told."""

    workeroutput: dict[str, Any]


def pytest_deselected(items: list[pytest.Item]) -> None:
    _left_out.extend(f"deselected {item.nodeid}" for item in items)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped or hasattr(report, "wasxfail"):
        _left_out.append(f"not run to its end {report.nodeid}")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _left_out.append(f"skipped {report.nodeid}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Node, error: object) -> None:
    """Take over what a process left out: each of them collects all tests, so one may tell for all."""
    told = getattr(node, "workeroutput", {}).get(DESELECTED, ())
    _left_out.extend(line for line in told if line not in _left_out)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[DESELECTED] = _left_out
    elif _left_out and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _left_out:
        terminalreporter.section("left out, which this run does not allow")
        for line in _left_out:
            terminalreporter.write_line(line)
