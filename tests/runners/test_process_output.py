"""What a job prints, logs and tells of its progress reaches its run, in bounded amounts."""

import resource
from pathlib import Path

import pytest

from tests.runners.support import FakeRun, running
from weft.engine.errors import StoreUnavailable
from weft.engine.jobs import Completed, Progress
from weft.runners.reporting import LINES_WAITING


async def test_everything_that_a_job_says_becomes_lines_of_its_log() -> None:
    async with running() as runner:
        run = FakeRun("tells")
        await runner.run(run)

    by_level = {(line.level, line.text) for line in run.lines}
    assert ("info", "read 3 rows") in by_level
    assert ("warning", "careful") in by_level
    assert ("stdout", "printed") in by_level
    assert ("stdout", "half a line \\udc80") in by_level
    assert ("stderr", "complained") in by_level
    assert any("could not be formatted" in line.text for line in run.lines)
    assert [line.number for line in run.lines] == list(range(1, len(run.lines) + 1))


async def test_nothing_that_a_job_prints_reaches_the_servers_own_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with running() as runner:
        await runner.run(FakeRun("tells"))

    assert capfd.readouterr() == ("", "")


async def test_the_last_progress_is_told_and_most_of_the_others_are_not() -> None:
    async with running() as runner:
        run = FakeRun("tells")
        await runner.run(run)

    assert run.told[-1] == Progress(1000, 1000, "step 1000")
    assert len(run.told) < 20


async def test_a_logged_exception_keeps_its_traceback() -> None:
    async with running() as runner:
        run = FakeRun("logsBadly")
        await runner.run(run)

    assert run.lines[0].text.startswith("went wrong\nTraceback")
    assert run.lines[0].level == "error"


async def test_lines_of_one_job_never_show_in_the_next() -> None:
    async with running() as runner:
        await runner.run(FakeRun("tells"))
        second = FakeRun("echo", 1)
        await runner.run(second)

    assert second.lines == []
    assert second.told == []


async def test_a_flood_of_output_is_cut_counted_and_costs_no_memory() -> None:
    async with running() as runner:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run = FakeRun("floods", {"mebibytes": 50, "records": 50_000})

        assert await runner.run(run) == Completed(result=None)

        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    dropped = sum(int(text[1:].split()[0]) for text in run.texts if text.endswith("more than are kept)"))
    kept = sum(not text.endswith("more than are kept)") for text in run.texts)
    assert grown_kib < 40 * 1024
    assert kept >= LINES_WAITING
    assert kept + dropped == 50 * 10_000 + 50_000


async def test_a_line_without_end_is_cut_and_costs_no_memory() -> None:
    async with running() as runner:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run = FakeRun("oneLongLine")

        await runner.run(run)

        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert [len(text) for text in run.texts] == [8 * 1024 + 1, len("after it")]
    assert grown_kib < 30 * 1024


async def test_a_store_that_is_unavailable_for_the_log_fails_no_job(tmp_path: Path) -> None:
    async with running() as runner:
        run = FakeRun("tells")
        run.raises = StoreUnavailable("disk full")

        assert await runner.run(run) == Completed(result=None)
