"""Workspaces and items behind roles, over a real store and engine; no HTTP."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from weft.catalog import scopes
from weft.catalog.catalog import Catalog
from weft.catalog.errors import ItemNotFound, NameTaken, RoleTooLow, WorkspaceNotFound
from weft.catalog.model import Item, Principal, Role
from weft.catalog.principals import as_known
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.errors import ScopeBusy, ScopeClosed
from weft.engine.events import Events
from weft.engine.jobs import JobKey, NewJob, Stopped
from weft.engine.lifecycle import Event
from weft.stores.sqlite import SqliteStore

TENANT = "0f0e0d0c-0b0a-4908-8706-050403020100"
OTHER_TENANT = "7b3f1f0e-5a0f-4c56-8f2e-1d8a4a1c0b11"


def person(name: str, tenant: str = TENANT) -> Principal:
    return Principal(id=f"id of {name}", tenant=tenant, name=name, is_app=False, scopes=frozenset())


ADMIN = person("admin")


@pytest.fixture
def engine(store: SqliteStore) -> Engine:
    return Engine(store, SystemClock(), Events())


@pytest.fixture
def catalog(store: SqliteStore, engine: Engine) -> Catalog:
    return Catalog(store, engine, SystemClock(), stop_seconds=0.05)


async def test_who_makes_a_workspace_is_its_admin(catalog: Catalog, store: SqliteStore) -> None:
    made = await catalog.create_workspace(ADMIN, "plans", description="ours")

    assert (made.display_name, made.description, made.tenant) == ("plans", "ours", TENANT)
    assert await store.role(made.id, ADMIN.id) is Role.ADMIN


Deed = Callable[[Catalog, Principal, str, str], Awaitable[object]]
DEEDS: dict[str, tuple[Deed, Role]] = {
    "see the workspace": (lambda c, who, w, i: c.workspace(who, w), Role.VIEWER),
    "list items": (lambda c, who, w, i: c.items(who, w, type=None, after=0, limit=9), Role.VIEWER),
    "see the item": (lambda c, who, w, i: c.item(who, w, i), Role.VIEWER),
    "make an item": (
        lambda c, who, w, i: c.create_item(who, w, "Notebook", display_name="new"),
        Role.CONTRIBUTOR,
    ),
    "use the item": (lambda c, who, w, i: c.item(who, w, i, needs=Role.CONTRIBUTOR), Role.CONTRIBUTOR),
    "delete the item": (lambda c, who, w, i: c.delete_item(who, w, i), Role.CONTRIBUTOR),
    "delete the workspace": (lambda c, who, w, i: c.delete_workspace(who, w), Role.ADMIN),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("role", [None, *Role])
async def test_a_role_allows_just_what_is_its_own(
    catalog: Catalog, store: SqliteStore, deed: str, role: Role | None
) -> None:
    do, needed = DEEDS[deed]
    workspace = await catalog.create_workspace(ADMIN, "plans")
    item = await catalog.create_item(ADMIN, workspace.id, "Notebook", display_name="sales")
    colleague = person("colleague")
    if role is not None:
        await store.give_role(workspace.id, as_known(colleague), role)

    if role is None:
        with pytest.raises(WorkspaceNotFound):
            await do(catalog, colleague, workspace.id, item.id)
    elif role < needed:
        with pytest.raises(RoleTooLow) as refused:
            await do(catalog, colleague, workspace.id, item.id)
        assert refused.value.needed is needed
    else:
        await do(catalog, colleague, workspace.id, item.id)


async def test_a_role_is_worth_nothing_in_a_workspace_of_another_tenant(
    catalog: Catalog, store: SqliteStore
) -> None:
    workspace = await catalog.create_workspace(ADMIN, "plans")
    twin = person("admin", OTHER_TENANT)

    with pytest.raises(WorkspaceNotFound):
        await catalog.workspace(twin, workspace.id)
    assert await catalog.workspaces(twin, after=0, limit=9) == []


async def test_two_tenants_may_use_one_name_and_one_tenant_may_not(catalog: Catalog) -> None:
    await catalog.create_workspace(ADMIN, "plans")

    await catalog.create_workspace(person("admin", OTHER_TENANT), "plans")
    with pytest.raises(NameTaken) as taken:
        await catalog.create_workspace(person("colleague"), "plans")

    assert taken.value.name == "plans"


async def test_two_who_make_one_item_at_once_do_not_both_get_it(catalog: Catalog) -> None:
    workspace = await catalog.create_workspace(ADMIN, "plans")

    async def make() -> bool:
        try:
            await catalog.create_item(ADMIN, workspace.id, "Notebook", display_name="sales")
        except NameTaken:
            return False
        return True

    assert sum(await asyncio.gather(*(make() for _ in range(5)))) == 1


async def test_an_item_is_found_in_its_own_workspace_only(catalog: Catalog) -> None:
    one = await catalog.create_workspace(ADMIN, "one")
    two = await catalog.create_workspace(ADMIN, "two")
    item = await catalog.create_item(ADMIN, one.id, "Notebook", display_name="sales")

    with pytest.raises(ItemNotFound):
        await catalog.item(ADMIN, two.id, item.id)
    with pytest.raises(ItemNotFound):
        await catalog.delete_item(ADMIN, two.id, item.id)

    assert (await catalog.item(ADMIN, one.id, item.id)).display_name == "sales"


async def submit(engine: Engine, workspace: str, item: str, id: str) -> JobKey:
    key = JobKey(scopes.of_item(workspace, item), id)
    await engine.submit(NewJob(key=key, queue="core", kind="run"))
    return key


async def test_deleting_an_item_ends_its_jobs_and_no_others(catalog: Catalog, engine: Engine) -> None:
    workspace = await catalog.create_workspace(ADMIN, "plans")
    item = await catalog.create_item(ADMIN, workspace.id, "Notebook", display_name="sales")
    neighbour = await catalog.create_item(ADMIN, workspace.id, "Notebook", display_name="costs")
    key = await submit(engine, workspace.id, item.id, "job")
    other = await submit(engine, workspace.id, neighbour.id, "job")

    await catalog.delete_item(ADMIN, workspace.id, item.id)

    with pytest.raises(ItemNotFound):
        await catalog.item(ADMIN, workspace.id, item.id)
    with pytest.raises(ScopeClosed):
        await submit(engine, workspace.id, item.id, "late job")
    assert (await engine.get(key)).cancel_requested_by == ADMIN.id
    assert not (await engine.get(other)).is_final


@pytest.mark.parametrize("what", ["item", "workspace"])
async def test_a_delete_waits_for_the_stop_and_can_be_repeated_where_it_does_not_come(
    catalog: Catalog, engine: Engine, what: str
) -> None:
    workspace = await catalog.create_workspace(ADMIN, "plans")
    item = await catalog.create_item(ADMIN, workspace.id, "Notebook", display_name="sales")
    await submit(engine, workspace.id, item.id, "job")
    [job] = await engine.claim("core", Event.DISPATCH, worker="w", limit=1, lease=timedelta(minutes=1))

    async def delete() -> None:
        if what == "item":
            await catalog.delete_item(ADMIN, workspace.id, item.id)
        else:
            await catalog.delete_workspace(ADMIN, workspace.id)

    with pytest.raises(ScopeBusy):
        await delete()
    assert (await catalog.item(ADMIN, workspace.id, item.id)).id == item.id
    await engine.finish(job, Stopped(), cancel_wins=False)
    await delete()
    with pytest.raises(ItemNotFound if what == "item" else WorkspaceNotFound):
        await catalog.item(ADMIN, workspace.id, item.id)


async def test_an_item_is_not_made_in_a_workspace_that_is_deleted_meanwhile(
    catalog: Catalog, store: SqliteStore, engine: Engine, tmp_path: Path
) -> None:
    workspace = await catalog.create_workspace(ADMIN, "plans")

    def id_after_delete() -> str:
        with closing(sqlite3.connect(tmp_path / "weft.db")) as database, database:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("DELETE FROM workspaces")
        return "item"

    slow = Catalog(store, engine, SystemClock(), stop_seconds=0.05, new_id=id_after_delete)

    with pytest.raises(WorkspaceNotFound):
        await slow.create_item(ADMIN, workspace.id, "Notebook", display_name="sales")
    assert await store.item(workspace.id, "item") is None


async def test_a_callers_reach_is_the_workspaces_with_a_role_and_their_items(
    catalog: Catalog, store: SqliteStore
) -> None:
    ours, shared = [await catalog.create_workspace(ADMIN, name) for name in ("ours", "shared")]
    theirs = await catalog.create_workspace(person("other"), "theirs")
    items = [await _an_item(catalog, workspace.id) for workspace in (ours, shared)]
    foreign = await catalog.create_item(person("other"), theirs.id, "Forecast", display_name="f")
    viewer = person("viewer")
    await store.give_role(shared.id, as_known(viewer), Role.VIEWER)
    every = [item.id for item in (*items, foreign)]

    assert await catalog.reach(ADMIN) == {ours.id, shared.id}
    assert await catalog.reach(viewer) == {shared.id}
    assert await catalog.reach(person("admin", OTHER_TENANT)) == frozenset()
    assert {item.id for item in await catalog.items_of(ADMIN, every)} == {item.id for item in items}
    assert [item.id for item in await catalog.items_of(viewer, every)] == [items[1].id]


async def _an_item(catalog: Catalog, workspace: str) -> Item:
    return await catalog.create_item(ADMIN, workspace, "Forecast", display_name="f")
