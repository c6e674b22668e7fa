"""The process that reads an import file: it is heard, acknowledged, and gone when it was ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.runners.support import ROOT, alive, until, zombies
from weft.runners import proctree
from weft.runners.children import OURS
from weft.runners.job_process import memory_tag
from weft.runners.processes import ProcessRunner
from weft.runners.reader_process import ReaderGone, ReaderProcess
from weft.settings import RunnerSettings
from weft.twins.feed import AnyFrame, Ended, Order, Scanning

ORDER = Order(uri="file:///input", blobs=b"blobs", graph="graph.db")

Start = Callable[[str], ReaderProcess]


def files() -> set[str]:
    return {f"{path.name} {path.readlink()}" for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Give what starts a reader, and see that nothing is left of those that were ended."""
    before = files()
    readers: list[ReaderProcess] = []

    def begin(deed: str) -> ReaderProcess:
        readers.append(a_reader(deed))
        return readers[-1]

    yield begin
    assert [reader.pid for reader in readers if alive(reader.pid)] == []
    assert {reader.pid for reader in readers}.isdisjoint(zombies())
    assert not {reader.pid for reader in readers} & OURS.pids
    assert files() == before


def a_reader(deed: str, *, mark: str = "") -> ReaderProcess:
    return ReaderProcess(
        ORDER,
        mark=mark or uuid4().hex,
        environment={**os.environ, "PYTHONPATH": f"{ROOT}", "SECRET": "of the server"},
        command=(sys.executable, "-m", "tests.runners.reader", deed),
    )


async def heard(reader: ReaderProcess) -> list[AnyFrame]:
    frames: list[AnyFrame] = []
    while not isinstance(frame := await reader.next(), Ended):
        frames.append(frame)
    return frames


async def test_a_reader_gets_its_order_and_acknowledgements_and_is_heard(start: Start) -> None:
    reader = start("echo")
    first = await reader.next()
    for batches in (1, 2, 3):
        reader.acknowledge(batches)

    rest = await heard(reader)
    await reader.end()

    assert first == Scanning(len(ORDER.uri), len(ORDER.blobs))
    assert rest == [Scanning(1, 0), Scanning(2, 0), Scanning(3, 0)]


async def test_what_was_said_before_its_end_is_heard_to_the_last_frame(start: Start) -> None:
    reader = start("many")
    await asyncio.to_thread(until, lambda: not alive(reader.pid) or pipe_is_full(reader))

    frames = await heard(reader)
    await reader.end()

    assert frames == [Scanning(number, 5000) for number in range(5000)]


def pipe_is_full(reader: ReaderProcess) -> bool:
    return Path(f"/proc/{reader.pid}/wchan").read_text() == "pipe_write"


async def test_a_reader_that_ignores_every_request_is_gone_after_its_end(start: Start) -> None:
    reader = start("waits")
    await reader.next()
    coming = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    coming.cancel()
    began = time.monotonic()

    await reader.end()

    assert not alive(reader.pid)
    assert time.monotonic() - began < 1


async def test_a_reader_that_crashes_says_how_and_leaves_its_last_words(start: Start) -> None:
    reader = start("crashes")

    with pytest.raises(ReaderGone) as gone:
        await reader.next()
    await reader.end()

    assert "exited with code 1" in str(gone.value)
    assert "half a frame comes" in str(gone.value)
    assert "ZeroDivisionError: the reader's own mistake" in str(gone.value)


@pytest.mark.parametrize(("deed", "said"), [("too_large", "a frame of"), ("no_frame", "what is no frame")])
async def test_a_reader_that_says_what_no_reader_says_is_not_believed(
    start: Start, deed: str, said: str
) -> None:
    reader = start(deed)

    with pytest.raises(ReaderGone, match=said):
        await reader.next()
    await reader.end()


async def test_a_reader_that_cannot_be_started_leaves_nothing(start: Start) -> None:
    with pytest.raises(ReaderGone, match="could not be started"):
        ReaderProcess(ORDER, mark="m", environment={}, command=("/no/such/program",))


async def test_a_reader_knows_no_secret_of_the_server_and_is_killed_for_memory_before_it(
    start: Start,
) -> None:
    reader = start("waits")
    await reader.next()

    environment = Path(f"/proc/{reader.pid}/environ").read_bytes()
    adjusted = int(Path(f"/proc/{reader.pid}/oom_score_adj").read_text())
    await reader.end()

    assert b"SECRET" not in environment
    assert adjusted == memory_tag()


async def test_a_reader_is_marked_and_no_runner_of_jobs_takes_it_for_an_orphan(start: Start) -> None:
    marker = uuid4().hex
    runner = ProcessRunner(
        RunnerSettings(processes=1),
        command=[sys.executable, "-c", ""],
        environment=os.environ,
        marker=marker,
        owns_all_children=True,
    )
    await runner.start()
    reader = a_reader("waits", mark=runner.new_mark())
    await reader.next()

    marked = proctree.marked(f"{marker}/", proctree.processes())
    await runner.close()
    outlived_the_jobs = alive(reader.pid)
    await reader.end()

    assert reader.pid in marked
    assert outlived_the_jobs


@pytest.fixture
def doomed() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Give a server that reads a file, and the process that does so."""
    command = [sys.executable, "-m", "tests.runners.doomed_reader", uuid4().hex]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield server, int(server.stdout.readline())
        server.kill()


def test_a_reader_ends_when_its_server_is_killed(doomed: tuple[subprocess.Popen[bytes], int]) -> None:
    server, reader = doomed

    server.kill()

    until(lambda: not alive(reader))
