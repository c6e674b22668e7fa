"""P20: a store that any released version wrote opens, with all that is in it, and work goes on."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

import weft
from tests.catalog.people import a_user, an_app
from tests.dump import COUNTERS, dump
from tests.upgrade.write import (
    CLOTH,
    CONFIGURATION,
    DEFINITION,
    ERROR,
    FIRST_DUE,
    GONE,
    GRAPHS,
    GUID,
    HOOK,
    LAST_MISSED,
    LEASE,
    MODEL,
    NEXT_DUE,
    NOTEBOOK,
    NOW,
    OPERATION,
    OVER,
    SCOPE,
    STORES,
    UNDER_WAY,
    StoppedClock,
    a_schedule,
    keyed,
    write,
)
from weft.catalog import scopes, webhooks
from weft.catalog.hosted_items import ItemState
from weft.catalog.model import EVERYWHERE, Folder, Role, Within
from weft.engine.engine import Engine
from weft.engine.errors import JobConflict, ScopeClosed
from weft.engine.events import Events
from weft.engine.jobs import JobKey, NewJob, Progress
from weft.engine.lifecycle import Event, State
from weft.engine.ports import Search
from weft.engine.schedules import Fate, Occurrence, Schedules
from weft.faces.core.timetables import timetable_of
from weft.stores.sqlite.graph.store import SqliteGraph
from weft.stores.sqlite.store import SqliteStore
from weft.twins.errors import FenceLost
from weft.twins.graph import Batch, Fence, Section

RELEASED = sorted(path.stem for path in STORES.glob("*.db"))
WITH_ITEMS = [version for version in RELEASED if version not in ("0.1.0", "0.2.0")]
WITH_SCHEDULES = [version for version in WITH_ITEMS if version != "0.3.0"]
BEFORE_SCHEDULES = [version for version in RELEASED if version not in WITH_SCHEDULES]
THIS = "this tree"
GROWING = ("scopes", "migrations")
GRAPHS_RELEASED = sorted(path.stem for path in GRAPHS.glob("*.db"))
STATES = {
    "completed": State.COMPLETED,
    "failed": State.FAILED,
    "stopped": State.CANCELLED,
    "running": State.RUNNING,
    "waiting": State.ACCEPTED,
    "cancelled": State.CANCELLED,
}


def test_the_store_of_this_version_is_among_them() -> None:
    assert weft.__version__ in RELEASED
    assert weft.__version__ in GRAPHS_RELEASED


@pytest.mark.parametrize("version", RELEASED)
async def test_jobs_of_a_released_version_are_found_in_their_workspace(version: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(STORES / f"{version}.db", tmp_path / "weft.db"))
    store = SqliteStore.open(path, writes_waiting=100)
    try:
        found = await store.search(Search(queue=scopes.CORE, families=(scopes.of_workspace("w1"),)))

        assert STATES.keys() <= {job.key.id for job in found.jobs}
        assert {job.family for job in found.jobs} == {scopes.of_workspace("w1")}
    finally:
        await store.close()


@pytest.mark.parametrize("version", RELEASED)
async def test_a_store_of_a_released_version_opens_and_goes_on(version: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(STORES / f"{version}.db", tmp_path / "weft.db"))
    store = SqliteStore.open(path, writes_waiting=100)
    engine = Engine(store, StoppedClock(), Events())
    try:
        jobs = {id: await engine.get(JobKey(SCOPE, id)) for id in STATES}

        assert {id: job.state for id, job in jobs.items()} == STATES
        assert jobs["completed"].result == b'{"a":1}'
        assert jobs["completed"].ended_at == NOW
        assert jobs["failed"].error == ERROR
        assert jobs["running"].progress == Progress(1, 2, "half")
        assert len(jobs["waiting"].payload) == 5002
        assert [line.text for line in await engine.lines(jobs["running"].key)] == ["a line"]
        assert await store.role("w1", "viewer") is Role.VIEWER
        assert [item.display_name for item in await store.items("w1", type=None, after=0, limit=9)] == ["I"]

        claimed = await engine.claim(scopes.CORE, Event.DISPATCH, worker="next", limit=9, lease=LEASE)
        assert [job.key.id for job in claimed] == ["waiting"]
        assert {(job.unique, job.losses) for job in jobs.values()} == {("", 0)}
        first, second = [await engine.submit(_of_its_own(id)) for id in ("one", "two")]
        assert (first.state, second.state) == (State.ACCEPTED, State.DEDUPED)
        gone = NewJob(key=JobKey(scopes.of_item("w1", "gone"), "late"), queue=scopes.CORE, kind="k")
        with pytest.raises(ScopeClosed):
            await engine.submit(gone)
    finally:
        await store.close()


@pytest.mark.parametrize("version", WITH_ITEMS)
async def test_items_and_duplicates_of_a_released_version_are_known(version: str, tmp_path: Path) -> None:
    store = SqliteStore.open(
        Path(shutil.copy(STORES / f"{version}.db", tmp_path / "weft.db")), writes_waiting=100
    )
    engine = Engine(store, StoppedClock(), Events())
    try:
        cloth, gone = await store.hosted_item(CLOTH), await store.hosted_item(GONE)
        loser = await engine.get(JobKey(scopes.of_item("w2", "i2"), "loser"))

        assert await store.definition("w2", "i2") == DEFINITION
        assert [item.id for item in await store.items("w2", type=None, after=0, limit=9)] == ["i2"]
        assert [item.id for item in await store.hidden_items(NOW + LEASE, limit=9)] == ["hidden"]
        assert cloth is not None
        assert (cloth.state, cloth.payload) == (ItemState.ACTIVE, b'{"a":1}')
        assert gone is not None
        assert gone.state is ItemState.SOFT_DELETED
        assert loser.state is State.DEDUPED
        assert loser.error is not None
        assert "winner" in loser.error.message
        with pytest.raises(ScopeClosed):
            await engine.submit(
                NewJob(key=JobKey(f"{scopes.of_hosted_item(GONE)}/k", "late"), queue="workload", kind="k")
            )
    finally:
        await store.close()


@pytest.mark.parametrize("version", BEFORE_SCHEDULES)
async def test_nothing_that_was_kept_before_there_were_schedules_is_lost_or_changed(
    version: str, tmp_path: Path
) -> None:
    path = Path(shutil.copy(STORES / f"{version}.db", tmp_path / "weft.db"))
    columns, before = _columns(path), dump(path)

    await SqliteStore.open(path, writes_waiting=100).close()

    after, places = dump(path), _columns(path)
    assert {"jobs", "roles", "workspaces", "items", "scopes"} <= before.keys()
    for table, rows in before.items():
        if table == COUNTERS:
            continue
        found = [dict(zip(places[table], row, strict=True)) for row in after[table]]
        now = sorted((tuple(row[name] for name in columns[table]) for row in found), key=repr)
        assert set(rows) <= set(now), table
        assert table in GROWING or len(rows) == len(now), table


@pytest.mark.parametrize("version", BEFORE_SCHEDULES)
async def test_a_store_from_before_there_were_schedules_takes_all_that_is_new(
    version: str, tmp_path: Path
) -> None:
    path = Path(shutil.copy(STORES / f"{version}.db", tmp_path / "weft.db"))
    store = SqliteStore.open(path, writes_waiting=100)
    engine = Engine(store, StoppedClock(), Events())
    schedules = Schedules(store, StoppedClock(), read=timetable_of)
    try:
        workspace = await store.workspace("w1")
        roles = {one.principal: one for one in await store.assignments("w1", after=0, limit=9)}
        assert workspace is not None
        assert workspace.capacity is None
        assert {id: (one.role, one.known) for id, one in roles.items()} == {
            "admin": (Role.ADMIN, None),
            "viewer": (Role.VIEWER, None),
        }
        assert await store.next_due() is None
        assert not await store.any_webhook()

        await store.add_folder(Folder(id="f", workspace="w1", display_name="F", created_at=NOW), deepest=9)
        moved = await store.move_item("w1", "i1", "f")
        assert moved is not None
        assert [
            item.id for item in await store.items("w1", type=None, within=Within("f"), after=0, limit=9)
        ] == ["i1"]
        assert await store.give_role("w1", an_app("robot"), Role.MEMBER)
        await schedules.add(replace(a_schedule("s", enabled=True), scope=SCOPE))
        assert await store.next_due() == FIRST_DUE
        assert await store.add_webhook(replace(HOOK, workspace="w1", item=None), most=1)
        labels = {"workspace": "w1", "item": "i1"}
        told = NewJob(key=JobKey(SCOPE, "told"), queue=scopes.CORE, kind="k", labels=labels)
        await engine.submit(told)
        await engine.cancel(told.key, by="admin")
        assert [one.job.state for one in await store.news(9)] == [State.ACCEPTED, State.CANCELLED]
    finally:
        await store.close()


@pytest.fixture(params=[*WITH_SCHEDULES, THIS])
async def scheduled(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store of each version that has schedules, and one that this tree has just written."""
    path = tmp_path / "weft.db"
    if request.param == THIS:
        await write(path)
    else:
        shutil.copy(STORES / f"{request.param}.db", path)
    store = SqliteStore.open(path, writes_waiting=100)
    yield store
    await store.close()


