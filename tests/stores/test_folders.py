"""The contract of FolderStore, and of what a catalog's store does with items in folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.people import a_user
from tests.dump import dump
from tests.stores.builders import NOW, a_workspace, an_item
from weft.catalog.errors import (
    FolderLoop,
    FolderNameTaken,
    FolderNotEmpty,
    FolderNotFound,
    FolderTooDeep,
    WorkspaceNotFound,
)
from weft.catalog.model import EVERYWHERE, Folder, Within
from weft.catalog.ports import CatalogStore

DEEPEST = 3


def a_folder(id: str, parent: str | None = None, **given: Any) -> Folder:
    folder = Folder(id=id, workspace="w1", display_name=f"Folder {id}", created_at=NOW, parent=parent)
    return replace(folder, **given)


@pytest.fixture(autouse=True)
async def workspaces(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace("w1"), a_user("ann"))
    await store.add_workspace(a_workspace("w2"), a_user("ann"))


async def add(store: CatalogStore, *folders: Folder) -> None:
    for folder in folders:
        await store.add_folder(folder, deepest=DEEPEST)


async def ids(store: CatalogStore, within: Within) -> list[str]:
    return [folder.id for folder in await store.folders("w1", within, after=0, limit=99)]


def ids_of(folders: Sequence[Folder]) -> list[str]:
    return [folder.id for folder in folders]


# ---- folders


async def test_a_folder_is_read_back_as_it_was(store: CatalogStore) -> None:
    top, below = a_folder("f1", display_name="Ünïcode 🏢"), a_folder("f2", "f1")

    await add(store, top, below)

    kept = [await store.folder("w1", id) for id in ("f1", "f2")]
    assert [None if one is None else replace(one, number=0) for one in kept] == [top, below]
    assert await store.folder("w2", "f1") is None
    assert await store.folder("w1", "f3") is None


async def test_a_name_is_taken_once_at_a_place(store: CatalogStore) -> None:
    await add(store, a_folder("f1", display_name="Sales"))

    with pytest.raises(FolderNameTaken):
        await add(store, a_folder("f2", display_name="Sales"))
    await add(store, a_folder("f3", "f1", display_name="Sales"))
    with pytest.raises(FolderNameTaken):
        await add(store, a_folder("f4", "f1", display_name="Sales"))
    await add(store, a_folder("f5", workspace="w2", display_name="Sales"))

    assert await ids(store, EVERYWHERE) == ["f1", "f3"]


async def test_no_folder_is_added_where_there_is_no_place_for_it(store: CatalogStore) -> None:
    await add(store, a_folder("f1", workspace="w2"))

    with pytest.raises(WorkspaceNotFound):
        await add(store, a_folder("f2", workspace="w3"))
    for parent in ("f1", "f9"):
        with pytest.raises(FolderNotFound):
            await add(store, a_folder("f3", parent))

    assert await ids(store, EVERYWHERE) == []


async def test_folders_lie_in_each_other_only_so_deep(store: CatalogStore) -> None:
    await add(store, a_folder("f1"), a_folder("f2", "f1"), a_folder("f3", "f2"))

    with pytest.raises(FolderTooDeep) as told:
        await add(store, a_folder("f4", "f3"))

    assert (told.value.parent, told.value.deepest) == ("f3", DEEPEST)
    assert await store.folder("w1", "f4") is None


async def test_folders_are_listed_by_where_they_lie(store: CatalogStore) -> None:
    await add(
        store,
        a_folder("f1"),
        a_folder("f2", "f1"),
        a_folder("f3"),
        a_folder("f4", "f2"),
        a_folder("f5", "f1"),
    )
    await add(store, a_folder("f6", workspace="w2"))

    assert await ids(store, EVERYWHERE) == ["f1", "f2", "f3", "f4", "f5"]
    assert await ids(store, Within(is_deep=False)) == ["f1", "f3"]
    assert await ids(store, Within("f1", is_deep=False)) == ["f2", "f5"]
    assert await ids(store, Within("f1")) == ["f2", "f4", "f5"]
    assert await ids(store, Within("f6")) == []
    assert await ids(store, Within("f6", is_deep=False)) == []


@pytest.mark.parametrize("within", [EVERYWHERE, Within("f0"), Within("f0", is_deep=False)])
async def test_a_list_of_folders_goes_on_where_it_stopped(store: CatalogStore, within: Within) -> None:
    await add(store, a_folder("f0"), *(a_folder(f"g{number}", "f0") for number in range(5)))

    first = await store.folders("w1", within, after=0, limit=2)
    second = await store.folders("w1", within, after=first[-1].number, limit=9)

    everything = await ids(store, within)
    assert ids_of(first) == everything[:2]
    assert ids_of(second) == everything[2:]


async def test_the_path_of_a_folder_begins_at_the_top(store: CatalogStore) -> None:
    await add(store, a_folder("f1"), a_folder("f2", "f1"), a_folder("f3", "f2"))

    assert list(await store.folder_path("w1", "f3")) == [
        ("f1", "Folder f1"),
        ("f2", "Folder f2"),
        ("f3", "Folder f3"),
    ]
    assert list(await store.folder_path("w2", "f3")) == []


async def test_a_folder_takes_a_new_name_unless_another_has_it(store: CatalogStore) -> None:
    await add(store, a_folder("f1", display_name="Sales"), a_folder("f2", display_name="Stock"))

    renamed = await store.rename_folder("w1", "f1", "Plans")
    same = await store.rename_folder("w1", "f1", "Plans")
    with pytest.raises(FolderNameTaken):
        await store.rename_folder("w1", "f1", "Stock")
    for workspace, id in (("w2", "f1"), ("w1", "f9")):
        with pytest.raises(FolderNotFound):
            await store.rename_folder(workspace, id, "Mine")

    assert renamed == same == await store.folder("w1", "f1")
    assert renamed.display_name == "Plans"


async def test_a_folder_moves_with_all_that_lies_in_it(store: CatalogStore) -> None:
    await add(store, a_folder("f1"), a_folder("f2"), a_folder("f3", "f2"))

    moved = await store.move_folder("w1", "f2", "f1", deepest=DEEPEST)
    deep = await ids(store, Within("f1"))
    back = await store.move_folder("w1", "f2", None, deepest=DEEPEST)

    assert (moved.parent, back.parent) == ("f1", None)
    assert deep == ["f2", "f3"]
    assert await store.folder("w1", "f2") == back


async def test_a_folder_is_not_moved_where_it_cannot_lie(store: CatalogStore) -> None:
    await add(store, a_folder("f1"), a_folder("f2", "f1"), a_folder("f3", "f2"), a_folder("f4"))
    await add(store, a_folder("f5", "f4", display_name="Folder f1"), a_folder("f6", workspace="w2"))
    before = await store.folders("w1", EVERYWHERE, after=0, limit=9)

    for target in ("f1", "f3"):
        with pytest.raises(FolderLoop):
            await store.move_folder("w1", "f1", target, deepest=DEEPEST)
    with pytest.raises(FolderTooDeep):
        await store.move_folder("w1", "f2", "f5", deepest=DEEPEST)
    with pytest.raises(FolderNameTaken):
        await store.move_folder("w1", "f5", None, deepest=DEEPEST)
    unknown: list[tuple[str, str | None]] = [("f9", None), ("f6", None), ("f4", "f9"), ("f4", "f6")]
    for id, into in unknown:
        with pytest.raises(FolderNotFound):
            await store.move_folder("w1", id, into, deepest=DEEPEST)

    assert await store.folders("w1", EVERYWHERE, after=0, limit=9) == before


async def test_only_an_empty_folder_is_deleted(store: CatalogStore) -> None:
    await add(store, a_folder("f1"), a_folder("f2", "f1"), a_folder("f3"), a_folder("f4"))
    await store.add_item(an_item("i1", folder="f3"))
    await store.add_item(an_item("i2", folder="f4"), is_visible=False)

    for id in ("f1", "f3", "f4"):
        with pytest.raises(FolderNotEmpty):
            await store.delete_folder("w1", id)
    await store.delete_folder("w1", "f2")
    await store.delete_folder("w1", "f1")
    for workspace, id in (("w1", "f1"), ("w2", "f3")):
        with pytest.raises(FolderNotFound):
            await store.delete_folder(workspace, id)

    assert await ids(store, EVERYWHERE) == ["f3", "f4"]


async def test_folders_go_with_their_workspace(store: CatalogStore, path: Path) -> None:
    await add(store, a_folder("f1"), a_folder("f2", "f1"))
    await store.add_item(an_item("i1", folder="f2"))

    await store.delete_workspace("w1")

    assert dump(path)["folders"] == []
    assert dump(path)["items"] == []


# ---- items in folders


async def items_in(store: CatalogStore, within: Within, type: str | None = None) -> list[str]:
    return [item.id for item in await store.items("w1", type=type, within=within, after=0, limit=99)]


async def test_items_are_listed_by_the_folder_that_they_lie_in(store: CatalogStore) -> None:
    await add(store, a_folder("f1"), a_folder("f2", "f1"), a_folder("f3"), a_folder("f6", workspace="w2"))
    for id, folder, type in (
        ("i1", "f2", "Forecast"),
        ("i2", None, "Forecast"),
        ("i3", "f1", "Notebook"),
        ("i4", "f3", "Forecast"),
        ("i5", "f1", "Forecast"),
    ):
        await store.add_item(an_item(id, folder=folder, type=type))
    await store.add_item(an_item("i6", folder="f1"), is_visible=False)

    assert await items_in(store, EVERYWHERE) == ["i1", "i2", "i3", "i4", "i5"]
    assert await items_in(store, Within(is_deep=False)) == ["i2"]
    assert await items_in(store, Within(is_deep=False), "Notebook") == []
    assert await items_in(store, Within("f1")) == ["i1", "i3", "i5"]
    assert await items_in(store, Within("f1"), "Forecast") == ["i1", "i5"]
    assert await items_in(store, Within("f1", is_deep=False)) == ["i3", "i5"]
    assert await items_in(store, Within("f1", is_deep=False), "Notebook") == ["i3"]
    assert await items_in(store, Within("f6")) == []


@pytest.mark.parametrize("within", [Within(is_deep=False), Within("f1"), Within("f1", is_deep=False)])
async def test_a_list_of_items_goes_on_where_it_stopped(store: CatalogStore, within: Within) -> None:
    await add(store, a_folder("f1"))
    for number in range(5):
        await store.add_item(an_item(f"i{number}", folder=within.root))

    first = await store.items("w1", type=None, within=within, after=0, limit=2)
    second = await store.items("w1", type=None, within=within, after=first[-1].number, limit=9)

    assert [item.id for item in (*first, *second)] == [f"i{number}" for number in range(5)]


async def test_an_item_shows_the_folder_that_it_lies_in(store: CatalogStore) -> None:
    await add(store, a_folder("f1"))
    item = an_item("i1", folder="f1")

    await store.add_item(item)
    await store.update_item(replace(item, folder=None, display_name="new"))

    kept = await store.item("w1", "i1")
    assert kept is not None
    assert (kept.folder, kept.display_name) == ("f1", "new")


@pytest.mark.parametrize("folder", ["f9", "f6"])
async def test_no_item_is_added_to_a_folder_that_is_not_there(store: CatalogStore, folder: str) -> None:
    await add(store, a_folder("f6", workspace="w2"))

    assert not await store.add_item(an_item("i1", folder=folder))

    assert await items_in(store, EVERYWHERE) == []


async def test_an_item_moves_between_the_folders_of_its_workspace(store: CatalogStore) -> None:
    await add(store, a_folder("f1"), a_folder("f6", workspace="w2"))
    await store.add_item(an_item("i1"))
    await store.add_item(an_item("i2"), is_visible=False)

    moved = await store.move_item("w1", "i1", "f1")
    for folder in ("f6", "f9"):
        with pytest.raises(FolderNotFound):
            await store.move_item("w1", "i1", folder)
    there = await items_in(store, Within("f1"))
    back = await store.move_item("w1", "i1", None)

    assert moved is not None
    assert back is not None
    assert (moved.folder, back.folder) == ("f1", None)
    assert there == ["i1"]
    assert await store.move_item("w2", "i1", None) is None
    assert await store.move_item("w1", "i2", "f1") is None


async def test_the_definitions_of_some_or_all_items_are_measured(store: CatalogStore) -> None:
    await store.add_item(an_item("i1"), definition=b"one")
    await store.add_item(an_item("i2"), definition=b"three")
    await store.add_item(an_item("i3", workspace="w2"), definition=b"elsewhere")
    await store.add_item(an_item("i4"), definition=b"hidden", is_visible=False)

    assert await store.definition_bytes("w1", None) == 8
    assert await store.definition_bytes("w1", ["i2", "i3", "i4"]) == 5
    assert await store.definition_bytes("w1", []) == 0
