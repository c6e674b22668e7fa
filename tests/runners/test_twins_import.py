"""Import jobs on the server's side: each line once, an honest end, and nothing left of what was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.engine.virtual_time import VirtualClock, virtually
from tests.runners.direct_graph import DirectGraph
from tests.runners.imports import BulkRun, File, Reader, Readers, an_import, blobs, logged
from weft.blobs.ports import BlobFault, BlobUnavailable, Log
from weft.engine.errors import LeaseLost
from weft.engine.jobs import Completed, Failed, Job, Outcome, Progress, Stopped
from weft.runners.reader_process import ReaderGone
from weft.runners.twins_bulk import BulkRunner
from weft.runners.twins_import import DELETED_MEANWHILE, MOST_DEATHS, UNABLE_TO_WRITE, ImportRunner
from weft.twins.errors import FenceLost
from weft.twins.feed import AnyFrame, Entities, Order, Refused, Rejected
from weft.twins.graph import Batch, Fence, Section

FILE = File(twins=45, relationships=25)
BAD = File(twins=45, relationships=25, bad=frozenset({10, 11, 30, 60}))

STARTED = {"status": "Started"}
WHOLE_LOG = [
    STARTED,
    {"section": "Models", "status": "Started"},
    {"section": "Models", "status": "Succeeded"},
    {"section": "Twins", "status": "Started"},
    {"section": "Twins", "status": "Succeeded"},
    {"section": "Relationships", "status": "Started"},
    {"section": "Relationships", "status": "Succeeded"},
    {"status": "Succeeded"},
]


class Server:
    """What runs imports in *directory*; *files* are faults of the output blob, see FaultyLog."""

    def __init__(
        self, directory: Path, file: File = FILE, *, most: Mapping[Section, int] | None = None
    ) -> None:
        self.directory = directory
        self.graph = DirectGraph(directory / "graph.db")
        self.readers = Readers(file)
        self.log_fault: Callable[[str], None] = lambda call: None
        self.runner = BulkRunner(
            {
                "import": ImportRunner(
                    graph=self.graph,
                    blobs=self,
                    open_feed=self.readers,
                    clock=VirtualClock(),
                    store_id="store",
                    graph_path="graph.db",
                    most=most or {},
                    in_thread=self.in_thread,
                )
            }
        )
        self.slow_seconds: dict[str, float] = {}

    def source(self, payload: bytes) -> tuple[str, bytes]:
        return blobs(self.directory).source(payload)

    def open_log(self, payload: bytes) -> Log:
        self.log_fault("open")
        return FaultyLog(blobs(self.directory).open_log(payload), self)

    async def in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Do what a thread would do, in virtual time, and like a thread not to be cancelled."""

        async def do() -> Any:
            await asyncio.sleep(self.slow_seconds.get(call.__name__, 0.0))
            return call(*arguments)

        return await asyncio.shield(asyncio.ensure_future(do()))

    async def run(
        self, job: Job | None = None, *, meddle: Callable[[BulkRun], None] | None = None
    ) -> Outcome:
        run = BulkRun(job or an_import(self.directory))
        if meddle:
            meddle(run)
        return await self.runner.run(run)

    async def run_until(self, frame: int, job: Job) -> None:
        """Run, and crash when a reader says its *frame*-th frame."""
        task = asyncio.ensure_future(self.run(job))
        self.readers.hook = nth(frame, task.cancel)
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        self.readers.hook = lambda reader, frame: None

    @property
    def log(self) -> list[dict[str, Any]]:
        return logged(self.directory)


class FaultyLog:
    def __init__(self, log: Log, server: Server) -> None:
        self._log = log
        self._server = server

    def create(self) -> None:
        self._server.log_fault("create")
        self._log.create()

    def write(self, offset: int, data: bytes) -> None:
        self._server.log_fault("write")
        self._log.write(offset, data)

    def close(self) -> None:
        self._log.close()


def nth(frame: int, then: Callable[[], object]) -> Callable[[Reader, AnyFrame], None]:
    heard = 0

    def hook(reader: Reader, _: AnyFrame) -> None:
        nonlocal heard
        heard += 1
        if heard == frame:
            then()

    return hook


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    assert all(reader.ended for reader in server.readers.opened)
    server.graph.close()


