"""The source as the architecture tests see it: files, syntax trees and text constants."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

SOURCE = ROOT / "src" / "weft"


def modules() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    assert found, f"no module below {SOURCE}"
    return found


def sql_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.sql"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def place(path: Path, node: ast.AST) -> str:
    """Return file and line, as an editor understands them."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def texts(module: ast.Module) -> Iterator[ast.Constant]:
    """Give the text constants of a module that are no docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node
