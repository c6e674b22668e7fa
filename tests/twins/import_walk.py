"""One walk of an import: servers that crash, stand still and drain, readers that die, storage that fails.

All is real but the reader's file, the output blob and the time. Checked are the promises of `ImportJob.tla`,
and that the log has each rejected line once. What is not asked for is the output of two servers of which one
stood still for a whole lease in the very moment in which it was about to make the blob.
"""

from __future__ import annotations

import asyncio
import json
import marshal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import VirtualClock, virtually
from tests.engine.walk import HABITS, Chance, Client, Server, Violation, Watched
from tests.runners.direct_graph import DirectGraph
from tests.runners.imports import MODEL, File, Reader, Readers
from weft.blobs.ports import BlobFault, BlobUnavailable, Log
from weft.engine.errors import StoreUnavailable
from weft.engine.jobs import Job, JobKey, NewJob, WhenLost
from weft.engine.lifecycle import State
from weft.runners.reader_process import ReaderGone
from weft.runners.twins_bulk import BulkRunner
from weft.runners.twins_import import ImportRunner
from weft.twins import checkpoint as kept
from weft.twins.bulk_jobs import IMPORTS, BulkJobs, fence_name
from weft.twins.checkpoint import Checkpoint
from weft.twins.feed import AnyFrame, Order, Refused
from weft.twins.graph import BulkGraph, Section

STORE = "store"
UNWRITTEN = "UnableToWriteToOutputBlob"
LONGEST_SECONDS = 1500.0
LATE_SECONDS = 65.0

IMPORTING = replace(
    HABITS,
    cancel_wins=False,
    adopts=True,
    heartbeat=timedelta(seconds=10),
    look_again=timedelta(seconds=5),
)


@dataclass
class Blob:
    """The output blob. *broken* is called with what a writer did that it never should."""

    broken: Callable[[str], None]
    text: bytearray = field(default_factory=bytearray)
    made: int = 0
    refused: bool = False

    def create(self) -> None:
        self.made += 1
        self.text.clear()

    def write(self, offset: int, data: bytes) -> None:
        if offset > len(self.text):
            self.broken(f"byte {offset} was written to a log of {len(self.text)}")
        there = bytes(self.text[offset : offset + len(data)])
        if there != data[: len(there)]:
            self.broken(f"byte {offset} and those behind it were written anew")
        self.text[offset : offset + len(data)] = data if len(there) < len(data) else there


class WalkLog:
    """The blob as a server sees it: what it writes may get lost, or be there in part."""

    def __init__(self, walk: ImportWalk) -> None:
        self._walk = walk

    def create(self) -> None:
        if self._walk.goes_wrong(0.03):
            self._walk.blob.refused = True
            raise BlobFault("there is no such container")
        self._walk.blob.create()

    def write(self, offset: int, data: bytes) -> None:
        if self._walk.goes_wrong(0.01):
            self._walk.blob.refused = True
        if self._walk.blob.refused:
            raise BlobFault("somebody took the right away")
        if self._walk.goes_wrong(0.2):
            self._walk.blob.write(offset, data[: self._walk.chance.randint(0, len(data))])
            raise BlobUnavailable("the storage does not answer")
        self._walk.blob.write(offset, data)

    def close(self) -> None:
        pass


class WalkReader:
    """A reader that is slow, and may be killed at any frame."""

    def __init__(self, walk: ImportWalk, reader: Reader) -> None:
        self._walk = walk
        self._reader = reader
        self.acknowledge = reader.acknowledge
        self.end = reader.end

    async def next(self) -> AnyFrame:
        if not self._walk.is_calm:
            await asyncio.sleep(self._walk.chance.delay() / 8)
        if self._walk.goes_wrong(0.02):
            raise ReaderGone("it was killed")
        return await self._reader.next()


class SlowGraph:
    """The graph as a server sees it: each call is slow both ways, and may fail before or after its commit."""

    def __init__(self, walk: ImportWalk) -> None:
        self.server: Server | None = None
        self._walk = walk

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._walk.graph, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            assert self.server is not None
            if name == "take_over" and self._walk.goes_wrong(0.1):
                self.server.stands_until = asyncio.get_running_loop().time() + self._walk.chance.uniform(
                    40, 120
                )
            await self.server.pause()
            self._maybe_fail()
            answer = await verb(*arguments, **named)
            self._maybe_fail()
            if name != "take_over":  # see above
                await self.server.pause()
            return answer

        return call

    def _maybe_fail(self) -> None:
        if self._walk.goes_wrong(0.01):
            raise StoreUnavailable("the disk is full")


