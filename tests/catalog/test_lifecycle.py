"""Items whose workloads hear of them: what is kept when one refuses, is away, or the server dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.owner import NO_ANSWER, REFUSED, Owner
from tests.dump import dump
from weft.catalog import scopes
from weft.catalog.catalog import TOLD_AT_ONCE, Catalog
from weft.catalog.errors import ItemNotFound, ItemRefused, NameTaken, RoleTooLow, WorkspaceNotFound
from weft.catalog.model import Item, Principal, Role
from weft.catalog.principals import as_known
from weft.engine.engine import Engine
from weft.engine.errors import ScopeBusy, ScopeClosed, StoreUnavailable
from weft.engine.events import Events
from weft.engine.jobs import JobKey, NewJob
from weft.engine.lifecycle import Event
from weft.stores.sqlite import SqliteStore

ADMIN = Principal(id="admin", tenant="t1", name="Ann", is_app=False, scopes=frozenset())


class SettableClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 4, 27, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def engine(store: SqliteStore, clock: SettableClock) -> Engine:
    return Engine(store, clock, Events())


def a_catalog(store: SqliteStore, engine: Engine, clock: SettableClock, owner: Owner) -> Catalog:
    return Catalog(store, engine, clock, stop_seconds=0.05, lifecycle=owner)


@pytest.fixture
def catalog(store: SqliteStore, engine: Engine, clock: SettableClock, owner: Owner) -> Catalog:
    return a_catalog(store, engine, clock, owner)


@pytest.fixture
async def workspace(catalog: Catalog) -> str:
    return (await catalog.create_workspace(ADMIN, "plans")).id


async def made(catalog: Catalog, workspace: str, name: str = "sales", **given: Any) -> Item:
    return await catalog.create_item(ADMIN, workspace, "Notebook", display_name=name, **given)


async def turns(store: SqliteStore) -> None:
    """Let others get as far as they can: whatever they ask of the store is answered in the order asked."""
    for _ in range(20):
        await store.workspace("")
        await store.free_name("")


async def names(catalog: Catalog, workspace: str) -> list[str]:
    return [item.display_name for item in await catalog.items(ADMIN, workspace, type=None, after=0, limit=99)]


# ---- create


async def test_a_workload_is_told_before_anybody_sees_the_item(
    catalog: Catalog, owner: Owner, workspace: str, tmp_path: Path
) -> None:
    async def look(item: Item) -> None:
        assert await names(catalog, workspace) == []
        with pytest.raises(ItemNotFound):
            await catalog.item(ADMIN, workspace, item.id)
        with pytest.raises(NameTaken):
            await made(catalog, workspace)

    owner.meanwhile = look
    item = await made(catalog, workspace, payload=b'{"secret": 1}', definition=b'{"parts":[]}')

    assert owner.heard == [("created", "sales", b'{"secret": 1}', b'{"parts":[]}')]
    assert (await catalog.item(ADMIN, workspace, item.id)).display_name == "sales"
    assert await catalog.definition(ADMIN, workspace, item.id) == b'{"parts":[]}'
    assert "secret" not in repr(dump(tmp_path / "weft.db"))


async def test_a_refused_create_leaves_no_item(
    catalog: Catalog, owner: Owner, workspace: str, tmp_path: Path
) -> None:
    before = dump(tmp_path / "weft.db")
    owner.refusal = REFUSED

    with pytest.raises(ItemRefused):
        await made(catalog, workspace, definition=b"{}")

    after = dump(tmp_path / "weft.db")
    assert {name: rows for name, rows in after.items() if name != "sqlite_sequence"} == {
        name: rows for name, rows in before.items() if name != "sqlite_sequence"
    }
    owner.refusal = None
    assert (await made(catalog, workspace)).display_name == "sales", "its name is free again"


@pytest.mark.parametrize("status", [None, 500, 504])
async def test_an_item_that_its_workload_may_have_frees_its_name_and_is_told_gone_later(
    catalog: Catalog,
    owner: Owner,
    clock: SettableClock,
    workspace: str,
    store: SqliteStore,
    status: int | None,
) -> None:
    owner.refusal = ItemRefused(NO_ANSWER.error, status=status)
    with pytest.raises(ItemRefused):
        await made(catalog, workspace)
    owner.refusal = None
    await made(catalog, workspace)

    clock.time += timedelta(seconds=60)
    await catalog.sweep()
    too_early = list(owner.words)
    clock.time += timedelta(seconds=1)
    await catalog.sweep()

    assert too_early == [("created", "sales")] * 2
    assert owner.heard[2][0] == "deleted"
    assert owner.heard[2][2:] == ("", "t1"), "on behalf of nobody, in the item's tenant"
    assert len(owner.heard) == 3
    assert await names(catalog, workspace) == ["sales"]
    assert await store.hidden_items(clock.time, limit=9) == []


async def test_what_a_dead_server_was_making_is_removed_and_its_workload_told(
    catalog: Catalog,
    engine: Engine,
    owner: Owner,
    clock: SettableClock,
    workspace: str,
    store: SqliteStore,
) -> None:
    owner.refusal = RuntimeError("the server is killed here")
    with pytest.raises(RuntimeError):
        await made(catalog, workspace)
    owner.refusal = None
    restarted = a_catalog(store, engine, clock, owner)

    with pytest.raises(NameTaken):
        await made(restarted, workspace)
    clock.time += timedelta(seconds=61)
    await restarted.sweep()

    assert owner.words == [("created", "sales"), ("deleted", "sales")]
    assert (await made(restarted, workspace)).display_name == "sales"


async def test_a_sweep_leaves_alone_what_is_still_being_made(
    catalog: Catalog, owner: Owner, clock: SettableClock, workspace: str
) -> None:
    async def slowly(_: Item) -> None:
        owner.meanwhile = None
        clock.time += timedelta(minutes=5)
        await catalog.sweep()

    owner.meanwhile = slowly
    item = await made(catalog, workspace)

    assert owner.words == [("created", "sales")]
    assert (await catalog.item(ADMIN, workspace, item.id)).id == item.id


async def test_a_sweep_takes_some_at_a_time(
    catalog: Catalog, owner: Owner, clock: SettableClock, workspace: str
) -> None:
    owner.refusal = NO_ANSWER
    for number in range(TOLD_AT_ONCE + 1):
        with pytest.raises(ItemRefused):
            await made(catalog, workspace, f"item {number}")
    owner.heard.clear()
    clock.time += timedelta(seconds=61)

    await catalog.sweep()
    first = len(owner.heard)
    await catalog.sweep()

    assert (first, len(owner.heard)) == (TOLD_AT_ONCE, TOLD_AT_ONCE + 1)


async def test_an_item_is_not_made_in_a_workspace_that_goes_meanwhile_and_its_workload_hears_of_it(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    async def delete(_: Item) -> None:
        owner.meanwhile = None
        await catalog.delete_workspace(ADMIN, workspace)

    owner.meanwhile = delete

    with pytest.raises(WorkspaceNotFound):
        await made(catalog, workspace)

    # The second time it is surely told after the create that was under way.
    assert owner.words == [("created", "sales"), ("deleted", "sales"), ("deleted", "sales")]


# ---- update


async def test_an_update_is_told_before_it_is_kept(catalog: Catalog, owner: Owner, workspace: str) -> None:
    item = await made(catalog, workspace, description="old")

    async def look(changed: Item) -> None:
        known = await catalog.item(ADMIN, workspace, item.id)
        assert (known.display_name, known.description) != (changed.display_name, changed.description)

    owner.meanwhile = look
    renamed = await catalog.update_item(ADMIN, workspace, item.id, display_name="costs")
    described = await catalog.update_item(ADMIN, workspace, item.id, description="")

    assert (renamed.display_name, renamed.description) == ("costs", "old")
    assert (described.display_name, described.description) == ("costs", "")
    assert await catalog.item(ADMIN, workspace, item.id) == described
    assert owner.heard[1:] == [("updated", "costs", "old", b""), ("updated", "costs", "", b"")]


async def test_a_definition_is_told_as_an_update_and_replaces_the_one_before(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    item = await made(catalog, workspace, definition=b"one")

    await catalog.update_item(ADMIN, workspace, item.id, definition=b"two")
    await catalog.update_item(ADMIN, workspace, item.id, display_name="costs")

    assert owner.heard[1] == ("updated", "sales", None, b"two")
    assert await catalog.definition(ADMIN, workspace, item.id) == b"two"


async def test_a_refused_update_leaves_all_as_it_was(
    catalog: Catalog, owner: Owner, workspace: str, tmp_path: Path
) -> None:
    item = await made(catalog, workspace, definition=b"one")
    before = dump(tmp_path / "weft.db")
    owner.refusal = REFUSED

    with pytest.raises(ItemRefused):
        await catalog.update_item(
            ADMIN, workspace, item.id, display_name="costs", description="new", definition=b"two"
        )

    assert dump(tmp_path / "weft.db") == before


async def test_an_update_to_a_name_that_is_taken_is_not_told_at_all(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    await made(catalog, workspace, "costs")
    item = await made(catalog, workspace)

    with pytest.raises(NameTaken):
        await catalog.update_item(ADMIN, workspace, item.id, display_name="costs")

    assert owner.words == [("created", "costs"), ("created", "sales")]


async def test_a_name_that_an_update_is_told_with_is_nobody_elses_meanwhile(
    catalog: Catalog, owner: Owner, workspace: str, store: SqliteStore
) -> None:
    one = await made(catalog, workspace, "one")
    two = await made(catalog, workspace, "two")
    others: list[asyncio.Task[Item]] = []

    async def race(_: Item) -> None:
        owner.meanwhile = None
        others.append(asyncio.create_task(made(catalog, workspace, "costs")))
        others.append(
            asyncio.create_task(catalog.update_item(ADMIN, workspace, two.id, display_name="costs"))
        )
        await turns(store)

    owner.meanwhile = race
    await catalog.update_item(ADMIN, workspace, one.id, display_name="costs")
    outcomes = await asyncio.gather(*others, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [NameTaken, NameTaken]
    assert owner.words[2:] == [("updated", "costs")]
    assert await names(catalog, workspace) == ["costs", "two"]


async def test_updates_of_one_item_are_told_and_kept_one_after_the_other(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    item = await made(catalog, workspace)
    told: list[str] = []

    async def slowly(changed: Item) -> None:
        told.append(f"begin {changed.display_name}")
        await asyncio.sleep(0)
        told.append(f"end {changed.display_name}")

    owner.meanwhile = slowly
    wanted = [f"name {number}" for number in range(5)]
    await asyncio.gather(
        *(catalog.update_item(ADMIN, workspace, item.id, display_name=name) for name in wanted)
    )

    pairs = list(zip(told[::2], told[1::2], strict=True))
    assert sorted(pairs) == [(f"begin {name}", f"end {name}") for name in wanted]
    last = told[-1].removeprefix("end ")
    assert (await catalog.item(ADMIN, workspace, item.id)).display_name == last


DEEDS: dict[str, Callable[[Catalog, Principal, str, str], Awaitable[object]]] = {
    "update": lambda c, who, w, i: c.update_item(who, w, i, display_name="x"),
    "read the definition": lambda c, who, w, i: c.definition(who, w, i),
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_viewer_does_not_touch_an_item(
    catalog: Catalog, store: SqliteStore, owner: Owner, workspace: str, deed: str
) -> None:
    item = await made(catalog, workspace)
    viewer = Principal(id="viewer", tenant="t1", name="V", is_app=False, scopes=frozenset())
    await store.give_role(workspace, as_known(viewer), Role.VIEWER)

    with pytest.raises(RoleTooLow):
        await DEEDS[deed](catalog, viewer, workspace, item.id)

    assert owner.words == [("created", "sales")]


# ---- delete


async def test_a_delete_is_told_while_the_item_is_still_there(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    item = await made(catalog, workspace)

    async def look(gone: Item) -> None:
        assert (await catalog.item(ADMIN, workspace, gone.id)).id == item.id

    owner.meanwhile = look
    await catalog.delete_item(ADMIN, workspace, item.id)

    assert owner.heard[1:] == [("deleted", "sales", "admin", "t1")]
    with pytest.raises(ItemNotFound):
        await catalog.item(ADMIN, workspace, item.id)


async def test_a_delete_whose_jobs_do_not_stop_is_not_told(
    catalog: Catalog, engine: Engine, owner: Owner, workspace: str
) -> None:
    item = await made(catalog, workspace)
    key = JobKey(scopes.of_item(workspace, item.id), "job")
    await engine.submit(NewJob(key=key, queue="core", kind="run"))
    await engine.claim("core", Event.DISPATCH, worker="w", limit=1, lease=timedelta(minutes=1))

    with pytest.raises(ScopeBusy):
        await catalog.delete_item(ADMIN, workspace, item.id)

    assert owner.words == [("created", "sales")]


async def test_what_races_with_a_delete_makes_nothing_come_back(
    catalog: Catalog, engine: Engine, owner: Owner, workspace: str, store: SqliteStore
) -> None:
    item = await made(catalog, workspace)
    racing: list[asyncio.Task[Any]] = []
    key = JobKey(scopes.of_item(workspace, item.id), "late")

    async def race(_: Item) -> None:
        owner.meanwhile = None
        racing.extend(
            (
                asyncio.create_task(catalog.update_item(ADMIN, workspace, item.id, display_name="back")),
                asyncio.create_task(catalog.delete_item(ADMIN, workspace, item.id)),
                asyncio.create_task(engine.submit(NewJob(key=key, queue="core", kind="run"))),
            )
        )
        await turns(store)

    owner.meanwhile = race
    await catalog.delete_item(ADMIN, workspace, item.id)
    outcomes = await asyncio.gather(*racing, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [ItemNotFound, ItemNotFound, ScopeClosed]
    assert owner.words == [("created", "sales"), ("deleted", "sales")]
    assert await names(catalog, workspace) == []


async def test_a_deleted_workspace_tells_of_each_of_its_items_once(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    wanted = [f"item {number}" for number in range(TOLD_AT_ONCE + 3)]
    for name in wanted:
        await made(catalog, workspace, name)
    owner.heard.clear()

    await catalog.delete_workspace(ADMIN, workspace)

    assert sorted(owner.words) == sorted(("deleted", name) for name in wanted)


async def test_an_item_made_while_its_workspace_is_deleted_is_told_of_too(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    await made(catalog, workspace)

    async def another(_: Item) -> None:
        owner.meanwhile = None
        await made(catalog, workspace, "late")

    owner.meanwhile = another
    await catalog.delete_workspace(ADMIN, workspace)

    assert sorted(owner.words) == [
        ("created", "late"),
        ("created", "sales"),
        ("deleted", "late"),
        ("deleted", "sales"),
    ]


async def test_a_deleted_workspace_tells_of_what_a_dead_server_was_making_in_it(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    owner.refusal = RuntimeError("the server is killed here")
    with pytest.raises(RuntimeError):
        await made(catalog, workspace)

    await catalog.delete_workspace(ADMIN, workspace)

    assert owner.words == [("created", "sales"), ("deleted", "sales")]


async def test_what_goes_wrong_with_one_item_keeps_its_workspace(
    catalog: Catalog, owner: Owner, workspace: str
) -> None:
    await made(catalog, workspace)
    await made(catalog, workspace, "costs")

    async def fail(item: Item) -> None:
        if item.display_name == "sales":
            raise StoreUnavailable("the disk is full")

    owner.meanwhile = fail
    with pytest.raises(StoreUnavailable):
        await catalog.delete_workspace(ADMIN, workspace)

    assert await names(catalog, workspace) == ["sales"]