def failure(outcome: Outcome) -> tuple[str, str]:
    assert isinstance(outcome, Failed)
    return outcome.error.code, outcome.error.message


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


# ---- an import that nobody disturbs


def test_an_import_writes_the_graph_and_the_published_log_and_says_what_it_did(server: Server) -> None:
    outcome = virtually(server.run())

    assert outcome == Completed(b'{"models":1,"twins":45,"relationships":25}')
    assert server.graph.counts() == {"models": 1, "twins": 45, "relationships": 25}
    assert server.log == WHOLE_LOG


def test_each_batch_is_acknowledged_after_its_commit(server: Server) -> None:
    seen = []

    def hook(reader: Reader, frame: AnyFrame) -> None:
        seen.append((reader.acknowledged, server.graph.applied))

    server.readers.hook = hook
    virtually(server.run())

    (reader,) = server.readers.opened
    batches = len(list(FILE.batches(reader.order.start, server.readers.batch)))
    assert reader.acknowledged == batches
    assert all(acknowledged <= applied for acknowledged, applied in seen)


def test_the_next_batch_is_read_while_one_is_committed_and_not_more(server: Server) -> None:
    heard, ahead = 0, []

    def hook(reader: Reader, frame: AnyFrame) -> None:
        nonlocal heard
        heard += isinstance(frame, Entities)
        ahead.append(heard - reader.acknowledged)

    server.readers.hook = hook
    server.graph.commit_seconds = 1.0
    virtually(server.run())

    assert max(ahead) == 2


def test_nobody_can_write_for_an_import_that_is_over(server: Server) -> None:
    async def main() -> None:
        await server.run()
        with pytest.raises(FenceLost):
            await server.graph.apply(Fence("store/1", 1), Batch(checkpoint=b"late"))
        with pytest.raises(FenceLost):
            await server.graph.take_over(Fence("store/1", 9))

    virtually(main())


def test_rejected_lines_fail_the_import_with_their_counts_and_the_rest_is_imported(tmp_path: Path) -> None:
    server = Server(tmp_path, BAD)

    outcome = virtually(server.run())

    assert failure(outcome) == (
        "ImportFinishedWithErrors",
        "The import has finished with errors: 67 entities were imported, 4 were rejected (twins 3, "
        "relationships 1). The output blob has a line for each of them.",
    )
    assert [line["line"] for line in server.log if "line" in line] == sorted(BAD.bad)
    assert server.log[-4:] == [
        {"section": "Relationships", "status": "Started"},
        {"section": "Relationships", "line": 60, "exceptionType": "Bad", "message": "line 60 is bad"},
        {"section": "Relationships", "status": "Failed"},
        {"status": "Failed"},
    ]
    server.graph.close()


def test_progress_is_told_at_most_four_times_a_second_in_bytes_and_then_in_entities(server: Server) -> None:
    run = BulkRun(an_import(server.directory))
    server.graph.commit_seconds = 0.1

    virtually(server.runner.run(run))

    batches = len(list(FILE.batches(server.readers.opened[0].order.start, server.readers.batch)))
    assert run.told[0] == Progress(380, 760, "Checking the format: 50%")
    assert run.told[-1] == Progress(71, 71, "Relationships: 25 of 25")
    assert len(run.told) <= 0.1 * (batches + 3) / 0.25 + 2


# ---- a file that is refused


FORMAT_FAULT = Refused(
    "UnsupportedFileFormat",
    "Line 9 is not JSON.",
    Section.MODELS,
    (Rejected(Section.MODELS, 9, "UnsupportedFileFormat", "Line 9 is not JSON."),),
)


def test_a_file_that_is_refused_leaves_the_graph_as_it_was_and_a_log_that_says_why(server: Server) -> None:
    server.readers.refuses = lambda order: FORMAT_FAULT

    outcome = virtually(server.run())

    assert failure(outcome) == ("UnsupportedFileFormat", "Line 9 is not JSON.")
    assert server.graph.counts() == {"models": 0, "twins": 0, "relationships": 0}
    error = {"section": "Models", "line": 9, "exceptionType": "UnsupportedFileFormat"}
    assert server.log == [
        STARTED,
        error | {"message": "Line 9 is not JSON."},
        {"section": "Models", "status": "Failed"},
        {"status": "Failed"},
    ]


