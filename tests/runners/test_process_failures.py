"""Every way in which a job can fail says so in words that help its author."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.runners.support import FakeRun, running
from tests.runners.test_process_stop import growing
from weft.engine.jobs import Completed, ErrorDetail, Failed, JobError
from weft.runners.processes import ProcessRunner

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner() -> AsyncIterator[ProcessRunner]:
    async with running() as started:
        yield started


async def failure_of(runner: ProcessRunner, job_type: str, payload: object = None) -> JobError:
    outcome = await runner.run(FakeRun(job_type, payload))
    assert isinstance(outcome, Failed), outcome
    assert len(msgspec.json.encode(outcome.error)) <= 16 * 1024
    assert await runner.run(FakeRun("echo", 1)) == Completed(result=b"1")
    return outcome.error


async def test_an_exception_tells_its_type_its_message_its_frames_and_its_cause(
    runner: ProcessRunner,
) -> None:
    error = await failure_of(runner, "raises")

    assert (error.code, error.message) == ("tests.runners.jobs.Unhappy", "about this")
    assert error.source == "User"
    assert [detail.code for detail in error.details] == ["Frame", "Cause"]
    assert "jobs.py:" in error.details[0].message
    assert 'in raises: raise Unhappy("about this") from missing' in error.details[0].message
    assert error.details[1].message == "KeyError: 'missing'"


async def test_an_exception_of_an_async_function_shows_the_functions_own_frames(
    runner: ProcessRunner,
) -> None:
    error = await failure_of(runner, "asyncRaises")

    assert error.message == "later"
    assert 'in async_raises: raise Unhappy("later")' in error.details[0].message


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("value", "ValueError", "bad value"),
        ("empty", "ValueError", "ValueError"),
        ("exit", "SystemExit", "The function called sys.exit(3)."),
        ("keyboard", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("memory", "MemoryError", "no more"),
        ("surrogate", "ValueError", "half \\udc80"),
        ("unsayable", "tests.runners.jobs.Unsayable", "(its text cannot be had: RuntimeError)"),
        ("cancelled", "JobCancelled", "The function raised JobCancelled, but nobody had cancelled the job."),
        (
            "async cancelled",
            "CancelledError",
            "The function raised CancelledError, but nobody had cancelled the job.",
        ),
    ],
)
async def test_whatever_is_raised_fails_the_job_and_not_its_process(
    runner: ProcessRunner, kind: str, code: str, message: str
) -> None:
    error = await failure_of(runner, "raisesBuiltin", {"kind": kind})

    assert (error.code, error.message) == (code, message)


async def test_a_message_without_end_is_cut(runner: ProcessRunner) -> None:
    error = await failure_of(runner, "raisesBuiltin", {"kind": "long"})

    assert error.message.startswith("xxx")
    assert error.message.endswith("…")


async def test_a_recursion_without_end_shows_its_last_frames(runner: ProcessRunner) -> None:
    error = await failure_of(runner, "recurses")

    assert error.code == "RecursionError"
    assert len(error.details) == 10


async def test_a_failure_on_purpose_is_kept_whole(runner: ProcessRunner) -> None:
    error = await failure_of(runner, "fails")

    assert error == JobError(
        code="SeriesTooShort",
        message="Only {0} points of {1}",
        source="External",
        is_permanent=False,
        parameters=("3", "sales"),
        details=(
            ErrorDetail("Hint", "add points", ("p",), (("needed", "12"),)),
            ErrorDetail("More", "m", (), (("a", "1"),)),
        ),
    )


async def test_a_failure_on_purpose_is_bounded(runner: ProcessRunner) -> None:
    error = await failure_of(runner, "failsAtLength")

    assert error.code == "Long"
    assert 0 < len(error.details) < 100


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("object", "ResultNotJson"),
        ("endless", "ResultNotJson"),
        ("surrogate", "ResultNotJson"),
        ("raw", "ResultNotJson"),
        ("raw list", "ResultNotJson"),
        ("large", "ResultTooLarge"),
    ],
)
async def test_a_result_that_cannot_be_kept_fails_the_job(
    runner: ProcessRunner, kind: str, code: str
) -> None:
    error = await failure_of(runner, "returns", {"kind": kind})

    assert error.code == code
    assert error.is_permanent


@pytest.mark.parametrize(("kind", "result"), [("nan", b"[null,1.5]"), ("tuple", b'[1,"two",null,true]')])
async def test_values_that_are_nearly_json_become_json(
    runner: ProcessRunner, kind: str, result: bytes
) -> None:
    assert await runner.run(FakeRun("returns", {"kind": kind})) == Completed(result=result)


async def test_values_of_numpy_become_json(runner: ProcessRunner) -> None:
    outcome = await runner.run(FakeRun("returnsNumpy"))

    assert outcome == Completed(result=b'{"array":[0,1,2],"number":1.5}')


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("exit", "exited with code 3 before the function returned"),
        ("segfault", f"was killed by signal {signal.SIGSEGV} (SIGSEGV) before"),
        ("SIGABRT", f"was killed by signal {signal.SIGABRT} (SIGABRT) before"),
        ("SIGTERM", f"was killed by signal {signal.SIGTERM} (SIGTERM) before"),
        ("SIGKILL", "was killed by signal 9 (SIGKILL; out of memory?) before"),
    ],
)
async def test_the_death_of_a_process_fails_its_job_and_says_how_it_died(
    runner: ProcessRunner, how: str, words: str
) -> None:
    error = await failure_of(runner, "dies", {"how": how})

    assert error.code == "ProcessCrashed"
    assert words in error.message
    assert error.details[0].code == "LastOutput"
    assert "last words" in error.details[0].message


async def test_a_segmentation_fault_shows_where_the_function_was(runner: ProcessRunner) -> None:
    error = await failure_of(runner, "dies", {"how": "segfault"})

    assert "in dies" in error.details[0].message


async def test_the_death_of_a_process_takes_its_orphans_with_it(
    runner: ProcessRunner, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    await failure_of(runner, "diesLeavingDaemon", {"file": str(file)})

    assert file.stat().st_size > 0
    assert not growing(file)


async def test_a_process_that_breaks_the_channel_is_ended_and_its_job_fails(runner: ProcessRunner) -> None:
    error = await failure_of(runner, "breaksChannel")

    assert error.code == "ProcessCrashed"
    assert "broke the channel" in error.message


async def test_a_job_that_closes_the_channel_fails_and_gives_its_place_to_the_next(
    runner: ProcessRunner,
) -> None:
    async with asyncio.timeout(20):
        error = await failure_of(runner, "closesEverything")

    assert error.code == "ProcessCrashed"
    assert "exited with code 74" in error.message
    assert "The channel to the server is closed" in error.details[0].message


async def test_numbers_of_progress_must_be_finite(runner: ProcessRunner) -> None:
    error = await failure_of(runner, "progress", {"done": "nan"})

    assert error.message == "progress: done is a finite number from 0 on, not nan"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
        ("import os; os._exit(5)", "exited with code 5 while it was loading the workloads"),
        ("import sys; sys.exit(5)", "SystemExit: 5"),
        ("workload = 5", "'workload' is a int, not a Workload"),
        ("other = 5", "has no attribute 'workload'"),
        ("def", "SyntaxError"),
    ],
)
async def test_a_workload_that_cannot_be_imported_fails_its_jobs_with_the_reason(
    source: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "broken_workload.py").write_text(source)
    path = f"{Path(__file__).resolve().parents[2]}:{tmp_path}"

    async with running(workload="broken_workload:workload", PYTHONPATH=path) as runner:
        first = await runner.run(FakeRun("echo"))
        second = await runner.run(FakeRun("echo"))

    for outcome in (first, second):
        assert isinstance(outcome, Failed)
        assert outcome.error.code == "WorkloadNotLoaded"
        assert words in outcome.error.message


async def test_a_workload_that_is_mended_is_found_without_a_restart(tmp_path: Path) -> None:
    module = tmp_path / "mended_workload.py"
    module.write_text("raise RuntimeError('not yet')")
    path = f"{Path(__file__).resolve().parents[2]}:{tmp_path}"

    async with running(workload="mended_workload:workload", PYTHONPATH=path) as runner:
        assert isinstance(await runner.run(FakeRun("echo")), Failed)
        module.write_text("from tests.runners.jobs import workload")
        outcome = await runner.run(FakeRun("echo", 1))
        while isinstance(outcome, Failed):
            await asyncio.sleep(0.01)
            outcome = await runner.run(FakeRun("echo", 1))

    assert outcome == Completed(result=b"1")


async def test_a_command_that_does_not_exist_fails_jobs_with_the_reason() -> None:
    async with running(python="/no/such/python") as runner:
        outcome = await runner.run(FakeRun("echo"))

    assert isinstance(outcome, Failed)
    assert "No such file or directory: '/no/such/python'" in outcome.error.message
