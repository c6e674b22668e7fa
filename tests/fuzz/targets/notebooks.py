"""The definition of a notebook, or the parameters of its run; the first line says which: git, ipynb, .."""

from __future__ import annotations

import ast

import msgspec

from weft.builtin.cells import cells_of, with_parameters
from weft.builtin.execution import as_code, parameters_of
from weft.kit.errors import JobFailed
from weft.notebooks import files
from weft.notebooks.conversion import as_git_source, as_ipynb
from weft.notebooks.errors import NotANotebook

PATHS = {b"git": files.PYTHON, b"ipynb": "notebook-content.ipynb"}


def run(data: bytes) -> None:
    kind, _, content = data.partition(b"\n")
    try:
        if kind in PATHS:
            _converted(kind, content)
            _cells(PATHS[kind], content)
        elif kind == b"parameters":
            _parameters(content)
    except JobFailed as failed:
        _check(failed)


def _check(failed: JobFailed) -> None:
    assert "\n" not in failed.message
    assert len(failed.message) < 2000


def _converted(kind: bytes, content: bytes) -> None:
    try:
        path, text = as_git_source(content) if kind == b"ipynb" else (files.PYTHON, content)
        there = as_ipynb(path, text)
    except NotANotebook:
        return
    as_git_source(there)  # what has been read can be written and read again


def _cells(path: str, content: bytes) -> None:
    cells = cells_of(path, content)
    assert [cell.number for cell in cells] == sorted({cell.number for cell in cells})
    assert len(with_parameters(cells, "x = 1")) <= len(cells) + 1


def _parameters(content: bytes) -> None:
    try:
        payload = msgspec.json.decode(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(payload, dict):
        return
    given = parameters_of(payload)
    try:
        lines = ast.parse(as_code(given)).body
    except (RecursionError, MemoryError):  # nested beyond what Python compiles: the cell fails and says so
        return
    found = {}
    for line in lines:
        assert isinstance(line, ast.Assign)
        found[ast.unparse(line.targets[0])] = ast.literal_eval(line.value)
    assert repr(found) == repr(given)
