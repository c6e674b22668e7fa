"""The checks of the torture of imports find what they are for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.torture.building import Expected, Found

EXPECTED = Expected(
    twins=[("a", 1), ("b", 2)], relationships=[(("a", "r"), "b"), (("b", "s"), "a")], rejected=[7, 9]
)
WHOLE = Found({"a": 1, "b": 2}, {("a", "r"): "b", ("b", "s"): "a"})


def line(**details: Any) -> dict[str, Any]:
    return {"details": details | ({"exceptionType": "ValidationFailed"} if "line" in details else {})}


STARTED = [line(status="Started")] + [
    line(section=section, status="Started") for section in ("Models", "Twins", "Relationships")
]
LOG = [*STARTED, line(line=7), line(line=9), line(status="Failed")]


def test_what_is_as_the_file_says_is_in_order() -> None:
    assert EXPECTED.differences(WHOLE) == {}
    assert list(EXPECTED.faults_of_log(LOG)) == []


@pytest.mark.parametrize(
    "found",
    [
        Found({"a": 1}, WHOLE.relationships),
        Found({"a": 1, "b": 3}, WHOLE.relationships),
        Found(WHOLE.twins | {"c": 1}, WHOLE.relationships),
        Found(WHOLE.twins, {("a", "r"): "b"}),
        Found(WHOLE.twins, WHOLE.relationships | {("b", "s"): "b"}),
    ],
)
def test_a_graph_that_differs_is_found(found: Found) -> None:
    assert EXPECTED.differences(found)


@pytest.mark.parametrize(
    "log",
    [
        [*STARTED, line(line=7), line(status="Failed")],
        [*STARTED, line(line=7), line(line=7), line(line=9), line(status="Failed")],
        [*STARTED, line(line=9), line(line=7), line(status="Failed")],
        [*STARTED, *STARTED, line(line=7), line(line=9), line(status="Failed")],
        LOG[:-1],
    ],
)
def test_a_log_that_differs_is_found(log: list[dict[str, Any]]) -> None:
    assert list(EXPECTED.faults_of_log(log))


def test_a_beginning_of_each_section_is_in_order() -> None:
    log = [*STARTED, line(line=7), line(status="Cancelled")]

    assert list(EXPECTED.faults_of_beginning(Found({"a": 1}, {}), log)) == []
    assert list(EXPECTED.faults_of_beginning(Found(WHOLE.twins, {("a", "r"): "b"}), log)) == []


@pytest.mark.parametrize(
    ("found", "log"),
    [
        (Found({"b": 2}, {}), [line(status="Cancelled")]),
        (Found(WHOLE.twins, {("b", "s"): "a"}), [line(status="Cancelled")]),
        (Found({"a": 1}, {("a", "r"): "b"}), [line(status="Cancelled")]),
        (Found({"a": 1}, {}), [line(line=9), line(status="Cancelled")]),
        (Found({"a": 1}, {}), [line(line=7)]),
        (Found({"a": 1}, {}), []),
    ],
)
def test_what_is_no_beginning_is_found(found: Found, log: list[dict[str, Any]]) -> None:
    assert list(EXPECTED.faults_of_beginning(found, log))