def test_a_file_with_more_entities_than_an_import_may_have_changes_nothing(tmp_path: Path) -> None:
    for most, is_refused in ((FILE.twins - 1, True), (FILE.twins, False)):
        directory = tmp_path / str(most)
        directory.mkdir()
        server = Server(directory, most={Section.TWINS: most})

        outcome = virtually(server.run())

        assert isinstance(outcome, Failed) is is_refused
        if is_refused:
            assert failure(outcome) == (
                "LimitExceeded",
                f"The file has {FILE.twins} twins; one import may have {most}.",
            )
            assert sum(server.graph.counts().values()) == 0
            assert server.log[-1] == {"status": "Failed"}
        server.graph.close()


def test_a_storage_that_is_away_for_a_while_is_waited_for(server: Server) -> None:
    away = Refused("UnableToReadInputBlob", "The storage does not answer.", None, may_pass=True)
    times: list[float] = []

    def refuses(order: Order) -> Refused | None:
        times.append(asyncio.get_running_loop().time())
        return away if len(times) < 9 else None

    server.readers.refuses = refuses

    outcome = virtually(server.run())

    assert isinstance(outcome, Completed)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60], abs=0.1)
    assert server.log == WHOLE_LOG


def test_a_storage_that_is_away_for_ten_minutes_fails_the_import(server: Server) -> None:
    away = Refused("UnableToReadInputBlob", "The storage does not answer.", None, may_pass=True)
    server.readers.refuses = lambda order: away

    async def main() -> tuple[Outcome, float]:
        return await server.run(), asyncio.get_running_loop().time()

    outcome, seconds = virtually(main())

    assert failure(outcome) == ("UnableToReadInputBlob", "The storage does not answer.")
    assert 600 <= seconds <= 660
    assert server.log[1]["message"] == "The storage does not answer."


# ---- a reader that dies


def test_a_reader_that_dies_is_replaced_by_one_that_goes_on_behind_the_last_batch(server: Server) -> None:
    server.readers.hook = nth(6, raising(ReaderGone("it was killed")))

    outcome = virtually(server.run())

    first, second = server.readers.opened
    assert isinstance(outcome, Completed)
    assert second.order.totals == FILE.totals
    assert second.order.start.line > first.order.start.line
    assert server.graph.counts() == {"models": 1, "twins": 45, "relationships": 25}
    assert server.log == WHOLE_LOG


@pytest.mark.parametrize(("deaths", "fails"), [(3, False), (4, True)])
def test_readers_may_die_three_times_in_a_row_without_progress(
    server: Server, deaths: int, fails: bool
) -> None:
    def hook(reader: Reader, frame: AnyFrame) -> None:
        if len(server.readers.opened) <= deaths:
            raise ReaderGone("it was killed")

    server.readers.hook = hook

    outcome = virtually(server.run())

    assert len(server.readers.opened) == 4
    assert isinstance(outcome, Failed) == fails
    if fails:
        code, message = failure(outcome)
        assert (code, "killed" in message) == ("InternalError", False)


def test_readers_may_die_again_and_again_where_there_is_progress(server: Server) -> None:
    def hook(reader: Reader, frame: AnyFrame) -> None:
        if isinstance(frame, Entities) and reader.acknowledged:
            raise ReaderGone("it was killed")

    server.readers.hook = hook
    server.readers.batch = 5

    outcome = virtually(server.run())

    assert isinstance(outcome, Completed)
    assert len(server.readers.opened) > 2 * MOST_DEATHS
    assert server.log == WHOLE_LOG


# ---- a deletion beside it


def test_an_import_looks_again_until_a_deletion_beside_it_is_through(server: Server) -> None:
    server.graph.unfit = range(9, 9 + 2 * MOST_DEATHS)

    outcome = virtually(server.run())

    assert isinstance(outcome, Completed)
    assert len(server.readers.opened) == 1 + 2 * MOST_DEATHS
    assert server.log == WHOLE_LOG


