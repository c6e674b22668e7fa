"""Who reaches which files: the roles of the catalog, by names and by ids."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from weft.catalog.catalog import Catalog
from weft.catalog.model import Principal, Role
from weft.catalog.principals import as_known
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.onelake import access as subject
from weft.onelake.access import CatalogAccess
from weft.onelake.errors import FilesystemNotFound, NotPermitted, PathNotFound
from weft.stores.sqlite import SqliteStore

TENANT = "00000000-0000-4000-8000-0000000000aa"
UNKNOWN = "00000000-0000-4000-8000-00000000dead"
TYPE = "Contoso.Sample.Thing"


def person(name: str, tenant: str = TENANT) -> Principal:
    return Principal(id=str(uuid4()), tenant=tenant, name=name, is_app=False, scopes=frozenset())


@dataclass
class House:
    store: SqliteStore
    catalog: Catalog
    access: CatalogAccess
    admin: Principal
    workspace: str
    item: str


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(subject, "_PAGE", 2)
    clock = SystemClock()
    store = SqliteStore.open(tmp_path / "weft.db", writes_waiting=100)
    catalog = Catalog(store, Engine(store, clock, Events()), clock, stop_seconds=1)
    admin = person("admin")
    for number in range(4):
        await catalog.create_workspace(admin, f"other {number}")
    workspace = (await catalog.create_workspace(admin, "mine")).id
    for number in range(4):
        await catalog.create_item(admin, workspace, TYPE, display_name=f"other {number}")
    item = (await catalog.create_item(admin, workspace, TYPE, display_name="report.v1")).id
    yield House(store, catalog, CatalogAccess(catalog), admin, workspace, item)
    await store.close()


async def test_a_workspace_is_found_by_name_and_by_id(house: House) -> None:
    for name in ("mine", house.workspace, house.workspace.upper()):
        assert await house.access.workspace(house.admin, name, writes=True) == house.workspace


async def test_an_item_is_found_by_name_with_type_and_by_id(house: House) -> None:
    for name in (f"report.v1.{TYPE}", f"report.v1.{TYPE.lower()}", house.item, house.item.upper()):
        assert await house.access.item(house.admin, house.workspace, name) == house.item


@pytest.mark.parametrize("name", ["report.v1", "report", "report.v1.Other", "other", UNKNOWN])
async def test_an_item_that_is_not_there_is_not_found(house: House, name: str) -> None:
    with pytest.raises(PathNotFound):
        await house.access.item(house.admin, house.workspace, name)


async def test_all_items_are_listed(house: House) -> None:
    names = [folder.name for folder in await house.access.items(house.admin, house.workspace)]

    assert names == [*(f"other {number}.{TYPE}" for number in range(4)), f"report.v1.{TYPE}"]


@pytest.mark.parametrize(
    ("role", "writes", "may"),
    [
        (Role.VIEWER, False, True),
        (Role.VIEWER, True, False),
        (Role.CONTRIBUTOR, True, True),
        (Role.MEMBER, True, True),
    ],
)
async def test_the_role_decides(house: House, role: Role, writes: bool, may: bool) -> None:
    caller = person("colleague")
    await house.store.give_role(house.workspace, as_known(caller), role)

    for name in ("mine", house.workspace):
        if may:
            assert await house.access.workspace(caller, name, writes=writes) == house.workspace
        else:
            with pytest.raises(NotPermitted):
                await house.access.workspace(caller, name, writes=writes)


@pytest.mark.parametrize("tenant", [TENANT, UNKNOWN])
async def test_who_has_no_role_learns_nothing(house: House, tenant: str) -> None:
    stranger = person("stranger", tenant)

    for name in ("mine", house.workspace, "unknown", str(uuid4())):
        for writes in (False, True):
            with pytest.raises(FilesystemNotFound):
                await house.access.workspace(stranger, name, writes=writes)
    with pytest.raises(FilesystemNotFound):
        await house.access.items(stranger, house.workspace)
    with pytest.raises(PathNotFound):
        await house.access.item(stranger, house.workspace, house.item)


async def test_a_role_in_a_workspace_of_another_tenant_opens_nothing(house: House) -> None:
    foreign = person("foreign", str(uuid4()))
    await house.store.give_role(house.workspace, as_known(foreign), Role.ADMIN)

    with pytest.raises(FilesystemNotFound):
        await house.access.workspace(foreign, house.workspace, writes=False)


async def test_an_item_of_another_workspace_is_not_found(house: House) -> None:
    other = await house.access.workspace(house.admin, "other 0", writes=False)

    with pytest.raises(PathNotFound):
        await house.access.item(house.admin, other, house.item)
