"""Jobs, workspaces and items for the tests of a store; time stands still at NOW unless a test moves it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from weft.catalog.model import Item, Workspace
from weft.engine.jobs import Changes, Job, JobKey, Move, WhenLost
from weft.engine.lifecycle import State
from weft.engine.ports import Claim, JobStore
from weft.engine.schedules import Schedule

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LEASE = timedelta(seconds=30)
SCOPE = "core/w1/i1"
QUEUE = "core"

_ids = count(1)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_job(**given: Any) -> Job:
    job = Job(
        key=JobKey(SCOPE, f"j{next(_ids)}"),
        queue=QUEUE,
        kind="forecast",
        payload=b'{"days": 7}',
        labels={"tenant": "t1", "user": "ü"},
        fingerprint=b"\x00\xff",
        submitted_by="u1",
        when_lost=WhenLost.FAIL,
        state=State.ACCEPTED,
        submitted_at=NOW,
        available_at=NOW,
    )
    return replace(job, **given)


def an_ended_job(**given: Any) -> Job:
    return a_job(**{"state": State.COMPLETED, "ended_at": NOW} | given)


def a_schedule(id: str = "s1", **given: Any) -> Schedule:
    schedule = Schedule(
        scope=SCOPE,
        kind="forecast",
        id=id,
        enabled=True,
        configuration=b'{"type": "Cron"}',
        payload=b'{"days": 7}',
        owner="u1",
        labels={"user": "ü"},
        created_at=NOW,
        next_due=after(60),
    )
    return replace(schedule, **given)


def a_claim(**given: Any) -> Claim:
    claim = Claim(
        queue=QUEUE,
        source=State.ACCEPTED,
        target=State.RUNNING,
        worker="worker-1",
        now=NOW,
        lease_until=NOW + LEASE,
        limit=100,
        starts=True,
    )
    return replace(claim, **given)


def an_end(job: Job, **given: Any) -> Move:
    """The move of the owner of a running *job* to its good end."""
    move = Move(
        key=job.key,
        source=job.state,
        target=State.COMPLETED,
        epoch=job.epoch,
        changes=Changes(ended_at=after(1), releases_lease=True, result=b"42"),
    )
    return replace(move, **given)


async def keep(store: JobStore, **given: Any) -> Job:
    """Insert a job and return it as the store has it."""
    kept = await store.insert(a_job(**given))
    assert kept is not None
    return kept


async def start(store: JobStore, **given: Any) -> Job:
    """Insert a job, let worker-1 start it, and return it."""
    kept = await keep(store, **given)
    claimed = await store.claim(a_claim(queue=kept.queue, now=kept.available_at))
    return next(job for job in claimed if job.key == kept.key)


def a_workspace(id: str = "w1", **given: Any) -> Workspace:
    workspace = Workspace(
        id=id, tenant="t1", display_name=f"Workspace {id}", description=None, created_at=NOW
    )
    return replace(workspace, **given)


def an_item(id: str = "i1", **given: Any) -> Item:
    item = Item(
        id=id,
        workspace="w1",
        type="Forecast",
        display_name=f"Item {id}",
        description="what it is",
        created_at=NOW,
    )
    return replace(item, **given)