def test_an_import_that_waits_for_a_deletion_can_be_cancelled(server: Server) -> None:
    server.graph.unfit = range(9, 10_000)

    def meddle(run: BulkRun) -> None:
        asyncio.get_running_loop().call_later(20, run.cancel_requested.set)

    outcome = virtually(server.run(meddle=meddle))

    assert isinstance(outcome, Stopped)
    assert server.log[-1] == {"status": "Cancelled"}


def test_an_import_whose_rows_never_fit_fails_at_last(server: Server) -> None:
    server.graph.unfit = range(9, 10_000)

    outcome = virtually(server.run())

    assert failure(outcome) == ("OperationNotAllowed", DELETED_MEANWHILE)
    assert server.log[-1] == {"status": "Failed"}


# ---- a server that dies


@pytest.mark.parametrize("frame", range(1, 13))
def test_an_import_goes_on_after_any_batch_and_its_log_has_each_line_once(tmp_path: Path, frame: int) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "torn").mkdir()
    undisturbed, server = Server(tmp_path / "whole", BAD), Server(tmp_path / "torn", BAD)
    whole = virtually(undisturbed.run())

    virtually(server.run_until(frame, an_import(server.directory)))
    outcome = virtually(server.run(an_import(server.directory, epoch=2)))

    assert outcome == whole
    assert server.log == undisturbed.log
    assert server.graph.counts() == undisturbed.graph.counts()
    undisturbed.graph.close()
    server.graph.close()


def test_a_drain_lets_the_commit_in_hand_end_and_the_next_owner_goes_on_behind_it(server: Server) -> None:
    server.graph.commit_seconds = 1.0

    async def main() -> None:
        task = asyncio.ensure_future(server.run())
        await asyncio.sleep(4.5)
        applied = server.graph.applied
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert task.cancelled()
        assert server.graph.applied == applied + 1
        assert isinstance(await server.run(an_import(server.directory, epoch=2)), Completed)

    virtually(main())

    assert server.log == WHOLE_LOG


def test_an_existing_output_is_emptied_at_the_first_start_only(server: Server) -> None:
    (server.directory / "output.ndjson").write_bytes(b"of an earlier import\n" * 1000)

    virtually(server.run_until(5, an_import(server.directory)))
    virtually(server.run(an_import(server.directory, epoch=2)))

    assert server.log == WHOLE_LOG


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_end_whose_writing_was_lost_is_told_again_and_nothing_is_done_twice(
    server: Server, epoch: int
) -> None:
    first = virtually(server.run())
    applied = server.graph.applied

    again = virtually(server.run(an_import(server.directory, epoch=epoch)))

    assert again == first
    assert server.graph.applied == applied
    assert len(server.readers.opened) == 1
    assert server.log == WHOLE_LOG