async def test_schedules_of_a_released_version_go_on(scheduled: SqliteStore) -> None:
    schedules = Schedules(scheduled, StoppedClock(), read=timetable_of)

    kept = {one.id: one for one in await schedules.list(NOTEBOOK, "RunNotebook")}

    assert kept.keys() == {"schedule", "disabled"}
    assert {id: one.next_due for id, one in kept.items()} == {"schedule": NEXT_DUE, "disabled": None}
    assert kept["schedule"].configuration == CONFIGURATION
    assert (kept["schedule"].payload, kept["schedule"].owner) == (b'{"a":1}', "worker")
    assert await schedules.occurrences(NOTEBOOK, "RunNotebook", "schedule") == [
        Occurrence(due=FIRST_DUE.replace(hour=17, minute=30), fate=Fate.MISSED, count=3, last=LAST_MISSED),
        Occurrence(due=FIRST_DUE, fate=Fate.FIRED, job="fired"),
    ]
    assert [one.id for one in await scheduled.due_schedules(NEXT_DUE, 9)] == ["schedule"]


async def test_folders_roles_and_operations_of_a_released_version_are_known(scheduled: SqliteStore) -> None:
    workspace, item = await scheduled.workspace("w3"), await scheduled.item("w3", "notebook")
    folders = await scheduled.folders("w3", EVERYWHERE, after=0, limit=9)
    roles = {one.principal: one for one in await scheduled.assignments("w3", after=0, limit=9)}
    types = [one.type for one in await scheduled.items("w3", type=None, after=0, limit=9)]

    assert workspace is not None
    assert workspace.capacity == "capacity"
    assert item is not None
    assert item.folder == "inner"
    assert types == ["Notebook", "DataPipeline"]
    assert await scheduled.definition("w3", "notebook") == DEFINITION
    assert [(one.id, one.parent) for one in folders] == [("outer", None), ("inner", "outer")]
    assert {id: (one.role, one.known) for id, one in roles.items()} == {
        "admin": (Role.ADMIN, a_user("admin")),
        "worker": (Role.CONTRIBUTOR, a_user("worker")),
        "robot": (Role.MEMBER, an_app("robot")),
    }
    assert await scheduled.operation("operation", tenant="t1", principal="worker") == OPERATION


