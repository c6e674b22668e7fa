"""Write the stores of this version: `python -m tests.upgrade.write`, once, when a version is released."""

from __future__ import annotations

import asyncio
import marshal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import weft
from tests.catalog.people import a_user, an_app
from weft.catalog import scopes, webhooks
from weft.catalog.hosted_items import HostedItem, ItemKey, ItemState
from weft.catalog.item_types import Dedup, RunsAs
from weft.catalog.model import Folder, Item, Operation, OperationKind, Principal, Role, Workspace
from weft.catalog.webhooks import Webhook
from weft.contracts.core import InvokeType
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import (
    Completed,
    ErrorDetail,
    Failed,
    JobError,
    JobKey,
    LogLine,
    NewJob,
    Progress,
    Stopped,
    WhenLost,
)
from weft.engine.lifecycle import Event, State
from weft.engine.schedules import Fate, Firing, NewSchedule, Occurrence, Schedules
from weft.faces.core.runs import Run, new_job
from weft.faces.core.timetables import timetable_of
from weft.faces.core.wishes import RepeatKey
from weft.stores.sqlite.graph.store import SqliteGraph
from weft.stores.sqlite.store import SqliteStore
from weft.twins.graph import Batch, Fence, Section

STORES = Path(__file__).parent
GRAPHS = STORES / "graphs"
NOW = datetime(2026, 11, 22, 8, 30, 0, 123456, UTC)
LEASE = timedelta(seconds=30)
SCOPE = scopes.of_item("w1", "i1")
ERROR = JobError(
    "E1", "not this time", "User", True, ("p",), (ErrorDetail("D1", "why", ("q",), (("name", "value"),)),)
)

UNDER_WAY, OVER = Fence("store/1", 2), Fence("store/2", 1)
MODEL = '{"@context":"dtmi:dtdl:context;2","@id":"dtmi:a:B;1","@type":"Interface"}'
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ROWS: tuple[tuple[Section, list[tuple[object, ...]]], ...] = (
    (Section.MODELS, [("dtmi:a:B;1", MODEL)]),
    (
        Section.TWINS,
        [
            (id, 1, f'{{"$dtId":"{id}","$metadata":{{"$model":"dtmi:a:B;1"}},"n":1}}')
            for id in ("ä twin", GUID)
        ],
    ),
    (Section.RELATIONSHIPS, [(1, "r", 2, "next", '{"weight":0.5}'), (2, GUID, 1, "next", "")]),
)


CLOTH = ItemKey("t1", "w2", "T", "i2")
GONE = ItemKey("t1", "w2", "T", "i3")
DEFINITION = b'{"parts":[]}'

CONFIGURATION = (
    b'{"type":"Daily","startDateTime":"2026-11-23T00:00:00","endDateTime":"2030-01-01T00:00:00",'
    b'"localTimeZoneId":"Romance Standard Time","times":["06:30","18:45"]}'
)
NOTEBOOK = scopes.of_item("w3", "notebook")
FIRST_DUE = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
LAST_MISSED = datetime(2026, 11, 24, 17, 45, tzinfo=UTC)
NEXT_DUE = datetime(2026, 11, 25, 5, 30, tzinfo=UTC)
CALLER = Principal(id="worker", tenant="t1", name="Worker", is_app=False, scopes=frozenset())
SECRET = b"of this server"
KEY = RepeatKey("Idempotency-Key", "nightly")
HOOK = Webhook(
    id="hook",
    workspace="w3",
    url="https://ci.contoso.com/hook",
    secret="SEALED",
    item="notebook",
    states=frozenset({State.COMPLETED, State.CANCELLED}),
    enabled=True,
    created_by="worker",
    created_at=NOW,
)
OPERATION = Operation(
    id="operation",
    tenant="t1",
    principal="worker",
    kind=OperationKind.EXPORT,
    workspace="w3",
    items=("notebook", "mapped"),
    created_at=NOW,
)
MAPPED = RunsAs(item_type="Notebook", job_type="RunNotebook")


class StoppedClock:
    def now(self) -> datetime:
        return NOW


