"""Who may import whom: the contracts in pyproject.toml, and no circles."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.conftest import ROOT


def test_the_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


def test_no_module_imports_itself_through_others() -> None:
    graph = grimp.build_graph("weft", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    order = TopologicalSorter(imports).static_order()

    assert set(order) >= set(imports)  # CycleError, raised above, names a circle


@pytest.mark.parametrize("module", ["weft.app", "weft.workload_host"])
def test_a_server_loads_no_client_and_no_reader_of_packages_before_it_serves(module: str) -> None:
    late = "{'aiohttp', 'azure', 'defusedxml', 'msal', 'requests', 'rich'}"
    script = f"import sys, {module}; print(sorted({late} & set(sys.modules)))"

    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"
