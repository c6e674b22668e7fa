"""Cancelled means stopped: whatever a job does, nothing of it lives once the runner says Stopped."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runners.support import QUICK, ROOT, FakeRun, alive, marked_alive, running, soon, zombies
from weft.engine.jobs import Completed, Outcome, Stopped
from weft.runners.processes import ProcessRunner

GENTLE = QUICK.sigterm_after.total_seconds()
GRACE = QUICK.cancel_grace.total_seconds()


class Cancelling:
    """A job that is run until it says where it is, then cancelled."""

    def __init__(self, job_type: str, directory: Path) -> None:
        self.here = directory / "here"
        self.file = directory / "file"
        self.run = FakeRun(job_type, {"here": str(self.here), "file": str(self.file)})
        self.outcome: Outcome | None = None
        self.took = 0.0
        self.pid = 0

    async def by(self, runner: ProcessRunner) -> "Cancelling":
        work = asyncio.create_task(runner.run(self.run))
        await soon(lambda: work.done() or (self.here.exists() and self.here.read_text() != ""))
        self.pid = int(self.here.read_text())
        began = time.monotonic()
        self.run.cancel_requested.set()
        self.outcome = await work
        self.took = time.monotonic() - began
        return self

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0


def nothing_lives(job: Cancelling) -> bool:
    return not alive(job.pid) and not growing(job.file) and zombies() == []


def growing(path: Path) -> bool:
    """Return whether some process has the file as an argument: each of those that write to it has."""
    wanted = str(path).encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize(
    "job_type",
    ["asyncSleep", "spins", "polls", "threadPolls", "large", "starts", "forks", "zombie"],
)
async def test_a_job_that_listens_stops_before_it_is_sent_sigterm(job_type: str, tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling(job_type, tmp_path).by(runner)

        assert job.outcome == Stopped()
        assert nothing_lives(job)
        assert job.took < GENTLE + 0.2


@pytest.mark.parametrize("job_type", ["stuckInC"])
async def test_a_job_that_hears_nothing_dies_of_sigterm(job_type: str, tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling(job_type, tmp_path).by(runner)

        assert job.outcome == Stopped()
        assert nothing_lives(job)
        assert GENTLE <= job.took < GRACE


@pytest.mark.parametrize("job_type", ["ignoresSigterm", "swallows", "forksQuickly"])
async def test_a_job_that_ignores_everything_is_killed_after_the_grace(job_type: str, tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling(job_type, tmp_path).by(runner)

        assert job.outcome == Stopped()
        assert nothing_lives(job)
        assert GRACE <= job.took < GRACE + 2


@pytest.mark.parametrize("job_type", ["forks", "starts", "daemon", "namelessDaemon"])
async def test_what_a_job_has_started_writes_nothing_after_its_end(job_type: str, tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling(job_type, tmp_path).by(runner)
        size = job.size

        await runner.run(FakeRun("echo"))

        assert job.outcome == Stopped()
        assert size > 0
        assert not growing(job.file)
        assert job.size == size


async def test_a_job_stuck_in_c_is_stopped_with_the_daemon_it_started(tmp_path: Path) -> None:
    async with running() as runner:
        job = Cancelling("stuckInC", tmp_path)
        job.run = FakeRun("stuckInC", {"here": str(job.here), "file": str(job.file), "daemon": True})
        await job.by(runner)

        assert job.outcome == Stopped()
        assert job.size > 0
        assert nothing_lives(job)


def test_a_daemon_that_hides_from_every_look_is_stopped_by_a_server_that_owns_its_children(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "tests.runners.owner", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=60)

    assert json.loads(done.stdout) == {
        "outcome": "Stopped",
        "daemon wrote": True,
        "daemon lives": False,
        "keepers": 1,
        "stranger lives": True,
        "next job is done": True,
        "children left": 0,
    }


async def test_a_function_that_was_told_may_clean_up_past_sigterm(tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling("cleansUp", tmp_path).by(runner)

        assert job.outcome == Stopped()
        assert job.file.read_text() == "cleaned up"


@pytest.mark.parametrize("job_type", ["deletes", "callsBack"])
async def test_a_cancel_that_python_ignores_is_told_again(job_type: str, tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling(job_type, tmp_path).by(runner)

        assert job.outcome == Stopped()
        assert job.took < GRACE / 2
        assert "Exception ignored" not in "".join(job.run.texts)


async def test_an_async_function_is_cancelled_as_a_task(tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling("asyncSleep", tmp_path).by(runner)

        assert job.file.read_text() == "cleaned up"


async def test_an_async_function_that_blocks_its_loop_is_interrupted(tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling("asyncBlocked", tmp_path).by(runner)

        assert job.outcome == Stopped()
        assert job.took < GRACE


async def test_an_uninterrupted_block_is_finished_and_then_the_function_ends(tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling("polls", tmp_path).by(runner)

        assert job.outcome == Stopped()
        assert job.file.read_text() == "cancelled: True"


async def test_a_function_may_return_a_result_though_it_was_told(tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling("finishesAnyway", tmp_path).by(runner)

        assert job.outcome == Completed(result=b'"finished"')
        assert not alive(job.pid)


async def test_a_cancelled_process_is_replaced(tmp_path: Path) -> None:
    async with running() as runner:
        job = await Cancelling("spins", tmp_path).by(runner)

        outcome = await runner.run(FakeRun("pid"))

        assert isinstance(outcome, Completed)
        assert outcome.result != str(job.pid).encode()


async def test_a_job_cancelled_before_it_has_a_process_never_begins(tmp_path: Path) -> None:
    async with running() as runner:
        first = FakeRun("sleep")
        busy = asyncio.create_task(runner.run(first))
        await first.until_progress()
        waiting = FakeRun("echo")
        waits = asyncio.create_task(runner.run(waiting))
        waiting.cancel_requested.set()

        assert await waits == Stopped()

        first.cancel_requested.set()
        assert await busy == Stopped()


async def test_when_the_worker_gives_up_the_work_is_dead_before_it_hears(tmp_path: Path) -> None:
    async with running() as runner:
        job = Cancelling("namelessDaemon", tmp_path)
        work = asyncio.create_task(runner.run(job.run))
        await soon(job.here.exists)

        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

        size = job.size
        assert not growing(job.file)
        assert (await runner.run(FakeRun("echo", 1))) == Completed(result=b"1")
        assert job.size == size


async def test_close_ends_jobs_that_run(tmp_path: Path) -> None:
    marker = "close-ends-jobs"
    async with running(marker=marker) as runner:
        job = Cancelling("namelessDaemon", tmp_path)
        work = asyncio.create_task(runner.run(job.run))
        await soon(job.here.exists)

        await runner.close()

        assert marked_alive(marker) == []
        assert not growing(job.file)
        await work


async def test_a_cancel_near_the_end_of_a_job_never_hits_the_next() -> None:
    async with running() as runner:
        for attempt in range(60):
            run = FakeRun("echo", attempt)
            work = asyncio.create_task(runner.run(run))
            for _ in range(attempt % 20):
                await asyncio.sleep(0)
            run.cancel_requested.set()
            first = await work
            second = await runner.run(FakeRun("echo", attempt))

            assert first in (Stopped(), Completed(result=str(attempt).encode()))
            assert second == Completed(result=str(attempt).encode())
