"""The Fabric CLI, unmodified, makes, lists, shows, renames and removes workspaces, folders and items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.clients.fab import Fab
from tests.clients.house import House

CELLS: list[dict[str, Any]] = [
    {
        "cell_type": "code",
        "id": "one",
        "metadata": {},
        "source": ["print('hello')"],
        "outputs": [],
        "execution_count": None,
    }
]
NOTEBOOK = {
    "cells": CELLS,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_a_workspace_is_made_on_the_capacity_listed_and_removed(fab: Fab, house: House) -> None:
    name = f"desk {uuid4()}"

    made = fab.ok("mkdir", f"{name}.Workspace", "-P", "capacityName=Local")
    listed = fab.data("ls", "-l")

    (capacity,) = house.get("/v1/capacities")["value"]
    workspace = house.get(f"/v1/workspaces/{house.workspace(name)}")
    assert f"* '{name}.Workspace' created" in made
    assert (workspace["displayName"], workspace["capacityId"]) == (name, capacity["id"])
    (shown,) = (one for one in listed if one["name"] == f"{name}.Workspace")
    assert (shown["id"], shown["capacityName"]) == (workspace["id"], capacity["displayName"])

    removed = fab.ok("rm", f"{name}.Workspace", "-f")

    assert f"* '{name}.Workspace' deleted" in removed
    assert name not in [one["displayName"] for one in house.get("/v1/workspaces")["value"]]


def test_items_are_made_in_folders_listed_renamed_and_removed(fab: Fab, house: House) -> None:
    desk = f"desk {uuid4()}"
    workspace = house.new_workspace(desk)
    fab.ok("config", "set", "folder_listing_enabled", "true")

    made = fab.ok("mkdir", f"{desk}.Workspace/plan.Notebook")
    drawer = fab.ok("mkdir", f"{desk}.Workspace/drawer.Folder")
    fab.ok("mkdir", f"{desk}.Workspace/drawer.Folder/load.DataPipeline")
    above, below = (fab.ok("ls", f"{desk}.Workspace{path}").split() for path in ("", "/drawer.Folder"))

    assert "* 'plan.Notebook' created" in made
    assert "* 'drawer.Folder' created" in drawer
    assert (above, below) == (["drawer.Folder", "plan.Notebook"], ["load.DataPipeline"])
    (folder,) = house.get(f"/v1/workspaces/{workspace}/folders")["value"]
    items = {one["displayName"]: one for one in house.get(f"/v1/workspaces/{workspace}/items")["value"]}
    assert folder["displayName"] == "drawer"
    assert (items["plan"]["type"], items["plan"].get("folderId")) == ("Notebook", None)
    assert (items["load"]["type"], items["load"]["folderId"]) == ("DataPipeline", folder["id"])

    fab.ok("set", f"{desk}.Workspace/plan.Notebook", "-q", "displayName", "-i", "draft", "-f")

    assert house.item(workspace, "draft") == items["plan"]["id"]
    assert fab.ok("exists", f"{desk}.Workspace/plan.Notebook").split() == ["*", "false"]
    assert fab.ok("exists", f"{desk}.Workspace/draft.Notebook").split() == ["*", "true"]

    removed = fab.ok("rm", f"{desk}.Workspace/draft.Notebook", "-f")

    left = house.get(f"/v1/workspaces/{workspace}/items")["value"]
    assert "* 'draft.Notebook' deleted" in removed
    assert [one["displayName"] for one in left] == ["load"]


def test_a_notebook_is_imported_shown_and_exported(fab: Fab, house: House, tmp_path: Path) -> None:
    desk = f"desk {uuid4()}"
    workspace = house.new_workspace(desk)
    source, target = tmp_path / "plan.Notebook", tmp_path / "exported"
    source.mkdir()
    target.mkdir()
    (source / "notebook-content.ipynb").write_text(json.dumps(NOTEBOOK))

    imported = fab.ok("import", f"{desk}.Workspace/plan.Notebook", "-i", str(source), "-f")
    shown = json.loads(fab.ok("get", f"{desk}.Workspace/plan.Notebook", "-q", ".", "-f"))
    fab.ok("export", f"{desk}.Workspace/plan.Notebook", "-o", str(target), "-f")

    assert "* 'plan.Notebook' imported" in imported
    assert (shown["id"], shown["schedules"]) == (house.item(workspace, "plan"), [])
    assert shown["definition"]["parts"][0]["payload"]["cells"] == CELLS
    assert json.loads((target / source.name / "notebook-content.ipynb").read_text()) == NOTEBOOK

    draft, copy = f"{desk}.Workspace/draft.Notebook", f"{desk}.Workspace/copy.Notebook"
    fab.ok("mkdir", draft)  # gives a definition as it is kept in Git
    drafted = json.loads(fab.ok("get", draft, "-q", "definition.parts[0].payload", "-f"))
    fab.ok("export", draft, "-o", str(target), "-f")
    fab.ok("cp", draft, copy, "-f")

    [cell] = drafted["cells"]
    assert cell["source"][0] == "# Welcome to your new notebook\n"
    assert json.loads((target / "draft.Notebook" / "notebook-content.ipynb").read_text()) == drafted
    [kept, copied] = [house.definition(workspace, house.item(workspace, name)) for name in ("draft", "copy")]
    assert copied == kept


def test_what_is_not_there_is_not_found_and_no_name_is_taken_twice(fab: Fab, house: House) -> None:
    desk = f"desk {uuid4()}"
    house.new_item(house.new_workspace(desk), "plan")

    missing = fab("ls", f"{uuid4()}.Workspace")
    twice = fab("mkdir", f"{desk}.Workspace/plan.Notebook")

    assert (missing.code, "[NotFound]" in missing.out) == (1, True)
    assert (twice.code, "An item with the same name exists" in twice.out) == (1, True)


def test_who_may_use_a_workspace_is_listed(fab: Fab, house: House) -> None:
    desk = f"desk {uuid4()}"
    house.new_workspace(desk)

    (role,) = fab.data("acl", "ls", f"{desk}.Workspace")

    assert (role["acl"], role["identity"], role["type"]) == ("Admin", house.app.client_id, "ServicePrincipal")


def test_what_an_item_can_do_is_described(fab: Fab, house: House) -> None:
    desk = f"desk {uuid4()}"
    house.new_item(house.new_workspace(desk), "plan")

    described = fab.ok("desc", f"{desk}.Workspace/plan.Notebook")

    assert {"job run", "job start", "job run-cancel", "job run-sch"} <= {
        line.strip() for line in described.splitlines()
    }
