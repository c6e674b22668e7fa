"""The rules of the house that a machine can read from the source (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import SOURCE, modules, place, sql_files, texts, tree
from weft.engine.lifecycle import State

# Where a state may be named. Everywhere else code asks `job.is_final`, or leaves the matter to the engine.
NAMES_STATES = {
    "engine/lifecycle.py": "the table itself",
    "engine/engine.py": "applies the table",
    "runners/remote_workload.py": "a 404 means one thing before the work elsewhere has begun, another after",
    "faces/core/mapping.py": "Core's words for our states",
    "faces/twins/mapping.py": "the words of Digital Twins for our states",
    "faces/workload/mapping.py": "the Workload contract's words for our states",
}

# Who may read the environment, beside settings.py.
READS_ENVIRONMENT = {
    "settings.py": "the one reader of settings",
    "settings_file.py": "its part that reads the settings file and what the environment says on top",
    "parts.py": "hands the environment to the readers of imports, which let little of it through",
    "cli/exec.py": "hands the environment on to the command it runs",
    "host_parts.py": "hands the environment to the process runner, which lets little of it through",
    "engine/crash.py": "where a test kills the server; reads nothing else",
    "kit/control_plane.py": "starts a server for tests, which is given the environment of the tests",
    "builtin/kernels.py": "hands the environment of its job on to the kernel that it starts",
    "kit/process.py": "a job process takes its channel from it, and gives each job a fresh copy",
}

SQL = re.compile(
    r"^\s*(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX)"
    r"|ALTER\s+TABLE|DROP\s+(TABLE|INDEX))\b",
    re.DOTALL,
)


def test_no_sql_file_names_a_state() -> None:
    quoted = re.compile(rf"""['"]({"|".join(State)})['"]""", re.IGNORECASE)

    named = [f"{path}: {found[0]}" for path in sql_files() for found in quoted.finditer(path.read_text())]

    assert named == []


def test_only_the_engine_and_the_mappings_name_a_state() -> None:
    named = [
        f"{place(path, node)} State.{node.attr}"
        for path in modules()
        if path.relative_to(SOURCE).as_posix() not in NAMES_STATES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "State"
        if node.attr in State.__members__
    ]

    assert named == []


def test_only_the_engine_writes_a_job_down_through_move() -> None:
    makers = [
        place(path, node)
        for path in modules()
        if not path.is_relative_to(SOURCE / "engine") and not path.is_relative_to(SOURCE / "stores")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"Move", "Claim"}
    ]

    assert makers == []


def test_no_python_file_holds_a_sql_statement() -> None:
    statements = [
        f"{place(path, text)} {str(text.value)[:60]!r}"
        for path in modules()
        for text in texts(tree(path))
        if SQL.match(str(text.value))
    ]

    assert statements == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_says_in_its_first_line_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(tree(path)) or ""

    line, _, rest = docstring.partition("\n")

    assert line, "no docstring"
    assert not rest or rest.startswith("\n"), "an empty line follows the first line"


def test_only_settings_reads_the_environment() -> None:
    readers = [
        place(path, node)
        for path in modules()
        if path.relative_to(SOURCE).as_posix() not in READS_ENVIRONMENT
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "environb", "getenv"}
    ]

    assert readers == []


@pytest.mark.parametrize("reader", [*NAMES_STATES, *READS_ENVIRONMENT])
def test_an_exception_to_a_rule_names_a_file_that_exists(reader: str) -> None:
    assert (SOURCE / reader).is_file()