async def write(path: Path) -> None:
    """Make a store at *path* with a job in every state that a released version leaves behind."""
    store = SqliteStore.open(path, writes_waiting=100)
    try:
        await _fill_catalog(store)
        engine = Engine(store, StoppedClock(), Events())
        await _fill_jobs(store, engine)
        await _fill_items(store)
        await _fill_duplicates(engine)
        await _fill_neighbours(store)
        await _fill_schedules(store, engine)
        await _fill_runs(engine)
        await _fill_deliveries(engine)
    finally:
        await store.close()


async def _fill_catalog(store: SqliteStore) -> None:
    workspace = Workspace(id="w1", tenant="t1", display_name="W", description=None, created_at=NOW)
    await store.add_workspace(workspace, a_user("admin"))
    await store.give_role("w1", a_user("viewer"), Role.VIEWER)
    item = Item(id="i1", workspace="w1", type="T", display_name="I", description="d", created_at=NOW)
    await store.add_item(item)


async def _fill_jobs(store: SqliteStore, engine: Engine) -> None:
    for id, outcome in (
        ("completed", Completed(b'{"a":1}')),
        ("failed", Failed(ERROR)),
        ("stopped", Stopped()),
        ("running", None),
    ):
        await engine.submit(_new(id))
        (job,) = await engine.claim(scopes.CORE, Event.DISPATCH, worker="worker", limit=1, lease=LEASE)
        job = await engine.send(job, until=NOW + LEASE) or job
        job = await engine.started(job, NOW)
        await engine.note_progress(job, Progress(1, 2, "half"))
        await engine.add_lines(job, [LogLine(1, NOW, "info", "a line")])
        if outcome is not None:
            await engine.finish(job, outcome, cancel_wins=False)
    await engine.submit(_new("waiting", payload=b'"' + b"x" * 5000 + b'"'))
    await engine.submit(_new("cancelled"))
    await engine.cancel(JobKey(SCOPE, "cancelled"), by="admin")
    await store.close_scope(scopes.of_item("w1", "gone"))


async def _fill_items(store: SqliteStore) -> None:
    """What is kept from 0.3.0 on: definitions, hidden items, and what a host knows of items."""
    workspace = Workspace(id="w2", tenant="t1", display_name="W2", description=None, created_at=NOW)
    await store.add_workspace(workspace, a_user("admin"))
    for id, is_visible in (("i2", True), ("hidden", False)):
        item = Item(id=id, workspace="w2", type="T", display_name=id, description=None, created_at=NOW)
        await store.add_item(item, definition=DEFINITION, is_visible=is_visible)
    for key in (CLOTH, GONE):
        await store.add_hosted_item(HostedItem(key=key, display_name="I", payload=b'{"a":1}'), NOW)
    await store.fence_hosted_item(GONE, ItemState.SOFT_DELETED, NOW)


async def _fill_duplicates(engine: Engine) -> None:
    for id in ("winner", "loser"):
        key = JobKey(scopes.of_item("w2", "i2"), id)
        await engine.submit(NewJob(key=key, queue="elsewhere", kind="k", unique="w2/i2/k"))


async def _fill_neighbours(store: SqliteStore) -> None:
    """What is kept from 0.4.0 on: folders, roles of people and apps, operations and webhooks."""
    workspace = Workspace(id="w3", tenant="t1", display_name="W3", description=None, created_at=NOW)
    await store.add_workspace(workspace, a_user("admin"))
    await store.assign_capacity("w3", "capacity")
    for id, parent in (("outer", None), ("inner", "outer")):
        folder = Folder(id=id, workspace="w3", display_name=id, created_at=NOW, parent=parent)
        await store.add_folder(folder, deepest=10)
    for item in (an_item("notebook", "Notebook", "inner"), an_item("mapped", "DataPipeline", None)):
        await store.add_item(item, definition=DEFINITION)
    await store.give_role("w3", a_user("worker"), Role.CONTRIBUTOR)
    await store.give_role("w3", an_app("robot"), Role.MEMBER)
    await store.add_operation(OPERATION)
    await store.add_webhook(HOOK, most=1)


