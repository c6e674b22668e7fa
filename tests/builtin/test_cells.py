"""Which cells a definition has, whatever somebody has uploaded as one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builtin.support import cell, notebook
from weft.builtin.cells import Cell, cells_of, part_of, with_parameters
from weft.kit.errors import JobFailed

HEAD = b"# Fabric notebook source\n\n# CELL ********************\n\nselect\n\n"


def ipynb(**members: Any) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [], **members}).encode()


@pytest.mark.parametrize(
    ("paths", "chosen"),
    [
        (["notebook-content.py"], "notebook-content.py"),
        (["artifact.content.ipynb", ".platform"], "artifact.content.ipynb"),
        (["a.ipynb", "notebook-content.ipynb", "notebook-content.py"], "notebook-content.ipynb"),
        (["b/c.IPYNB"], "b/c.IPYNB"),
    ],
)
def test_the_notebook_is_found_among_the_parts(paths: list[str], chosen: str) -> None:
    assert part_of(dict.fromkeys(paths, b"")) == chosen


@pytest.mark.parametrize(
    ("paths", "code", "why"),
    [
        ([], "ItemHasNoDefinition", "updateDefinition"),
        (["main.py", "a.txt"], "NotebookInvalid", "it has a.txt, main.py"),
        (["notebook-content.sql"], "LanguageNotSupported", "Spark SQL"),
        (["notebook-content.scala"], "LanguageNotSupported", "Scala"),
        (["sub/notebook-content.py"], "NotebookInvalid", "no part"),
    ],
)
def test_a_definition_without_a_notebook_is_told_what_it_lacks(paths: list[str], code: str, why: str) -> None:
    with pytest.raises(JobFailed, match=why) as failed:
        part_of(dict.fromkeys(paths, b""))

    assert failed.value.code == code


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("n.ipynb", b"", "n.ipynb: it is no notebook"),
        ("n.ipynb", b"\xff\xfe", "n.ipynb: it is not UTF-8"),
        ("n.ipynb", b"not json", "it is no notebook"),
        ("n.ipynb", b"[]", "n.ipynb: "),
        ("n.ipynb", b"{}", "n.ipynb: "),
        ("n.ipynb", b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "n.ipynb: "),
        ("n.ipynb", ipynb(nbformat=99), "n.ipynb: "),
        ("n.ipynb", ipynb(nbformat="4"), "n.ipynb: "),
        ("n.ipynb", ipynb(cells=[{"cell_type": "code"}]), "n.ipynb: "),
        ("n.ipynb", ipynb(cells=[{"cell_type": "spell", "source": "", "metadata": {}}]), "n.ipynb: "),
        ("n.ipynb", b"[" * 100_000, "n.ipynb: it is no notebook"),
        ("notebook-content.py", b"import os", "notebook-content.py: line 1"),
        ("notebook-content.py", b"\x80", "it is not UTF-8"),
    ],
)
def test_a_notebook_that_is_none_is_refused_in_one_line(path: str, content: bytes, why: str) -> None:
    with pytest.raises(JobFailed, match=why) as failed:
        cells_of(path, content)

    assert failed.value.code == "NotebookInvalid"
    assert "\n" not in failed.value.message
    assert len(failed.value.message) < 1000


def test_a_cell_in_another_language_is_refused_with_its_number() -> None:
    content = HEAD + b'# METADATA ********************\n\n# META {"language": "sparksql"}\n'

    with pytest.raises(JobFailed, match="cell 1 is Spark SQL") as failed:
        cells_of("notebook-content.py", content)

    assert failed.value.code == "LanguageNotSupported"


def test_cells_of_code_keep_their_number_among_all_cells() -> None:
    markdown = {"cell_type": "markdown", "source": "# T", "metadata": {}, "id": "m"}
    content = notebook(cell("a = 1", tags=["parameters"]), markdown, cell("b", run_control={"frozen": True}))
    [text] = content.values()

    assert cells_of("n.ipynb", str(text).encode()) == [
        Cell(1, "a = 1", frozenset({"parameters"})),
        Cell(3, "b", is_frozen=True),
    ]


def test_a_notebook_of_an_old_format_is_read() -> None:
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": "old"},
        "worksheets": [
            {"cells": [{"cell_type": "code", "input": "x = 1", "language": "python", "outputs": []}]}
        ],
    }

    assert [each.source for each in cells_of("n.ipynb", json.dumps(old).encode())] == ["x = 1"]


def test_a_large_notebook_is_read() -> None:
    [text] = notebook(*[f"x = {number}" for number in range(2000)]).values()

    assert len(cells_of("n.ipynb", str(text).encode())) == 2000


TAGGED = Cell(2, "day = 0", frozenset({"parameters"}))
PLAIN = Cell(1, "import os")
EARLIER = Cell(3, "day = 9", frozenset({"injected-parameters"}))


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        ([], [0]),
        ([PLAIN], [0, 1]),
        ([PLAIN, TAGGED], [1, 2, 0]),
        ([PLAIN, TAGGED, EARLIER, Cell(4, "")], [1, 2, 0, 4]),
    ],
)
def test_parameters_come_after_their_defaults_or_first(cells: list[Cell], order: list[int]) -> None:
    given = with_parameters(cells, "day = 1")

    assert [each.number for each in given] == order
    assert given[order.index(0)].source == "day = 1"
