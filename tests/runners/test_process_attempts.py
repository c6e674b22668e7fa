"""Jobs that may take only so long, and jobs that start again: attempts in real processes."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.engine.direct_store import DirectStore
from tests.runners.jobs import TYPE
from tests.runners.support import QUICK, ROOT, FakeRun, alive, running, soon, until, zombies
from tests.runners.test_process_server_death import children, reaped_children
from tests.runners.test_process_stop import growing
from weft.engine.clock import SystemClock
from weft.engine.engine import Engine
from weft.engine.errors import StoreUnavailable
from weft.engine.events import Events
from weft.engine.jobs import Again, Completed, Failed, Job, JobKey, NewJob, RunPolicy, Stopped
from weft.engine.lifecycle import Event, State
from weft.engine.worker import Habits, Worker
from weft.runners.attempts import timed_out

SHORT = timedelta(seconds=1.5)
BRIEF = RunPolicy(timeout=SHORT)
AT_ONCE = timedelta(0)
PATIENT = replace(QUICK, cancel_grace=timedelta(seconds=3))


def payload_in(directory: Path) -> dict[str, str]:
    return {"here": str(directory / "here"), "file": str(directory / "file")}


# ---- a time limit


@pytest.mark.parametrize("job_type", ["spins", "swallows", "namelessDaemon", "daemon", "forks", "stuckInC"])
async def test_a_job_that_times_out_fails_and_leaves_no_process(job_type: str, tmp_path: Path) -> None:
    async with running(QUICK, BRIEF) as runner:
        outcome = await runner.run(FakeRun(job_type, payload_in(tmp_path)))

        assert outcome == Failed(timed_out(SHORT))
        assert not alive(int((tmp_path / "here").read_text()))
        assert not growing(tmp_path / "file")
        assert zombies() == []
        assert await runner.run(FakeRun("echo", 1)) == Completed(result=b"1")


async def test_a_job_that_listens_may_clean_up_when_its_time_is_over(tmp_path: Path) -> None:
    async with running(QUICK, BRIEF) as runner:
        outcome = await runner.run(FakeRun("asyncSleep", payload_in(tmp_path)))

    assert outcome == Failed(timed_out(SHORT))
    assert (tmp_path / "file").read_text() == "cleaned up"


async def test_what_a_job_returns_after_its_time_is_dropped(tmp_path: Path) -> None:
    async with running(QUICK, BRIEF) as runner:
        outcome = await runner.run(FakeRun("finishesAnyway", payload_in(tmp_path)))

    assert outcome == Failed(timed_out(SHORT))


async def test_a_job_within_its_time_knows_nothing_of_it() -> None:
    async with running(QUICK, RunPolicy(timeout=timedelta(days=24))) as runner:
        assert await runner.run(FakeRun("echo", 1)) == Completed(result=b"1")


async def test_the_wait_for_a_process_is_not_part_of_a_jobs_time(tmp_path: Path) -> None:
    async with running(QUICK, BRIEF) as runner:
        long = asyncio.create_task(runner.run(FakeRun("swallows", payload_in(tmp_path))))
        await soon((tmp_path / "here").exists)

        assert await runner.run(FakeRun("echo", 1)) == Completed(result=b"1")

        assert await long == Failed(timed_out(SHORT))  # it was killed after its time and the whole grace


async def test_a_cancel_of_a_job_that_is_being_stopped_for_its_time_wins(tmp_path: Path) -> None:
    async with running(PATIENT, replace(BRIEF, retries=3)) as runner:
        run = FakeRun("refuses", payload_in(tmp_path))
        work = asyncio.create_task(runner.run(run))
        await soon((tmp_path / "file").exists)

        run.cancel_requested.set()

        assert await work == Stopped()
        assert run.lines == []


# ---- another attempt, as the runner says it


async def test_a_job_that_times_out_may_start_again(tmp_path: Path) -> None:
    async with running(QUICK, replace(BRIEF, retries=1)) as runner:
        run = FakeRun("spins", payload_in(tmp_path))

        outcome = await runner.run(run)

    assert outcome == Again(timed_out(SHORT), timedelta(seconds=1))
    assert run.texts == [
        "attempt 1 failed: JobTimedOut: The job ran longer than 1.5 s and was stopped.; next in 1 s"
    ]


async def test_the_last_attempt_fails_with_its_own_error() -> None:
    async with running(QUICK, RunPolicy(retries=1)) as runner:
        run = FakeRun("failsAtFirst", {"times": 2})
        run.job = replace(run.job, attempt=2)

        outcome = await runner.run(run)

    assert isinstance(outcome, Failed)
    assert outcome.error.message == "at attempt 2"
    assert run.texts == ["this is attempt 2"]


async def test_what_fails_on_purpose_and_for_good_does_not_start_again() -> None:
    async with running(QUICK, RunPolicy(retries=5)) as runner:
        for_good = await runner.run(FakeRun("failsForGood"))
        for_now = await runner.run(FakeRun("fails"))

    assert isinstance(for_good, Failed)
    assert for_good.error.code == "NoSuchSeries"
    assert isinstance(for_now, Again)


async def test_a_workload_that_cannot_be_loaded_now_may_be_later() -> None:
    async with running(QUICK, RunPolicy(retries=1), workload="no.such:workload") as runner:
        outcome = await runner.run(FakeRun("echo"))

    assert isinstance(outcome, Again)
    assert outcome.error.code == "WorkloadNotLoaded"


@pytest.mark.parametrize("how", ["exit", "segfault", "SIGKILL"])
async def test_a_job_whose_process_died_may_start_again(how: str) -> None:
    async with running(QUICK, RunPolicy(retries=1)) as runner:
        run = FakeRun("dies", {"how": how})

        outcome = await runner.run(run)

    assert isinstance(outcome, Again)
    assert outcome.error.code == "ProcessCrashed"
    assert (run.texts[0], run.lines[-1].level) == ("last words", "warning")


async def test_a_log_that_cannot_be_kept_keeps_no_job_from_starting_again() -> None:
    async with running(QUICK, RunPolicy(retries=1)) as runner:
        run = FakeRun("failsAtFirst", {"times": 1})
        run.raises = StoreUnavailable("disk full")

        assert isinstance(await runner.run(run), Again)


# ---- another attempt, as the job lives it


class House:
    """An engine and a worker over a real store, and a runner with one policy for all."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def submit(self, job_type: str, payload: Any = None, *, queue: str = "workload") -> JobKey:
        key = JobKey(f"workload/x/{job_type}", str(uuid4()))
        new = NewJob(
            key=key,
            queue=queue,
            kind=job_type,
            payload=json.dumps(payload).encode(),
            labels={"item_type": TYPE},
        )
        await self.engine.submit(new)
        return key

    async def end_of(self, key: JobKey) -> Job:
        job = await self.engine.wait(key, seconds=60)
        assert job.is_final
        return job

    async def texts(self, key: JobKey) -> list[str]:
        return [line.text for line in await self.engine.lines(key)]


