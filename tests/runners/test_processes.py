"""Running functions: the ordinary life of a job in a process, and of the pool."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.runners.support import QUICK, ROOT, FakeRun, alive, marked_alive, running, soon
from weft.engine.errors import LeaseLost
from weft.engine.jobs import Completed, Failed, Stopped
from weft.runners.processes import ProcessRunner, job_environment
from weft.settings import RunnerSettings

TWO = RunnerSettings(processes=2, sigterm_after=timedelta(seconds=0.3), cancel_grace=timedelta(seconds=1))


async def result_of(runner: ProcessRunner, job_type: str, payload: Any = None) -> Any:
    outcome = await runner.run(FakeRun(job_type, payload))
    assert isinstance(outcome, Completed), outcome
    return None if outcome.result is None else json.loads(outcome.result)


@pytest.mark.parametrize("job_type", ["echo", "asyncEcho"])
@pytest.mark.parametrize("payload", [{"a": [1, None, "ü"]}, [1], "x" * 1_000_000, 0, False])
async def test_a_function_gets_its_payload_and_what_it_returns_is_the_result(
    job_type: str, payload: Any
) -> None:
    async with running() as runner:
        assert await result_of(runner, job_type, payload) == payload


async def test_without_a_payload_a_function_gets_an_empty_object() -> None:
    async with running() as runner:
        assert await result_of(runner, "echo") == {}


async def test_a_function_that_returns_nothing_has_no_result() -> None:
    async with running() as runner:
        assert await runner.run(FakeRun("nothing")) == Completed(result=None)


async def test_the_context_says_who_wants_what() -> None:
    async with running() as runner:
        run = FakeRun("context")

        outcome = await runner.run(run)

    labels = run.job.labels
    assert isinstance(outcome, Completed)
    assert json.loads(outcome.result or b"") == {
        "job_id": run.job.key.id,
        "workspace_id": labels["workspace"],
        "item_id": labels["item"],
        "item_type": labels["item_type"],
        "job_type": "context",
        "tenant_id": labels["tenant"],
        "user_id": labels["user"],
        "invoke_type": "Manual",
        "activity_id": labels["activity_id"],
        "attempt": 1,
        "cancelled": False,
    }


async def test_a_process_is_used_for_one_job_after_the_other() -> None:
    async with running() as runner:
        assert await result_of(runner, "pid") == await result_of(runner, "pid")


async def test_as_many_jobs_run_at_once_as_there_are_processes_and_the_others_wait(tmp_path: Path) -> None:
    async with running(TWO) as runner:
        runs = [FakeRun("sleep") for _ in range(2)]
        busy = [asyncio.create_task(runner.run(run)) for run in runs]
        for run in runs:
            await run.until_progress()
        third = asyncio.create_task(runner.run(FakeRun("echo", 3)))
        runs[0].cancel_requested.set()

        assert await busy[0] == Stopped()
        assert await third == Completed(result=b"3")

        runs[1].cancel_requested.set()
        assert await busy[1] == Stopped()


async def test_many_jobs_at_once_all_get_their_own_result() -> None:
    async with running(TWO) as runner:
        results = await asyncio.gather(*(result_of(runner, "echo", number) for number in range(300)))

    assert results == list(range(300))


async def test_what_a_job_changes_in_its_process_the_next_one_does_not_find() -> None:
    async with running() as runner:
        first = await result_of(runner, "changesEverything")
        second = await result_of(runner, "changesEverything")

    assert first == second


async def test_a_job_is_nicer_than_the_server() -> None:
    async with running() as runner:
        assert await result_of(runner, "niceness") == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 19)


async def test_a_job_process_knows_none_of_the_secrets_of_the_server() -> None:
    secrets = {"WEFT_TOKEN": "hush-1", "AZURE_CLIENT_SECRET": "hush-2", "LC_ALL": "C.UTF-8"}
    async with running(**secrets) as runner:
        seen = await result_of(runner, "environment")

    assert "hush" not in "".join(seen.values())
    assert "LC_ALL=C.UTF-8" in seen["outside"]


def test_only_allowed_names_of_the_environment_are_passed_on() -> None:
    given = {"PATH": "/bin", "LC_TIME": "C", "WEFT_DATA": "/d", "GITHUB_TOKEN": "t", "HTTP_PROXY": "u:p@h"}

    assert job_environment(given) == {"PATH": "/bin", "LC_TIME": "C"}


async def test_a_process_killed_while_it_waits_is_replaced_and_fails_no_job() -> None:
    async with running() as runner:
        before = await result_of(runner, "pid")
        os.kill(before, signal.SIGKILL)

        after = await result_of(runner, "pid")

    assert before != after


async def test_a_job_that_leaves_a_daemon_takes_its_process_with_it(tmp_path: Path) -> None:
    marker = "leaves-a-daemon"
    async with running(marker=marker) as runner:
        file = tmp_path / "file"
        pid = await result_of(runner, "leavesDaemon", {"file": str(file)})
        size = file.stat().st_size

        assert not alive(pid)
        assert await result_of(runner, "pid") != pid
        assert file.stat().st_size == size > 0


@pytest.mark.parametrize("job_type", ["leavesThread", "leavesRawThread", "closesOutput"])
async def test_a_job_that_leaves_what_cannot_be_undone_takes_its_process_with_it(job_type: str) -> None:
    async with running() as runner:
        pid = await result_of(runner, job_type)

        assert not alive(pid)


async def test_a_job_that_leaves_only_a_zombie_leaves_a_good_process() -> None:
    async with running() as runner:
        pid = await result_of(runner, "leavesZombie")

        assert await result_of(runner, "leavesZombie") == pid


async def test_a_lost_lease_stops_the_work_and_is_passed_on() -> None:
    async with running() as runner:
        pid = await result_of(runner, "pid")
        run = FakeRun("sleep")
        run.raises = LeaseLost(run.job)

        with pytest.raises(LeaseLost):
            await runner.run(run)

        assert not alive(pid)
        assert await result_of(runner, "echo", 1) == 1


async def test_a_job_of_an_unknown_type_fails_with_a_reason() -> None:
    async with running() as runner:
        outcome = await runner.run(FakeRun("unheardOf"))

        assert isinstance(outcome, Failed)
        assert outcome.error.code == "InvalidJobType"
        assert "unheardOf" in outcome.error.message
        assert await result_of(runner, "echo", 1) == 1


async def test_start_ends_what_a_server_before_left_running() -> None:
    marker = "left-running"
    async with left_behind(marker) as old:
        assert marked_alive(marker) == [old.pid]

        async with running(marker=marker) as runner:
            assert not alive(old.pid)
            assert await result_of(runner, "echo", 1) == 1


async def test_start_leaves_the_processes_of_other_stores_alone() -> None:
    async with left_behind("other-store") as other:
        async with running(marker="other") as runner:
            await result_of(runner, "echo", 1)

        assert alive(other.pid)


@asynccontextmanager
async def left_behind(marker: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give a process that looks like a job of an earlier server of that store."""
    process = await asyncio.create_subprocess_exec(
        "sleep", "600", env={"WEFT_JOB_MARKER": f"{marker}/old/1"}, start_new_session=True
    )
    try:
        await soon(lambda: marked_alive(marker) == [process.pid])
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_jobs_run_with_uvloops_loop_as_well() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import uvloop\n"
        "from tests.runners.support import FakeRun, running\n"
        "async def main():\n"
        "    async with running() as runner:\n"
        "        run = FakeRun('sleep')\n"
        "        import asyncio\n"
        "        work = asyncio.create_task(runner.run(run))\n"
        "        await run.until_progress()\n"
        "        run.cancel_requested.set()\n"
        "        print(await work, await runner.run(FakeRun('echo', 7)))\n"
        "uvloop.run(main())\n",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )

    out, _ = await process.communicate()

    assert b"Stopped" in out
    assert b"result=b'7'" in out
    assert process.returncode == 0


async def test_start_does_not_wait_for_the_processes() -> None:
    began = time.monotonic()
    async with running(workload="tests.runners.slow:workload"):
        assert time.monotonic() - began < 1


async def test_a_closed_runner_has_closed_all_it_opened() -> None:
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    async with running(TWO) as runner:
        await result_of(runner, "echo", 1)

    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


async def test_the_defaults_are_as_promised() -> None:
    settings = RunnerSettings()

    assert settings.sigterm_after <= timedelta(seconds=1)
    assert settings.cancel_grace == timedelta(seconds=10)
    assert QUICK.cancel_grace < settings.cancel_grace