async def _fill_schedules(store: SqliteStore, engine: Engine) -> None:
    """A schedule that has fired once and was missed three times, and one that is disabled."""
    schedules = Schedules(store, StoppedClock(), read=timetable_of)
    kept = await schedules.add(a_schedule("schedule", enabled=True))
    await schedules.add(a_schedule("disabled", enabled=False))
    firing = Firing(new=new_job(a_run("notebook", InvokeType.SCHEDULED), "fired"))
    await engine.fire(store, kept, firing, due=FIRST_DUE, next_due=FIRST_DUE + timedelta(hours=12))
    await engine.cancel(JobKey(NOTEBOOK, "fired"), by="worker")
    (kept,) = await store.due_schedules(NEXT_DUE, 9)
    missed = Occurrence(due=kept.next_due or NOW, fate=Fate.MISSED, count=3, last=LAST_MISSED)
    await store.fire(kept, [missed], NEXT_DUE)


async def _fill_runs(engine: Engine) -> None:
    """A run with a key, and one of an item whose jobs are mapped."""
    for new in (keyed(), new_job(a_run("mapped", InvokeType.MANUAL, MAPPED), "mapped")):
        job = await engine.submit(new)
        await engine.cancel(job.key, by="worker")


async def _fill_deliveries(engine: Engine) -> None:
    """One that has arrived, and one that waits."""
    for id in ("delivered", "waits"):
        await engine.submit(
            NewJob(
                key=JobKey(webhooks.scope_of(HOOK), id),
                queue=webhooks.QUEUE,
                kind="Cancelled",
                payload=b'{"type":"jobInstance.Cancelled"}',
                labels={"webhook": HOOK.id, "job": "fired"},
                when_lost=WhenLost.RESTART,
            )
        )
    (job,) = await engine.claim(webhooks.QUEUE, Event.START, worker="worker", limit=1, lease=LEASE)
    await engine.finish(job, Completed(b'{"status":204}'), cancel_wins=True)


def an_item(id: str, type: str, folder: str | None) -> Item:
    return Item(
        id=id, workspace="w3", type=type, display_name=id, description=None, created_at=NOW, folder=folder
    )


def a_schedule(id: str, *, enabled: bool) -> NewSchedule:
    return NewSchedule(
        scope=NOTEBOOK,
        kind="RunNotebook",
        id=id,
        enabled=enabled,
        configuration=CONFIGURATION,
        payload=b'{"a":1}',
        owner="worker",
        labels={"owner_name": "Worker", "owner_type": "User", "workspace": "w3", "item": "notebook"},
    )


def a_run(item: str, invoke_type: InvokeType, runs_as: RunsAs | None = None) -> Run:
    return Run(
        item=an_item(item, "Notebook" if runs_as is None else "DataPipeline", None),
        job_type="RunNotebook" if runs_as is None else "Pipeline",
        payload=b'{"a":1}',
        invoke_type=invoke_type,
        dedup=Dedup.NONE,
        tenant="t1",
        user="worker",
        user_name="Worker",
        request_id="r",
        runs_as=runs_as,
    )


def keyed(payload: bytes = b'{"a":1}') -> NewJob:
    """Return the run that `KEY` names."""
    run = replace(a_run("notebook", InvokeType.MANUAL), payload=payload)
    return KEY.named(new_job(run, "made up"), CALLER, SECRET)


def _new(id: str, payload: bytes = b"{}") -> NewJob:
    return NewJob(
        key=JobKey(SCOPE, id),
        queue=scopes.CORE,
        kind="k",
        payload=payload,
        labels={"item": "i1"},
        fingerprint=b"f",
        submitted_by="admin",
        when_lost=WhenLost.ADOPT,
        family=scopes.of_workspace("w1"),
    )


async def write_graph(path: Path) -> None:
    """Make a graph at *path* with some of everything, an import that is under way and one that is over."""
    graph = SqliteGraph.open(path, clock=StoppedClock())
    try:
        for fence in (UNDER_WAY, OVER):
            await graph.take_over(fence)
        for section, rows in ROWS:
            report = (f"{section}\n".encode(),)
            batch = Batch(
                checkpoint=section.encode(), section=section, rows=marshal.dumps(rows), report=report
            )
            await graph.apply(UNDER_WAY, batch)
        await graph.shut(OVER)
    finally:
        await graph.close()


if __name__ == "__main__":
    for folder, make in ((STORES, write), (GRAPHS, write_graph)):
        target = folder / f"{weft.__version__}.db"
        if target.exists():
            sys.exit(f"{target} is there already: a released store never changes")
        folder.mkdir(exist_ok=True)
        asyncio.run(make(target))
        target.with_suffix(".lock").unlink()