HABITS = Habits(
    queue="workload",
    slots=1,
    begins=Event.START,
    cancel_wins=True,
    adopts=False,
    look_again=timedelta(seconds=0.05),
)


@asynccontextmanager
async def house(directory: Path, policy: RunPolicy) -> AsyncIterator[House]:
    store = DirectStore(directory / "weft.db")
    engine = Engine(store, SystemClock(), Events())
    async with running(QUICK, policy) as runner:
        worker = Worker(engine, runner, HABITS)
        working = asyncio.create_task(worker.work())
        try:
            yield House(engine)
        finally:
            await worker.drain(timedelta(0))
            await working
            store.close()


SOON = RunPolicy(retries=2, backoff_first=timedelta(seconds=0.05))


async def test_a_retried_job_runs_again_and_its_first_error_is_in_its_log(tmp_path: Path) -> None:
    async with house(tmp_path, SOON) as here:
        key = await here.submit("failsAtFirst", {"times": 2})

        job = await here.end_of(key)

        assert (job.state, job.result, job.attempt, job.error) == (State.COMPLETED, b"3", 3, None)
        assert await here.texts(key) == [
            "this is attempt 1",
            "attempt 1 failed: tests.runners.jobs.Unhappy: at attempt 1; next in 0.05 s",
            "this is attempt 2",
            "attempt 2 failed: tests.runners.jobs.Unhappy: at attempt 2; next in 0.1 s",
            "this is attempt 3",
        ]


async def test_a_job_that_fails_every_time_fails_with_its_last_error(tmp_path: Path) -> None:
    async with house(tmp_path, SOON) as here:
        key = await here.submit("failsAtFirst", {"times": 99})

        job = await here.end_of(key)

        assert (job.state, job.attempt) == (State.FAILED, 3)
        assert job.error is not None
        assert job.error.message == "at attempt 3"


