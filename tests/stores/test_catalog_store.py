"""The contract of CatalogStore: what every store does with workspaces, items and roles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.catalog.people import a_user
from tests.dump import dump
from tests.stores.builders import a_workspace, after, an_item
from tests.stores.conftest import Store
from weft.catalog.errors import NameTaken
from weft.catalog.model import Role
from weft.catalog.ports import CatalogStore, Reached

# ---- workspaces


async def test_a_workspace_is_read_back_as_it_was(store: CatalogStore) -> None:
    workspace = a_workspace(display_name="Ünïcode 🏢", description="about\x00it")

    added = await store.add_workspace(workspace, a_user("ann"))

    kept = await store.workspace("w1")
    assert added
    assert kept is not None
    assert kept.number > 0
    assert replace(kept, number=0) == workspace
    assert await store.workspace("w2") is None


async def test_who_adds_a_workspace_is_its_admin(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))

    assert await store.role("w1", "ann") is Role.ADMIN
    assert await store.role("w1", "bob") is None


async def test_a_name_is_taken_once_in_a_tenant(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace("w1", display_name="Sales"), a_user("ann"))

    same_tenant = await store.add_workspace(a_workspace("w2", display_name="Sales"), a_user("bob"))
    other_tenant = await store.add_workspace(
        a_workspace("w3", display_name="Sales", tenant="t2"), a_user("bob")
    )

    assert not same_tenant
    assert other_tenant
    assert await store.workspace("w2") is None
    assert await store.role("w2", "bob") is None


async def test_workspaces_are_listed_for_those_who_have_a_role(store: Store) -> None:
    for id, admin in (("w1", "ann"), ("w2", "bob"), ("w3", "ann")):
        await store.add_workspace(a_workspace(id), a_user(admin))
    await store.add_workspace(a_workspace("w4", tenant="t2"), a_user("ann"))
    await store.give_role("w2", a_user("ann"), Role.VIEWER)

    first = await store.workspaces("t1", "ann", after=0, limit=2)
    second = await store.workspaces("t1", "ann", after=first[-1].number, limit=2)

    assert [workspace.id for workspace in first] == ["w1", "w2"]
    assert [workspace.id for workspace in second] == ["w3"]
    assert list(await store.workspaces("t1", "eve", after=0, limit=9)) == []


async def test_a_deleted_workspace_takes_roles_and_items_along(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item())

    await store.add_item(an_item("i2", display_name="not shown yet"), is_visible=False)

    deleted = await store.delete_workspace("w1")
    again = await store.delete_workspace("w1")

    assert [item.id for item in deleted or ()] == ["i1", "i2"]
    assert again is None
    assert await store.workspace("w1") is None
    assert await store.role("w1", "ann") is None
    assert await store.item("w1", "i1") is None
    assert list(await store.workspaces("t1", "ann", after=0, limit=9)) == []


async def test_the_name_of_a_deleted_workspace_is_free_again(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace("w1", display_name="Sales"), a_user("ann"))
    await store.delete_workspace("w1")

    assert await store.add_workspace(a_workspace("w2", display_name="Sales"), a_user("ann"))


# ---- items


async def test_an_item_is_read_back_as_it_was(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    item = an_item()

    added = await store.add_item(item)

    kept = await store.item("w1", "i1")
    assert added
    assert kept is not None
    assert replace(kept, number=0) == item


async def test_an_item_is_found_in_its_own_workspace_only(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace("w1"), a_user("ann"))
    await store.add_workspace(a_workspace("w2"), a_user("ann"))
    await store.add_item(an_item())

    assert await store.item("w2", "i1") is None
    assert not await store.delete_item("w2", "i1")
    assert await store.item("w1", "i1") is not None


async def test_an_item_is_reached_with_a_role_in_its_own_workspace_only(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace("w1", tenant="t1"), a_user("ann"))
    await store.add_workspace(a_workspace("w2", tenant="t2", display_name="Other"), a_user("bob"))
    await store.add_item(an_item("i1", workspace="w1"))
    await store.add_item(an_item("i2", workspace="w1", display_name="hidden"), is_visible=False)

    reached = await store.reach_item("w1", "i1", "ann")

    assert reached == Reached(Role.ADMIN, "t1", await store.item("w1", "i1"))
    assert reached.item is not None
    assert await store.reach_item("w1", "i2", "ann") == Reached(Role.ADMIN, "t1", None)
    assert await store.reach_item("w2", "i1", "bob") == Reached(Role.ADMIN, "t2", None)
    assert await store.reach_item("w1", "i1", "bob") is None
    assert await store.reach_item("w3", "i1", "ann") is None


async def test_an_item_name_is_taken_once_in_a_workspace_and_type(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace("w1"), a_user("ann"))
    await store.add_workspace(a_workspace("w2"), a_user("ann"))
    await store.add_item(an_item("i1", display_name="Stock"))

    same = await store.add_item(an_item("i2", display_name="Stock"))
    other_type = await store.add_item(an_item("i3", display_name="Stock", type="Notebook"))
    other_workspace = await store.add_item(an_item("i4", display_name="Stock", workspace="w2"))

    assert (same, other_type, other_workspace) == (False, True, True)
    assert await store.item("w1", "i2") is None


async def test_no_item_is_added_to_a_workspace_that_is_not_there(store: CatalogStore) -> None:
    assert not await store.add_item(an_item())


async def test_items_are_listed_oldest_first_and_by_type(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace("w1"), a_user("ann"))
    await store.add_workspace(a_workspace("w2"), a_user("ann"))
    for id, type in (("i1", "Forecast"), ("i2", "Notebook"), ("i3", "Forecast"), ("i4", "Forecast")):
        await store.add_item(an_item(id, type=type))
    await store.add_item(an_item("i5", workspace="w2"))

    all_items = await store.items("w1", type=None, after=0, limit=9)
    first = await store.items("w1", type="Forecast", after=0, limit=2)
    second = await store.items("w1", type="Forecast", after=first[-1].number, limit=2)

    assert [item.id for item in all_items] == ["i1", "i2", "i3", "i4"]
    assert [item.id for item in first] == ["i1", "i3"]
    assert [item.id for item in second] == ["i4"]


async def test_a_deleted_item_is_gone_and_its_name_free(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item("i1", display_name="Stock"))

    deleted = await store.delete_item("w1", "i1")
    again = await store.delete_item("w1", "i1")

    assert (deleted, again) == (True, False)
    assert await store.item("w1", "i1") is None
    assert await store.add_item(an_item("i2", display_name="Stock"))


# ---- hidden items


async def test_a_hidden_item_is_found_by_nobody_but_its_name_is_taken(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))

    added = await store.add_item(an_item("i1", display_name="Stock"), is_visible=False)
    same_name = await store.add_item(an_item("i2", display_name="Stock"))

    assert (added, same_name) == (True, False)
    assert await store.item("w1", "i1") is None
    assert list(await store.items("w1", type=None, after=0, limit=9)) == []
    assert list(await store.items("w1", type="Forecast", after=0, limit=9)) == []
    assert not await store.update_item(an_item("i1"))
    assert not await store.delete_item("w1", "i1")
    assert await store.item_named("w1", "Forecast", "Stock") == "i1"


async def test_a_hidden_item_is_shown_once(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item(), is_visible=False)

    shown = await store.show_item("i1")
    again = await store.show_item("i1")

    assert (shown, again) == (True, False)
    assert await store.item("w1", "i1") is not None
    assert not await store.drop_hidden_item("i1")
    await store.free_name("i1")
    assert await store.item_named("w1", "Forecast", "Item i1") == "i1"


async def test_a_dropped_hidden_item_is_gone_and_its_name_free(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item("i1", display_name="Stock"), is_visible=False)

    dropped = await store.drop_hidden_item("i1")

    assert dropped
    assert not await store.show_item("i1")
    assert await store.add_item(an_item("i2", display_name="Stock"))


async def test_a_hidden_item_whose_name_is_free_is_kept(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item("i1", display_name="Stock"), is_visible=False)

    await store.free_name("i1")

    assert await store.add_item(an_item("i2", display_name="Stock"))
    assert [item.id for item in await store.hidden_items(after(1), limit=9)] == ["i1"]


async def test_hidden_items_are_listed_by_age(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    for id, seconds, is_visible in (("i1", 3, False), ("i2", 1, False), ("i3", 2, True), ("i4", 5, False)):
        await store.add_item(an_item(id, created_at=after(seconds)), is_visible=is_visible)

    older = await store.hidden_items(after(5), limit=9)
    oldest = await store.hidden_items(after(9), limit=1)

    assert [item.id for item in older] == ["i2", "i1"]
    assert [item.id for item in oldest] == ["i2"]


# ---- changes and definitions


async def test_an_item_takes_a_new_name_and_description(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item("i1", display_name="Stock"))

    kept = await store.update_item(an_item("i1", display_name="Store", description=None))

    item = await store.item("w1", "i1")
    assert kept
    assert item is not None
    assert (item.display_name, item.description) == ("Store", None)
    assert await store.add_item(an_item("i2", display_name="Stock"))


async def test_an_update_takes_no_name_of_another_and_then_changes_nothing(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item("i1", display_name="Stock"), definition=b"{}")
    await store.add_item(an_item("i2", display_name="Store"))

    with pytest.raises(NameTaken):
        await store.update_item(an_item("i1", display_name="Store", description="x"), definition=b"[]")

    item = await store.item("w1", "i1")
    assert item is not None
    assert (item.display_name, item.description) == ("Stock", "what it is")
    assert await store.definition("w1", "i1") == b"{}"


async def test_an_item_of_another_workspace_is_not_updated(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace("w1"), a_user("ann"))
    await store.add_workspace(a_workspace("w2"), a_user("ann"))
    await store.add_item(an_item("i1"))

    assert not await store.update_item(an_item("i1", workspace="w2", display_name="new"), definition=b"[]")
    assert await store.definition("w1", "i1") == b""


async def test_a_definition_stays_until_another_is_given(store: CatalogStore) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item("i1"), definition=b"one")

    await store.update_item(an_item("i1", display_name="new"))
    first = await store.definition("w1", "i1")
    await store.update_item(an_item("i1"), definition=b"two")
    second = await store.definition("w1", "i1")

    assert (first, second) == (b"one", b"two")
    assert await store.definition("w2", "i1") == b""


async def test_a_definition_goes_with_its_item(store: CatalogStore, path: Path) -> None:
    await store.add_workspace(a_workspace(), a_user("ann"))
    await store.add_item(an_item("i1"), definition=b"one")

    await store.delete_item("w1", "i1")

    assert await store.definition("w1", "i1") == b""
    assert dump(path)["definitions"] == []


async def test_items_are_found_by_their_ids_in_any_workspace(store: CatalogStore) -> None:
    for id in ("w1", "w2"):
        await store.add_workspace(a_workspace(id), a_user("ann"))
        await store.add_item(an_item(f"item of {id}", workspace=id))
    await store.add_item(an_item("hidden", display_name="hidden"), is_visible=False)

    found = await store.items_of({"item of w1", "item of w2", "hidden", "unknown"})

    assert sorted((item.workspace, item.id) for item in found) == [("w1", "item of w1"), ("w2", "item of w2")]
    assert await store.items_of(()) == []
