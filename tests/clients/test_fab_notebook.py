"""A real notebook, from import to exit value, with the Fabric CLI and a server as `weft up` starts it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.fab import Fab, the_id
from tests.clients.house import House
from tests.e2e.weft_process import WeftProcess


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    server = WeftProcess(tmp_path_factory.mktemp("notebooks") / "data", options=()).start()
    try:
        yield House.with_app(server, "clients")
        assert server.terminate() == 0
    finally:
        server.close()


@pytest.fixture(scope="module")
def fab(house: House, fabric: Path, tmp_path_factory: pytest.TempPathFactory) -> Fab:
    fab = Fab(house, fabric, tmp_path_factory.mktemp("home"))
    fab.keep_secrets_in_a_file()
    assert fab.sign_in(house.app.secret).code == 0
    fab.ok("mkdir", "desk.Workspace", "-P", "capacityName=Local")
    return fab


def cell(number: int, source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"cell-{number}",
        "metadata": {"tags": list(tags)},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def write(directory: Path, *cells: dict[str, Any]) -> str:
    """Write a notebook as `fab import` reads it; return the path of its directory."""
    directory.mkdir()
    notebook = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (directory / "notebook-content.ipynb").write_text(json.dumps(notebook))
    return str(directory)


def test_a_notebook_takes_parameters_and_gives_its_exit_value(house: House, fab: Fab, tmp_path: Path) -> None:
    source = write(
        tmp_path / "greet.Notebook",
        cell(1, "name = 'nobody'\ntimes = 1", "parameters"),
        cell(2, "import notebookutils\nnotebookutils.notebook.exit(' '.join([name] * times))"),
    )
    fab.ok("import", "desk.Workspace/greet.Notebook", "-i", source, "-f")

    said = fab("job", "run", "desk.Workspace/greet.Notebook", "-P", "name:string=Ada,times:int=2")

    workspace = house.workspace("desk")
    job = house.job(workspace, house.item(workspace, "greet"), the_id(said.out))
    assert (said.code, "completed" in said.out) == (0, True)
    assert (job["status"], job["exitValue"]) == ("Completed", "Ada Ada")


def test_a_notebook_that_raises_fails_with_what_it_raised(house: House, fab: Fab, tmp_path: Path) -> None:
    source = write(tmp_path / "break.Notebook", cell(1, "raise LookupError('no such loom')"))
    fab.ok("import", "desk.Workspace/break.Notebook", "-i", source, "-f")

    said = fab("job", "run", "desk.Workspace/break.Notebook")

    workspace = house.workspace("desk")
    item = house.item(workspace, "break")
    (job,) = house.get(f"/v1/workspaces/{workspace}/items/{item}/jobs/instances")["value"]
    assert (said.code, f"Job instance '{job['id']}' Failed" in said.out) == (1, True)
    assert (job["status"], job["failureReason"]["message"]) == ("Failed", "no such loom")