async def test_runs_with_a_key_of_a_released_version_are_not_made_again(scheduled: SqliteStore) -> None:
    engine = Engine(scheduled, StoppedClock(), Events())

    again = await engine.submit(keyed())
    mapped = await engine.get(JobKey(scopes.of_item("w3", "mapped"), "mapped"))

    assert (again.key, again.state) == (keyed().key, State.CANCELLED)
    with pytest.raises(JobConflict):
        await engine.submit(keyed(b'{"a":2}'))
    assert mapped.kind == "Pipeline"
    assert "RunNotebook" in mapped.labels.values()


async def test_webhooks_of_a_released_version_tell_what_is_left_to_tell(scheduled: SqliteStore) -> None:
    engine = Engine(scheduled, StoppedClock(), Events())
    kept = await scheduled.webhook(HOOK.id)
    deliveries = await engine.list(webhooks.scope_of(HOOK), before=None, limit=9)

    assert kept is not None
    assert replace(kept, number=0) == HOOK
    assert {(one.job.key.id, one.job.state) for one in await scheduled.news(9)} >= {
        ("fired", State.CANCELLED),
        ("mapped", State.CANCELLED),
    }
    assert {one.key.id: one.state for one in deliveries} == {
        "delivered": State.COMPLETED,
        "waits": State.ACCEPTED,
    }
    (waits,) = await engine.claim(webhooks.QUEUE, Event.START, worker="next", limit=9, lease=LEASE)
    assert (waits.key.id, waits.labels) == ("waits", {"webhook": HOOK.id, "job": "fired"})


@pytest.mark.parametrize("version", GRAPHS_RELEASED)
async def test_a_graph_of_a_released_version_opens_and_its_imports_go_on(
    version: str, tmp_path: Path
) -> None:
    graph = SqliteGraph.open(Path(shutil.copy(GRAPHS / f"{version}.db", tmp_path / "graph.db")))
    try:
        model, twin = await graph.model("dtmi:a:B;1"), await graph.twin(GUID)
        known = await graph.relationship("ä twin", "r")
        incoming = await graph.incoming("ä twin", after=0, limit=9)

        assert await graph.counts() == {Section.MODELS: 1, Section.TWINS: 2, Section.RELATIONSHIPS: 2}
        assert model is not None
        assert (model.definition, model.uploaded_at) == (MODEL, NOW)
        assert twin is not None
        assert (twin.model, twin.updated_at) == ("dtmi:a:B;1", NOW)
        assert known is not None
        assert (known.target, known.name, known.properties) == (GUID, "next", '{"weight":0.5}')
        assert [one.id for one in incoming or ()] == [GUID]

        bulk = await graph.take_over(Fence(UNDER_WAY.job, UNDER_WAY.epoch + 1))
        assert bulk.checkpoint == b"Relationships"
        assert await graph.report(UNDER_WAY.job, offset=0, most_bytes=99) == b"Models\nTwins\nRelationships\n"
        for fence in (UNDER_WAY, OVER):
            with pytest.raises(FenceLost):
                await graph.apply(fence, Batch(checkpoint=b""))
    finally:
        await graph.close()


def _of_its_own(id: str) -> NewJob:
    return NewJob(key=JobKey(SCOPE, id), queue=scopes.CORE, kind="k", unique="only one")


def _columns(path: Path) -> dict[str, list[str]]:
    """Return the columns of each table."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        tables: list[Any] = list(db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'"))
        return {
            name: [str(column) for (column,) in db.execute("SELECT name FROM pragma_table_info(?)", (name,))]
            for (name,) in tables
        }
    finally:
        db.close()