def test_a_server_that_died_between_the_end_and_its_log_has_it_written_by_the_next(server: Server) -> None:
    async def main() -> Outcome:
        server.slow_seconds["write"] = 5.0
        task = asyncio.ensure_future(server.run())
        await asyncio.sleep(4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.slow_seconds.clear()
        (server.directory / "output.ndjson").write_bytes(b"")
        return await server.run(an_import(server.directory, epoch=2))

    outcome = virtually(main())

    assert isinstance(outcome, Completed)
    assert len(server.readers.opened) == 1
    assert server.log == WHOLE_LOG


def test_a_log_that_was_left_to_a_storage_that_hangs_is_closed_when_it_answers(server: Server) -> None:
    async def main() -> Outcome:
        server.slow_seconds["write"] = 30.0
        server.graph.commit_seconds = 1.0
        run = BulkRun(an_import(server.directory))
        task = asyncio.ensure_future(server.runner.run(run))
        await asyncio.sleep(5)
        run.cancel_requested.set()
        assert await task == Stopped()
        server.slow_seconds.clear()
        await asyncio.sleep(30)
        return await server.run(an_import(server.directory, number=2))

    assert isinstance(virtually(main()), Completed)
    assert server.log == WHOLE_LOG


def test_an_end_is_told_again_though_its_log_could_not_be_written_in_time(server: Server) -> None:
    async def main() -> None:
        server.slow_seconds["write"] = 300.0
        server.graph.commit_seconds = 1.0
        run = BulkRun(an_import(server.directory))
        task = asyncio.ensure_future(server.runner.run(run))
        await asyncio.sleep(5)
        run.cancel_requested.set()
        first = await task

        assert await server.run(an_import(server.directory, epoch=2)) == first == Stopped()

    virtually(main())


# ---- cancel


def hinder(server: Server, *, fails: bool) -> None:
    """Let no line get into the output blob: its storage fails at once, or else hangs."""

    def fault(call: str) -> None:
        if call == "write":
            raise BlobUnavailable("the disk is full")

    if fails:
        server.log_fault = fault
    else:
        server.slow_seconds["write"] = 300.0


@pytest.mark.parametrize("frame", range(1, 12))
def test_a_cancelled_import_is_stopped_behind_a_whole_batch_and_says_where(
    server: Server, frame: int
) -> None:
    def meddle(run: BulkRun) -> None:
        server.readers.hook = nth(frame, run.cancel_requested.set)

    async def main() -> float:
        outcome = await server.run(meddle=meddle)
        assert outcome == Stopped()
        return asyncio.get_running_loop().time()

    seconds = virtually(main())

    assert seconds < 2
    assert server.log[-1] == {"status": "Cancelled"}
    counts = server.graph.counts()
    if (where := server.log[-2]) != STARTED:
        lines = FILE.lines[: where["line"]]
        expected = [sum(number >= 0 for of, number in lines if of is section) for section in Section]
        assert list(counts.values()) == expected
        assert where["status"] == "Cancelled"
    else:
        assert sum(counts.values()) == 0


def test_an_import_that_is_cancelled_while_nobody_has_it_is_ended_by_its_next_owner(server: Server) -> None:
    virtually(server.run_until(6, an_import(server.directory)))

    job = an_import(server.directory, epoch=2)
    outcome = virtually(server.run(job, meddle=lambda run: run.cancel_requested.set()))

    assert outcome == Stopped()
    assert server.log[-2:] == [
        {"section": "Twins", "line": 14, "status": "Cancelled"},
        {"status": "Cancelled"},
    ]
    assert server.graph.counts() == {"models": 1, "twins": 9, "relationships": 0}


def test_an_import_that_is_cancelled_before_it_began_makes_no_output(server: Server) -> None:
    outcome = virtually(server.run(meddle=lambda run: run.cancel_requested.set()))

    assert outcome == Stopped()
    assert not (server.directory / "output.ndjson").exists()
    assert server.readers.opened == []


def test_an_import_that_is_cancelled_while_its_output_is_made_says_so_there(server: Server) -> None:
    async def main() -> Outcome:
        server.slow_seconds["_open"] = 0.5
        run = BulkRun(an_import(server.directory))
        task = asyncio.ensure_future(server.runner.run(run))
        await asyncio.sleep(0.1)
        run.cancel_requested.set()
        return await task

    assert virtually(main()) == Stopped()
    assert server.log == [STARTED, {"status": "Cancelled"}]


@pytest.mark.parametrize("call", ["_open", "write"])
def test_a_storage_that_hangs_does_not_keep_a_cancelled_import(server: Server, call: str) -> None:
    async def main() -> None:
        server.slow_seconds[call] = 300.0
        server.graph.commit_seconds = 1.0
        run = BulkRun(an_import(server.directory))
        task = asyncio.ensure_future(server.runner.run(run))
        await asyncio.sleep(3)
        run.cancel_requested.set()
        began = asyncio.get_running_loop().time()

        assert await task == Stopped()
        assert asyncio.get_running_loop().time() - began < 5  # its own three writes take a second each

    virtually(main())


@pytest.mark.parametrize("call", ["_open", "write"])
@pytest.mark.parametrize("epoch", [1, 2])
def test_a_cancelled_import_whose_storage_hangs_is_cancelled_within_two_seconds(
    server: Server, call: str, epoch: int
) -> None:
    if epoch == 2:
        virtually(server.run_until(6, an_import(server.directory)))

    async def main() -> None:
        server.slow_seconds[call] = 300.0
        run = BulkRun(an_import(server.directory, epoch=epoch))
        server.readers.hook = nth(3, run.cancel_requested.set)
        if call == "_open":
            asyncio.get_running_loop().call_later(3, run.cancel_requested.set)
        task = asyncio.ensure_future(server.runner.run(run))
        await run.cancel_requested.wait()
        began = asyncio.get_running_loop().time()

        assert await task == Stopped()
        assert asyncio.get_running_loop().time() - began <= 2

    virtually(main())


@pytest.mark.parametrize("file", [FILE, BAD])
@pytest.mark.parametrize("fails", [False, True])
def test_an_end_that_was_kept_stands_after_a_cancel_but_promises_no_log_that_is_not_whole(
    tmp_path: Path, file: File, fails: bool
) -> None:
    server = Server(tmp_path, file)
    hinder(server, fails=fails)

    async def main() -> None:
        run = BulkRun(an_import(tmp_path))
        task = asyncio.ensure_future(server.runner.run(run))
        await asyncio.sleep(30)
        run.cancel_requested.set()
        began = asyncio.get_running_loop().time()

        assert failure(await task) == ("UnableToWriteToOutputBlob", UNABLE_TO_WRITE)
        assert asyncio.get_running_loop().time() - began <= 2

    virtually(main())
    server.graph.close()


def test_a_failure_that_was_kept_is_told_as_it_is_after_a_cancel(server: Server) -> None:
    hinder(server, fails=False)
    server.readers.refuses = lambda order: Refused("ValidationFailed", "line 3 is no JSON", None)

    async def main() -> None:
        run = BulkRun(an_import(server.directory))
        task = asyncio.ensure_future(server.runner.run(run))
        await asyncio.sleep(30)
        run.cancel_requested.set()

        assert failure(await task) == ("ValidationFailed", "line 3 is no JSON")

    virtually(main())


def test_a_cancel_that_comes_with_the_last_lines_lets_them_be_written(server: Server) -> None:
    server.slow_seconds["write"] = 0.9

    async def main() -> Outcome:
        run = BulkRun(an_import(server.directory))
        task = asyncio.ensure_future(server.runner.run(run))
        await asyncio.sleep(0.5)  # the end is kept: only the log takes time
        assert b"Succeeded" in server.graph.batches[-1].checkpoint
        run.cancel_requested.set()
        server.slow_seconds.clear()
        return await task

    assert isinstance(virtually(main()), Completed)
    assert server.log == WHOLE_LOG


def test_a_cancel_that_comes_while_a_batch_is_committed_waits_for_it(server: Server) -> None:
    async def main() -> None:
        server.graph.commit_seconds = 1.0
        run = BulkRun(an_import(server.directory))
        task = asyncio.ensure_future(server.runner.run(run))
        await asyncio.sleep(5.5)
        applied = server.graph.applied
        run.cancel_requested.set()

        assert await task == Stopped()
        assert server.graph.applied == applied + 2  # the batch in hand, and the end

    virtually(main())


# ---- another owner


def test_an_owner_that_lost_its_fence_stops_at_once_and_writes_nothing_more(server: Server) -> None:
    async def main() -> None:
        server.graph.commit_seconds = 1.0
        task = asyncio.ensure_future(server.run())
        await asyncio.sleep(4.5)
        await server.graph.take_over(Fence("store/1", 2))
        applied = server.graph.applied
        with pytest.raises(LeaseLost):
            await task

        assert server.graph.applied == applied

    virtually(main())


def test_an_owner_that_slept_until_the_job_was_deleted_writes_nothing(server: Server) -> None:
    async def main() -> None:
        await server.run(an_import(server.directory, epoch=2))
        await server.graph.forget("store/1")
        applied = server.graph.applied

        with pytest.raises(LeaseLost):
            await server.run(an_import(server.directory, epoch=1))
        assert server.graph.applied == applied
        assert server.log == WHOLE_LOG

    virtually(main())


# ---- the output blob


def test_an_output_that_cannot_be_made_fails_the_import_and_changes_nothing(server: Server) -> None:
    def fault(call: str) -> None:
        if call == "create":
            raise BlobFault("no such container")

    server.log_fault = fault

    outcome = virtually(server.run())

    assert isinstance(outcome, Failed)
    assert failure(outcome) == ("UnableToWriteToOutputBlob", UNABLE_TO_WRITE)
    assert [detail.message for detail in outcome.error.details] == ["no such container"]
    assert sum(server.graph.counts().values()) == 0
    assert server.readers.opened == []


def test_an_output_that_cannot_be_written_any_more_fails_the_import(server: Server) -> None:
    def fault(call: str) -> None:
        if call == "write":
            raise BlobFault("somebody took the right away")

    server.log_fault = fault

    outcome = virtually(server.run())

    assert failure(outcome) == ("UnableToWriteToOutputBlob", UNABLE_TO_WRITE)


def test_no_end_says_that_the_log_has_all_lines_where_the_last_could_not_be_written(tmp_path: Path) -> None:
    server = Server(tmp_path, BAD)

    def fault(call: str) -> None:
        if call == "write" and b"ImportFinishedWithErrors" in server.graph.batches[-1].checkpoint:
            raise BlobFault("somebody took the right away")

    server.log_fault = fault

    assert failure(virtually(server.run())) == ("UnableToWriteToOutputBlob", UNABLE_TO_WRITE)
    server.graph.close()


def test_an_output_that_is_away_for_a_while_gets_every_line_once(tmp_path: Path) -> None:
    server = Server(tmp_path, BAD)
    calls = 0

    def fault(call: str) -> None:
        nonlocal calls
        if call == "write":
            calls += 1
            if calls % 3:
                raise BlobUnavailable("the storage does not answer")

    server.log_fault = fault
    server.graph.commit_seconds = 0.7

    outcome = virtually(server.run())

    assert failure(outcome)[0] == "ImportFinishedWithErrors"
    assert [line["line"] for line in server.log if "line" in line] == sorted(BAD.bad)
    server.graph.close()


def test_an_import_does_not_outrun_its_log(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.runners.twins_import.LOG_BEHIND_MOST_BYTES", 100)
    server.slow_seconds["write"] = 50.0

    async def main() -> None:
        task = asyncio.ensure_future(server.run())
        await asyncio.sleep(40)

        assert server.graph.counts()["models"] == 0
        assert isinstance(await task, Completed)

    virtually(main())


# ---- a store that is unavailable


@pytest.mark.parametrize("was_kept", [False, True])
def test_a_commit_that_failed_is_done_again_unless_it_was_kept_after_all(
    tmp_path: Path, was_kept: bool
) -> None:
    server = Server(tmp_path, BAD)
    server.graph.fails = {4: was_kept, 7: was_kept, 9: was_kept}

    outcome = virtually(server.run())

    assert failure(outcome)[0] == "ImportFinishedWithErrors"
    assert [line["line"] for line in server.log if "line" in line] == sorted(BAD.bad)
    assert server.graph.counts() == {"models": 1, "twins": 42, "relationships": 24}
    server.graph.close()


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_an_import_ends_soon_after_the_store_is_back_and_sooner_where_it_is_cancelled(
    server: Server, is_cancelled: bool
) -> None:
    down_seconds = 70.0
    server.graph.fails = dict.fromkeys(range(5, 1000), False)

    async def main() -> float:
        run = BulkRun(an_import(server.directory))
        task = asyncio.ensure_future(server.runner.run(run))
        if is_cancelled:
            asyncio.get_running_loop().call_later(down_seconds - 1, run.cancel_requested.set)
        await asyncio.sleep(down_seconds)
        server.graph.fails.clear()
        back = asyncio.get_running_loop().time()
        assert isinstance(await task, Stopped if is_cancelled else Completed)
        return asyncio.get_running_loop().time() - back

    assert virtually(main()) <= (2 if is_cancelled else 5)
