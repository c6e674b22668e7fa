"""Libraries that call Fabric through `requests`, unmodified: fabric-cicd and msfabricpysdkcore."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.clients.house import House

DRIVERS = Path(__file__).parent / "drivers"
SOURCE = """\
# Fabric notebook source

# CELL ********************

print("hello")
"""

Driven = Callable[[str, dict[str, str]], Any]


@pytest.fixture
def driven(house: House, fabric: Path, tmp_path: Path) -> Driven:
    """Runs a driver, which signs in with a secret, and returns what it prints."""

    def run(driver: str, told: dict[str, str]) -> Any:
        said = house.exec(
            tmp_path,
            str(fabric / "python"),
            str(DRIVERS / driver),
            told=told,
            AZURE_TENANT_ID=house.app.tenant,
            AZURE_CLIENT_ID=house.app.client_id,
            AZURE_CLIENT_SECRET=house.app.secret,
        )
        assert said.code == 0, said
        return said.json

    return run


def write_notebook(repository: Path, name: str, source: str) -> Path:
    """Write an item as Fabric's Git integration does; return its directory."""
    directory = repository / f"{name}.Notebook"
    directory.mkdir(parents=True, exist_ok=True)
    platform = {
        "metadata": {"type": "Notebook", "displayName": name},
        "config": {"version": "2.0", "logicalId": str(uuid4())},
    }
    (directory / ".platform").write_text(json.dumps(platform))
    (directory / "notebook-content.py").write_text(source)
    return directory


def test_fabric_cicd_publishes_a_repository_and_takes_back_what_has_left_it(
    house: House, driven: Driven, tmp_path: Path
) -> None:
    name = f"published {uuid4()}"
    workspace = house.new_workspace(name)
    orphan = house.new_item(workspace, "orphan")
    repository = tmp_path / "repository"
    write_notebook(repository, "plan", SOURCE)
    write_notebook(repository / "drawer", "draft", SOURCE)
    told = {"workspace": name, "repository": str(repository)}

    returned = driven("fabric_cicd_publish.py", told)

    items = {one["displayName"]: one for one in house.get(f"/v1/workspaces/{workspace}/items")["value"]}
    (folder,) = house.get(f"/v1/workspaces/{workspace}/folders")["value"]
    assert (returned["status"], returned["body"]["value"]) == (200, list(items.values()))
    assert set(items) == {"plan", "draft"}
    assert orphan not in [one["id"] for one in items.values()]
    assert ("folderId" in items["plan"], items["draft"]["folderId"]) == (False, folder["id"])
    assert source_of(house, workspace, items["plan"]["id"]) == SOURCE

    changed = SOURCE.replace("hello", "good day")
    write_notebook(repository, "plan", changed)
    driven("fabric_cicd_publish.py", told)

    assert source_of(house, workspace, items["plan"]["id"]) == changed


def source_of(house: House, workspace: str, item: str) -> str:
    definition = house.definition(workspace, item)
    (payload,) = (one["payload"] for one in definition["parts"] if one["path"] == "notebook-content.py")
    return base64.b64decode(payload).decode()


def test_msfabricpysdkcore_runs_an_item(house: House, driven: Driven) -> None:
    workspace = house.new_workspace()
    item = house.new_item(workspace)

    returned = driven("core_sdk_run.py", {"workspace": workspace, "item": item})

    job = house.job(workspace, item, returned["id"])
    assert (returned["status"], job["status"], job["jobType"]) == ("Completed", "Completed", "RunNotebook")
