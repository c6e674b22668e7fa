"""`weft folder`, and items in folders, against a real server."""

from __future__ import annotations

import json
from uuid import uuid4

from tests.cli.conftest import Weft
from tests.cli.workload import ITEM_TYPE

Place = tuple[str, str]


def paths(weft: Weft, workspace: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in weft("folder", "list", workspace).out.splitlines()[1:]]


def names(weft: Weft, *arguments: str) -> list[str]:
    return [item["displayName"] for item in json.loads(weft("item", "list", *arguments, "--json").out)]


def test_folders_are_made_in_each_other_and_listed_by_path(weft: Weft, place: Place) -> None:
    workspace, _ = place

    top = weft("folder", "create", workspace, "sales")
    below = weft("folder", "create", workspace, "2026", "--parent", "sales", "--json")

    assert (top.code, below.code) == (0, 0)
    assert json.loads(below.out)["parentFolderId"] == top.out.strip()
    assert paths(weft, workspace) == ["sales", "sales/2026"]
    assert [
        folder["displayName"] for folder in json.loads(weft("folder", "list", workspace, "--json").out)
    ] == [
        "sales",
        "2026",
    ]


def test_a_folder_is_moved_into_another_and_back_and_deleted(weft: Weft, place: Place) -> None:
    workspace, _ = place
    weft("folder", "create", workspace, "sales")
    stock = weft("folder", "create", workspace, "stock").out.strip()

    moved = weft("folder", "move", workspace, stock, "/sales/")
    there = paths(weft, workspace)
    full = weft("folder", "delete", workspace, "sales")
    back = weft("folder", "move", workspace, "sales/stock")
    deleted = weft("folder", "delete", workspace, "sales")

    assert (moved.code, back.code, deleted.code) == (0, 0, 0)
    assert there == ["sales", "sales/stock"]
    assert (full.code, full.out) == (1, "")
    assert "FolderNotEmpty" in full.err
    assert paths(weft, workspace) == ["stock"]


def test_a_folder_that_is_not_there_is_named(weft: Weft, place: Place) -> None:
    done = weft("folder", "create", place[0], "2026", "--parent", "sales/plans")

    assert (done.code, done.err) == (1, "weft: no folder has the path 'sales/plans'\n")


def test_items_are_made_in_folders_listed_by_them_and_moved(weft: Weft, place: Place) -> None:
    workspace, item = place
    weft("folder", "create", workspace, "sales")
    weft("folder", "create", workspace, "2026", "--parent", "sales")
    name = f"i {uuid4()}"

    made = weft("item", "create", workspace, name, "--type", ITEM_TYPE, "--folder", "sales/2026")
    within = names(weft, workspace, "--folder", "sales")
    moved = weft("item", "move", workspace, item, "sales")
    both = names(weft, workspace, "--folder", "sales")
    back = weft("item", "move", workspace, item)

    assert (made.code, moved.code, back.code) == (0, 0, 0)
    assert within == [name]
    assert both == [item, name]
    assert names(weft, workspace, "--folder", "sales/2026") == [name]
    assert names(weft, workspace) == [item, name]
