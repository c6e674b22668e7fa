"""When the machine runs out of files, memory or processes, jobs wait; none is lost, none half ended."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.runners.support import FakeRun, alive, running, soon, until, zombies
from tests.runners.test_process_server_death import children, runs_keeper
from tests.runners.test_process_stop import Cancelling, nothing_lives
from weft.engine.jobs import Completed, Stopped
from weft.runners import processes, proctree
from weft.runners.job_process import JobProcess
from weft.runners.keeper import Keeper


def failing_first(times: int, function: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """Return *function*, of which the first calls raise."""
    left = times

    def called(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            raise error
        return function(*arguments, **named)

    return called


def no_files() -> OSError:
    return OSError(errno.EMFILE, "Too many open files")


def open_files() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.parametrize("job_type", ["namelessDaemon", "stuckInC"])
async def test_an_end_is_not_told_before_a_look_at_all_processes_was_had(
    job_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as runner:
        job = Cancelling(job_type, tmp_path)
        work = asyncio.create_task(runner.run(job.run))
        await soon(lambda: job.here.exists() and job.here.read_text() != "")
        job.pid = int(job.here.read_text())
        monkeypatch.setattr(proctree, "processes", failing_first(3, proctree.processes, no_files()))
        job.run.cancel_requested.set()

        assert await work == Stopped()
        assert nothing_lives(job)
        async with asyncio.timeout(20):
            assert await runner.run(FakeRun("echo", 1)) == Completed(result=b"1")


async def test_a_pool_outlives_a_fault_nobody_thought_of(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = failing_first(1, JobProcess, RuntimeError("nobody thought of it"))
    monkeypatch.setattr(processes, "JobProcess", broken)

    async with running() as runner, asyncio.timeout(20):
        assert await runner.run(FakeRun("echo", 1)) == Completed(result=b"1")


async def test_a_process_that_dies_as_it_is_handed_on_fails_no_job() -> None:
    async with running() as runner:
        outcome = await runner.run(FakeRun("pid"))
        assert isinstance(outcome, Completed)
        pid = int(outcome.result or b"")
        first = asyncio.create_task(runner.run(FakeRun("echo", 1)))
        await asyncio.sleep(0)

        async def run_and_kill() -> None:
            await runner.run(FakeRun("echo", 2))
            os.kill(pid, signal.SIGKILL)
            until(lambda: not alive(pid))  # the next in the queue already has this process

        second = asyncio.create_task(run_and_kill())
        await asyncio.sleep(0)
        third = asyncio.create_task(runner.run(FakeRun("echo", 3)))

        assert await first == Completed(result=b"1")
        await second
        assert await third == Completed(result=b"3")


async def test_a_process_that_cannot_be_watched_is_ended_and_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = open_files(), set(children())
    monkeypatch.setattr(os, "pidfd_open", failing_first(1, os.pidfd_open, no_files()))

    with pytest.raises(OSError, match="Too many open files"):
        JobProcess([sys.executable, "-c", "input()"], {}, mark=f"{uuid4().hex}/", tag=None)

    assert (open_files(), set(children())) == before


async def test_a_keeper_that_was_just_killed_can_be_dismissed() -> None:
    before = set(children())
    keeper = Keeper(f"{uuid4().hex}/", dict(os.environ))
    (pid,) = set(children()) - before
    os.kill(pid, signal.SIGKILL)
    await soon(lambda: proctree.look(pid) is None)

    await keeper.close()

    assert set(children()) <= before


async def test_a_keeper_that_somebody_stopped_holds_no_exit() -> None:
    keeper = Keeper(f"{uuid4().hex}/", dict(os.environ))
    await soon(lambda: len(keepers()) == 1)
    os.kill(keepers()[0], signal.SIGSTOP)

    async with asyncio.timeout(20):
        await keeper.close()

    assert keepers() == []
    assert zombies() == []


@pytest.mark.parametrize("missing", ["Popen", "pidfd_open"])
async def test_a_keeper_that_cannot_be_replaced_is_replaced_later(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(f"{uuid4().hex}/", dict(os.environ))
    try:
        await soon(lambda: len(keepers()) == 1)
        (pid,) = keepers()
        owner: Any = subprocess if missing == "Popen" else os
        monkeypatch.setattr(owner, missing, failing_first(1, getattr(owner, missing), no_files()))
        os.kill(pid, signal.SIGKILL)

        await soon(lambda: [found for found in keepers() if found != pid] != [])
        monkeypatch.undo()
    finally:
        await keeper.close()

    assert keepers() == []
    assert zombies() == []


def keepers() -> list[int]:
    return [pid for pid in children() if alive(pid) and runs_keeper(pid)]
