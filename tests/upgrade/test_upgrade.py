"""P20: a store that any released version wrote opens, with all that is in it, and work goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import weft
from tests.upgrade.write import (
    CLOTH,
    DEFINITION,
    ERROR,
    GONE,
    GRAPHS,
    GUID,
    LEASE,
    MODEL,
    NOW,
    OVER,
    SCOPE,
    STORES,
    UNDER_WAY,
    StoppedClock,
)
from weft.catalog import scopes
from weft.catalog.hosted_items import ItemState
from weft.catalog.model import Role
from weft.engine.engine import Engine
from weft.engine.errors import ScopeClosed
from weft.engine.events import Events
from weft.engine.jobs import JobKey, NewJob, Progress
from weft.engine.lifecycle import Event, State
from weft.engine.ports import Search
from weft.stores.sqlite.graph.store import SqliteGraph
from weft.stores.sqlite.store import SqliteStore
from weft.twins.errors import FenceLost
from weft.twins.graph import Batch, Fence, Section

RELEASED = sorted(path.stem for path in STORES.glob("*.db"))
WITH_ITEMS = [version for version in RELEASED if version not in ("0.1.0", "0.2.0")]
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