class ImportWalk:
    def __init__(self, store: DirectStore, graph: DirectGraph, seed: int) -> None:
        self.chance = Chance(seed)
        self.graph = graph
        self.blob = Blob(lambda detail: self._break("LogOnce", detail))
        self.is_calm = False
        self.servers: list[Server] = []
        self.broken: Violation | None = None
        self._file = _a_file(self.chance)
        self._batch = self.chance.choice((2, 4, 7))
        self._store = store
        self._watched = Watched(store, JobKey(IMPORTS, f"import {seed}"))
        self._job = ""
        self._written = 0
        self._kept: Checkpoint | None = None

    def goes_wrong(self, share: float) -> bool:
        return not self.is_calm and self.chance.happens(share * self.chance.trouble * 2)

    async def walk(self) -> int:
        """Return how many steps were checked. Raises Violation."""
        self._store.committed = self._watched.check
        self.graph.committed = self._check_graph
        try:
            await self._go_through()
        finally:
            self._store.committed = self.graph.committed = lambda: None
            for server in self.servers:
                await server.crash()
        if broken := self.broken or self._watched.broken:
            raise broken
        return self._watched.steps

    async def _go_through(self) -> None:
        for _ in range(self.chance.choice((1, 2))):
            self._start()
        client = Client(self._watched, self.chance, self._up)
        await self._submit(client)
        async with asyncio.TaskGroup() as group:
            for action in (self._use(client), self._go_wrong(), self._look(client)):
                group.create_task(action)
        self.is_calm = True
        await self._settle()
        if self.broken or self._watched.broken:
            return
        await client.look()
        self._check_end()
        if self.chance.happens(0.5):
            await self._delete()
        await asyncio.sleep(LATE_SECONDS)  # for those that stood still

    # ---- what happens

    def _start(self) -> None:
        graph = SlowGraph(self)
        runner = BulkRunner({"import": self._runner(graph)})
        server = Server(self._store, self.chance, IMPORTING, runner, is_calm=lambda: self.is_calm)
        graph.server = server
        self.servers.append(server)

    def _runner(self, graph: SlowGraph) -> ImportRunner:
        readers = Readers(self._file, self._batch, refuses=self._refuses)

        async def in_thread(call: Callable[..., Any], *arguments: Any) -> Any:
            async def do() -> Any:
                if call.__name__ == "write" and not self.is_calm:
                    await asyncio.sleep(self.chance.delay() / 4)
                if graph.server is None or not graph.server.is_up:
                    raise asyncio.CancelledError
                return call(*arguments)

            return await asyncio.shield(asyncio.ensure_future(do()))

        return ImportRunner(
            graph=cast("BulkGraph", graph),
            blobs=self,
            open_feed=lambda order: WalkReader(self, readers(order)),
            clock=VirtualClock(),
            store_id=STORE,
            graph_path="",
            in_thread=in_thread,
        )

    def source(self, payload: bytes) -> tuple[str, bytes]:
        return "", payload

    def open_log(self, payload: bytes) -> Log:
        return WalkLog(self)

    def _refuses(self, order: Order) -> Refused | None:
        if self.goes_wrong(0.1):
            return Refused("UnableToReadInputBlob", "the storage does not answer", None, may_pass=True)
        return None

    async def _submit(self, client: Client) -> None:
        new = NewJob(
            key=self._watched.key,
            queue=IMPORTING.queue,
            kind="import",
            fingerprint=b"f",
            when_lost=WhenLost.ADOPT,
        )
        while (job := await client.submit(new)) is None:
            await asyncio.sleep(0.5)
        self._job = fence_name(STORE, job)

    async def _use(self, client: Client) -> None:
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            await asyncio.sleep(self.chance.choice((self.chance.delay(), self.chance.uniform(0, 8))))
            await client.cancel()

    async def _look(self, client: Client) -> None:
        for _ in range(10):
            await asyncio.sleep(self.chance.uniform(0, 6))
            await client.look()

    async def _go_wrong(self) -> None:
        for _ in range(self.chance.choice((0, 1, 2, 3))):
            await asyncio.sleep(self.chance.delay())
            server = self.chance.choice(self._up())
            if self.chance.happens(0.3):
                await server.worker.drain(timedelta(seconds=self.chance.uniform(0, 2)))
            await server.crash()
            await asyncio.sleep(self.chance.delay() / 4)
            self._start()

    async def _settle(self) -> None:
        until = asyncio.get_running_loop().time() + LONGEST_SECONDS
        while not self.broken and not self._watched.broken and not (job := self._row()).is_final:
            if asyncio.get_running_loop().time() > until:
                raise Violation("Ends", f"the job hangs in {job.state}")
            for server in self._up():
                server.check()
            await asyncio.sleep(5)

    async def _delete(self) -> None:
        """Delete the job as its face does, while an owner of it may still stand still."""
        self._store.committed = lambda: None
        jobs = BulkJobs(self._up()[0].engine, self.graph, store_id=STORE, most=1)
        await jobs.delete(self._watched.key)

    def _up(self) -> list[Server]:
        return [server for server in self.servers if server.is_up]

    # ---- what is promised

    def _break(self, promise: str, detail: str) -> None:
        self.broken = self.broken or Violation(promise, detail)

    def _row(self) -> Job:
        job = self._watched.row()
        if job is None:
            raise Violation("Durable", "an acknowledged job is not there")
        return job

    def _check_graph(self) -> None:
        written = [name for batch in self.graph.batches for name in _names(batch.rows)]
        if len(written) > self._written:
            self._check_late()
        self._written = len(written)
        if twice := [name for name, times in Counter(written).items() if times > 1]:
            self._break("OnceEach", f"{twice} were written twice")
        checkpoint = self._checkpoint()
        if checkpoint is not None:
            self._check_report(checkpoint.position.line)
        if checkpoint is not None and sorted(written) != sorted(self._good(checkpoint.position.line)):
            self._break("Prefix", f"at line {checkpoint.position.line} there was {written}")

    def _check_report(self, last: int) -> None:
        """Hold the log in the graph to the checkpoint: it is kept with it, or neither is."""
        details = [json.loads(line)["details"] for batch in self.graph.batches for line in batch.report]
        rejected = [detail["line"] for detail in details if {"line", "exceptionType"} <= detail.keys()]
        if rejected != sorted(line for line in self._file.bad if line <= last):
            self._break("LogOnce", f"at line {last} these were logged as rejected: {rejected}")

    def _check_late(self) -> None:
        job = self._watched.row()
        if job is None or job.is_final:
            self._break("NoLate", f"the graph was written for a job that is {job and job.state}")

    def _check_end(self) -> None:
        """Hold the job that has ended to what it says of itself."""
        job, checkpoint = self._row(), self._checkpoint()
        code = job.error.code if job.error else ""
        if job.state is State.COMPLETED or code == "ImportFinishedWithErrors":
            self._check_all(job, checkpoint)
        elif job.state is State.FAILED and not self._may_fail_with(code, job):
            self._break("Fails", f"it failed: {job.error}")
        if job.state is State.CANCELLED and not job.cancel_requested:
            self._break("Cancelled", "nobody wanted it")
        self._check_log(job, checkpoint)

    def _check_all(self, job: Job, checkpoint: Checkpoint | None) -> None:
        lines = len(self._file.lines)
        if checkpoint is None or checkpoint.position.line != lines:
            self._break("DoneAll", f"it is {job.state} at {checkpoint}")
        if (job.state is State.COMPLETED) == bool(self._file.bad):
            self._break("DoneAll", f"it is {job.state} with {self._file.bad}")

    def _may_fail_with(self, code: str, job: Job) -> bool:
        """Say whether the log may be missing lines.

        One whose cancel came when its end was kept waits a moment only for a storage that does not answer:
        the end stands, so it is not cancelled, but it may not promise a log that is not whole.
        """
        return code == UNWRITTEN and (self.blob.refused or job.cancel_requested)

    def _check_log(self, job: Job, checkpoint: Checkpoint | None) -> None:
        if self.blob.made == 0 and job.state is State.CANCELLED:
            return  # it was cancelled before it began
        if self.blob.refused:
            return  # what it has is a part of the whole: its writes are checked one by one
        expected = self._expected_log(job, checkpoint)
        text = self._whole_lines(job)
        found = [json.loads(line)["details"] for line in text.splitlines()]
        is_cut = _may_be_cut(job) and found == expected[: len(found)]
        if found != expected and not is_cut:
            self._break("LogOnce", f"a {job.state} import logged {found}, not {expected}")

    def _whole_lines(self, job: Job) -> bytes:
        """Return the blob without the part of a line that a storage that failed left after a cancel."""
        text = bytes(self.blob.text)
        return text[: text.rfind(b"\n") + 1] if _may_be_cut(job) else text

    def _expected_log(self, job: Job, checkpoint: Checkpoint | None) -> list[dict[str, Any]]:
        if checkpoint is None:
            return []
        last = checkpoint.position.line
        events: list[dict[str, Any]] = [{"status": "Started"}]
        for section in Section:
            lines = [line for line, (of, _) in enumerate(self._file.lines, 1) if of is section]
            if lines[0] <= last:
                events += self._expected_section(section, lines, last, job)
        return [*events, {"status": self._last_status(job)}]

    def _last_status(self, job: Job) -> str:
        if job.error is not None and job.error.code == UNWRITTEN:  # the end that was kept before
            return "Failed" if self._file.bad else "Succeeded"
        return job.state.capitalize().replace("Completed", "Succeeded")

    def _expected_section(
        self, section: Section, lines: list[int], last: int, job: Job
    ) -> list[dict[str, Any]]:
        bad = [line for line in lines if line in self._file.bad and line <= last]
        events: list[dict[str, Any]] = [{"section": section, "status": "Started"}]
        for line in bad:
            events.append(
                {"section": section, "line": line, "exceptionType": "Bad", "message": f"line {line} is bad"}
            )
        if job.state is State.CANCELLED and last <= lines[-1]:
            return [*events, {"section": section, "line": last, "status": "Cancelled"}]
        return [*events, {"section": section, "status": "Failed" if bad else "Succeeded"}]

    def _good(self, last: int) -> list[str]:
        """Return the names of the entities that are accepted of the first *last* lines."""
        lines = dict(enumerate(self._file.lines[:last], 1))
        names = {Section.MODELS: MODEL, Section.TWINS: "t{}", Section.RELATIONSHIPS: "r{}"}
        return [
            names[section].format(number)
            for line, (section, number) in lines.items()
            if section is not None and number >= 0 and line not in self._file.bad
        ]

    def _checkpoint(self) -> Checkpoint | None:
        """Return what is kept of the job, as it was before it was deleted."""
        rows = self.graph.execute("SELECT checkpoint FROM bulk WHERE job = ?", self._job)
        if rows and rows[0][0]:
            self._kept = kept.unpack(cast("bytes", rows[0][0]))
        return self._kept


def _may_be_cut(job: Job) -> bool:
    """Say whether the last lines of the log may be missing: see ImportWalk._may_fail_with."""
    return job.state is State.CANCELLED or (job.error is not None and job.error.code == UNWRITTEN)


def _a_file(chance: Chance) -> File:
    """Return a file with a few bad lines, but not those of the twins that its relationships need."""
    good = File(twins=12, relationships=10)
    entities = [line for line, (_, number) in enumerate(good.lines, 1) if number >= 0]
    return replace(good, bad=frozenset(chance.sample(entities[3:], chance.choice((0, 0, 2, 5)))))


def _names(rows: bytes) -> list[str]:
    """Return the names of the entities of a batch: ids of models and twins, and of relationships."""
    entities: list[tuple[Any, ...]] = marshal.loads(rows) if rows else []
    return [row[0] if isinstance(row[0], str) else row[1] for row in entities]


def walk(store: DirectStore, graph: DirectGraph, seed: int) -> int:
    """Walk once, in an empty graph; return how many steps were checked. Raises Violation."""

    async def main() -> int:
        return await ImportWalk(store, graph, seed).walk()

    return virtually(main())
