"""The seeded mistakes of `JobInstance.tla`, made in the code: each has to break a promise in some walk.

M1 answer before commit, M2 Cancelled while the work runs, M3 cancel kept in memory, M4 a result written
without compare-and-swap, M5 a 404 believed while a create may land, M6 work that checks and then writes, M8 a
404 whose read began too early, M9 a tombstone that a late create ignores; and three mistakes of a host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.engine import core_walk, kit_walk
from tests.engine.core_walk import Mistakes
from tests.engine.direct_store import DirectStore
from tests.engine.walk import HABITS
from weft.engine import lifecycle
from weft.engine.engine import Engine
from weft.engine.errors import JobEnded, LeaseLost
from weft.engine.jobs import Again, Changes, Job, JobKey, Move, Outcome, Room, Stopped
from weft.engine.lifecycle import Event, State
from weft.engine.ports import Duplicate
from weft.runners import remote_workload
from weft.runners.workload_answers import Missing

Walk = Callable[[DirectStore, int], int]
Mutant = Callable[[pytest.MonkeyPatch], Walk]


def m1_answer_before_commit(patch: pytest.MonkeyPatch) -> Walk:
    commit = DirectStore.insert

    async def insert(
        store: DirectStore, job: Job, room: Room | None = None, duplicate: Duplicate | None = None
    ) -> Job:
        async def later() -> None:
            await asyncio.sleep(0.05)
            await commit(store, job, room, duplicate)

        store.unawaited = asyncio.ensure_future(later())
        return job

    patch.setattr(DirectStore, "insert", insert)
    return core_walk.walk


def m2_cancelled_while_it_runs(patch: pytest.MonkeyPatch) -> Walk:
    for state in (State.DISPATCHING, State.RUNNING):
        patch.setitem(lifecycle.TABLE, (state, Event.CANCEL), State.CANCELLED)
    return core_walk.walk


def m3_cancel_in_memory(patch: pytest.MonkeyPatch) -> Walk:
    cancel = Engine.cancel

    async def cancel_here(engine: Engine, key: JobKey, *, by: str = "") -> Job:
        job = await engine.get(key)
        if job.is_final:
            raise JobEnded(job)
        if job.state is State.ACCEPTED:
            return await cancel(engine, key, by=by)
        engine.events.emit(Event.CANCEL, job)
        return job

    patch.setattr(Engine, "cancel", cancel_here)
    return core_walk.walk


def m4_no_compare_and_swap(patch: pytest.MonkeyPatch) -> Walk:
    patch.setattr(DirectStore, "move", overwrite)
    return core_walk.walk


async def overwrite(store: DirectStore, move: Move) -> Job | None:
    """Write what an owner wants, whatever the job's state and its owner are by now."""
    job = store.row(move.key)
    if job is None or move.epoch is None:
        return await store.guarded_move(move)
    if not job.is_final:
        anyhow = replace(move, source=job.state, epoch=None, cancel_requested=None)
        return await store.guarded_move(anyhow)
    statement = "UPDATE jobs SET state = ?, ended_at = ended_at + 1 WHERE number = ?"
    store.execute(statement, (move.target, job.number))
    return store.row(move.key)


def m5_believes_404_before_the_deadline(patch: pytest.MonkeyPatch) -> Walk:
    decide = remote_workload._Life._not_there

    def not_there(life: Any, began_at: Any, *, knew_of_cancel: bool) -> Any:
        if knew_of_cancel and life._job.state is State.DISPATCHING:
            return Stopped()
        return decide(life, began_at, knew_of_cancel=knew_of_cancel)

    patch.setattr(remote_workload._Life, "_not_there", not_there)
    return core_walk.walk


def m6_work_checks_then_writes(patch: pytest.MonkeyPatch) -> Walk:
    return lambda store, seed: core_walk.walk(store, seed, Mistakes(checks_then_writes=True))


def m8_asks_of_the_read_what_holds_at_its_end(patch: pytest.MonkeyPatch) -> Walk:
    async def ask_for_state(life: Any) -> Any:
        answer = await life._calls.read(life._job, by=life._deadline())
        life._read_at = life._loop.time() + life._read_seconds(None)
        if isinstance(answer, Missing):
            return life._not_there(life._watching.clock.now(), knew_of_cancel=life._cancel_heard)
        return await life._heed(answer)

    patch.setattr(remote_workload._Life, "_ask_for_state", ask_for_state)
    return core_walk.walk


def m9_late_create_ignores_the_tombstone(patch: pytest.MonkeyPatch) -> Walk:
    return lambda store, seed: core_walk.walk(store, seed, Mistakes(forgets_tombstone=True))


def kit_reports_the_stop_before_it(patch: pytest.MonkeyPatch) -> Walk:
    return lambda store, seed: kit_walk.walk(store, seed, stops_early=True)


def kit_rescues_what_is_alive(patch: pytest.MonkeyPatch) -> Walk:
    rescue = Engine.rescue

    async def rescue_now(engine: Engine, *, as_of: Any = None, limit: int = 100) -> int:
        # As if the process had stood still for a lease since its workers extended theirs: few walks do so.
        return await rescue(engine, as_of=engine.clock.now() + HABITS.lease, limit=limit)

    patch.setattr(Engine, "rescue", rescue_now)
    return kit_walk.walk


def kit_retries_what_is_to_be_cancelled(patch: pytest.MonkeyPatch) -> Walk:
    finish = Engine.finish

    async def finish_anyhow(engine: Engine, job: Job, outcome: Outcome, *, cancel_wins: bool) -> Job:
        if not isinstance(outcome, Again):
            return await finish(engine, job, outcome, cancel_wins=cancel_wins)
        changes = Changes(available_at=engine.clock.now() + outcome.after)
        moved = await engine._move(job, Event.RETRY, changes, at=None, owned=True)
        if moved is None:
            raise LeaseLost(job)
        return moved

    patch.setattr(Engine, "finish", finish_anyhow)
    return kit_walk.walk


MUTANTS: dict[Mutant, frozenset[str]] = {
    m1_answer_before_commit: frozenset({"Durable"}),
    m2_cancelled_while_it_runs: frozenset({"Truthful", "NoLateWrite"}),
    m3_cancel_in_memory: frozenset({"CancelKept"}),
    m4_no_compare_and_swap: frozenset({"TerminalStable", "SawStable", "Lease"}),
    m5_believes_404_before_the_deadline: frozenset({"Truthful"}),
    m6_work_checks_then_writes: frozenset({"NoLateWrite"}),
    m8_asks_of_the_read_what_holds_at_its_end: frozenset({"Truthful"}),
    m9_late_create_ignores_the_tombstone: frozenset({"Truthful"}),
    kit_reports_the_stop_before_it: frozenset({"Truthful", "NoLateWrite"}),
    kit_rescues_what_is_alive: frozenset({"Truthful"}),
    kit_retries_what_is_to_be_cancelled: frozenset({"CancelKept"}),
}