async def test_a_job_whose_process_died_is_a_failed_attempt(tmp_path: Path) -> None:
    async with house(tmp_path, SOON) as here:
        job = await here.end_of(await here.submit("diesAtFirst", {"times": 2}))

        assert (job.state, job.result, job.losses) == (State.COMPLETED, b"3", 0)


async def test_a_resumable_job_runs_again_after_its_process_was_killed(tmp_path: Path) -> None:
    policy = RunPolicy(resumable=True, backoff_first=AT_ONCE)
    async with house(tmp_path, policy) as here:
        key = await here.submit("diesAtFirst", {"times": 3})
        kills = await here.end_of(key)
        fails = await here.end_of(await here.submit("failsAtFirst", {"times": 1}))

        assert (kills.state, kills.result, kills.losses) == (State.COMPLETED, b"4", 3)
        assert fails.state is State.FAILED
        assert "attempt 1 was lost: ProcessCrashed" in (await here.texts(key))[0]


async def test_a_job_that_timed_out_starts_again_without_anything_of_its_first_attempt(
    tmp_path: Path,
) -> None:
    policy = RunPolicy(timeout=timedelta(seconds=2), retries=1, backoff_first=AT_ONCE)
    async with house(tmp_path, policy) as here:
        job = await here.end_of(await here.submit("hangsAtFirst", payload_in(tmp_path)))

        assert (job.state, job.result) == (State.COMPLETED, b"2")
        assert not alive(int((tmp_path / "here").read_text()))
        assert not growing(tmp_path / "file")


async def test_a_cancel_between_two_attempts_ends_the_job_at_once(tmp_path: Path) -> None:
    policy = RunPolicy(retries=9, backoff_first=timedelta(minutes=1))
    async with house(tmp_path, policy) as here:
        key = await here.submit("failsAtFirst", {"times": 9})
        waiting = await here.engine.get(key)
        with here.engine.events.watch(key) as changed:
            while (waiting := await here.engine.get(key)).available_at <= waiting.submitted_at:
                await asyncio.wait_for(changed.wait(), 60)
                changed.clear()

        cancelled = await here.engine.cancel(key)

        assert (waiting.state, waiting.attempt) == (State.ACCEPTED, 1)
        assert (cancelled.state, cancelled.attempt) == (State.CANCELLED, 1)
        assert cancelled.started_at == waiting.started_at
        assert cancelled.started_at is not None


def test_a_resumable_job_runs_again_after_its_server_was_killed(tmp_path: Path) -> None:
    payload = json.dumps(payload_in(tmp_path))
    command = [sys.executable, "-m", "tests.runners.restarted", str(tmp_path), "hangsAtFirst", payload]
    before = set(children())
    with subprocess.Popen(command, cwd=ROOT) as killed:
        until((tmp_path / "here").exists, seconds=60)
        killed.send_signal(signal.SIGKILL)
    until(lambda: not set(reaped_children()) - before)  # orphans may have become ours

    again = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=True)

    assert json.loads(again.stdout) == ["completed", 2, 1, "2"]
    assert not growing(tmp_path / "file")


# ---- two workers with one pool


async def test_a_worker_with_processes_to_spare_is_not_kept_from_its_jobs_by_another(tmp_path: Path) -> None:
    store = DirectStore(tmp_path / "weft.db")
    engine = Engine(store, SystemClock(), Events())
    here = House(engine)
    async with running(replace(QUICK, processes=2)) as runner:
        queues = ("workload", "workload-hooks")
        workers = [Worker(engine, runner, replace(HABITS, queue=queue)) for queue in queues]
        working = [asyncio.create_task(worker.work()) for worker in workers]
        long = [await here.submit("spins", payload_in(tmp_path)) for _ in range(2)]
        await soon((tmp_path / "here").exists)

        quick = [await here.submit("echo", number, queue="workload-hooks") for number in range(3)]
        ends = [await here.end_of(key) for key in quick]

        assert [job.result for job in ends] == [b"0", b"1", b"2"]
        assert [(await engine.get(key)).state for key in long] == [State.RUNNING, State.ACCEPTED]
        for worker in workers:
            await worker.drain(timedelta(0))
        await asyncio.gather(*working)
    store.close()
