"""Does import jobs: another process reads the file, and this one writes what it finds, batch by batch.

A batch is one transaction of the graph: its rows, the lines that it adds to the log, and the checkpoint from
which whoever comes next goes on. So the reader can be killed at any time, and the server too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from weft.blobs.ports import BlobFault, Log
from weft.engine.errors import StoreUnavailable
from weft.engine.jobs import Outcome, Progress
from weft.engine.ports import Clock, Run
from weft.runners.reader_process import ReaderGone
from weft.runners.twins_bulk import Hold, Telling, outcome_of
from weft.runners.twins_log import STORAGE_PATIENCE_SECONDS, InThread, LogWriter
from weft.runners.waiting import CancelWished, Patience, before_cancel, surely
from weft.twins import checkpoint as kept
from weft.twins.checkpoint import Checkpoint, End, Status
from weft.twins.errors import RowsUnfit
from weft.twins.feed import AnyFrame, Ended, Entities, Order, Refused, Scanned, Scanning, Totals
from weft.twins.graph import Batch, Bulk, BulkGraph, Section
from weft.twins.report import Fault, Report

MOST_DEATHS = 3
LOG_BEHIND_MOST_BYTES = 8 * 1024 * 1024

# Source: contracts/twins.md, section 1, recorded.
UNABLE_TO_WRITE = (
    "Encountered errors while importing models. Service was unable to write error feed to output blob. "
    "Please see that output blob exists and Azure Digital Twin instance's managed identity has Storage Blob "
    "Data Contributor access to that container."
)

FINISHED_WITH_ERRORS = "ImportFinishedWithErrors"

NOT_IN_TIME = "The import was cancelled while its last lines waited for a storage that did not take them."

CANCELLED = End(Status.CANCELLED)
DELETED_MEANWHILE = (
    "Models or twins that the file needs were deleted again and again while it was imported. "
    "Import it when no deletion runs."
)
READER_BROKE = End(
    Status.FAILED, "InternalError", "The file could not be read: an internal error of the server."
)

log = logging.getLogger(__name__)


class Feed(Protocol):
    """One reader at work: see twins/feed.py. `end` it, whatever has become of it."""

    async def next(self) -> AnyFrame:
        """Raises ReaderGone."""

    def acknowledge(self, batches: int) -> None: ...

    async def end(self) -> None:
        """Return when nothing of it runs any more."""


class Blobs(Protocol):
    """Opens what the payload of an import names."""

    def source(self, payload: bytes) -> tuple[str, bytes]:
        """Return the URI of the input, and what its reader needs to open it. Raises BlobFault."""

    def open_log(self, payload: bytes) -> Log:
        """Blocks. Raises BlobFault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRunner:
    """*graph_path* is where readers find *graph*; *open_feed* starts a reader, and may raise ReaderGone.

    *strict*: see feed.Order. *most*: how many entities a section may have, where there is a limit.
    *in_thread* runs what blocks.
    """

    graph: BulkGraph
    blobs: Blobs
    open_feed: Callable[[Order], Feed]
    clock: Clock
    store_id: str
    graph_path: str
    strict: bool = False
    most: Mapping[Section, int] = field(default_factory=dict)
    in_thread: InThread = asyncio.to_thread

    async def run(self, run: Run) -> Outcome:
        """Raises FenceLost where the job has another owner."""
        hold = Hold(self.graph, run, store_id=self.store_id)
        return await _Import(self, run, hold, await hold.take_over()).to_its_end()


class _Ending(NamedTuple):
    end: End
    fault: Fault | None = None


class _InputAway(Exception):
    """The reader cannot read the file now; it may be able to later."""


class _Import:
    """One import in the hands of one owner."""

    def __init__(self, parts: ImportRunner, run: Run, hold: Hold, bulk: Bulk) -> None:
        begun = kept.unpack(bulk.checkpoint)
        self._parts = parts
        self._run = run
        self._hold = hold
        self._has_begun = begun is not None
        self._checkpoint = begun or Checkpoint()
        self._report = Report(run.job.key.id)
        self._telling = Telling(run)
        self._commits = 0
        self._log = LogWriter(hold, run, bulk, lambda: parts.blobs.open_log(run.job.payload), parts.in_thread)

    async def to_its_end(self) -> Outcome:
        if not self._hold.is_over:
            await self._do()
            await self._hold.shut()
        return outcome_of(self._checkpoint)

    async def _do(self) -> None:
        try:
            if self._checkpoint.end is None:
                await self._end(await self._ending())
            await self._write_last_lines()
        finally:
            await self._log.close()

    async def _ending(self) -> _Ending:
        try:
            await self._begin()
            return await self._read_to_the_end()
        except CancelWished:
            return _Ending(CANCELLED)
        except BlobFault as fault:
            return _failed("UnableToWriteToOutputBlob", UNABLE_TO_WRITE, reason=fault.message)

    async def _begin(self) -> None:
        await before_cancel(self._run, self._log.open(anew=not self._has_begun))
        if not self._has_begun:
            await self._commit(self._checkpoint, self._report.started(self._parts.clock.now()))
            self._has_begun = True
        self._log.grew()

    async def _end(self, ending: _Ending) -> None:
        """Keep how it ended together with the last lines of the log, if there could be a log at all."""
        now = self._parts.clock.now()
        lines = self._report.ended(now, self._checkpoint, ending.end, fault=ending.fault)
        if not self._has_begun:
            lines = [*self._report.started(now), *lines] if self._log.is_made else []
        await self._commit(self._checkpoint.ended(ending.end), lines)

    async def _write_last_lines(self) -> None:
        """Bring the log into its blob to the end: no end that promises it whole stands without it."""
        end = self._checkpoint.end
        reason = await self._why_not_written(is_cancelled=end is not None and end.status is Status.CANCELLED)
        if not reason:
            return
        log.warning("log not written", extra={"job": self._run.job.key.id, "reason": reason})
        if end is not None and _promises_whole_log(end):
            unable = _failed("UnableToWriteToOutputBlob", UNABLE_TO_WRITE, reason=reason)
            await self._commit(self._checkpoint.ended(unable.end), ())

    async def _why_not_written(self, *, is_cancelled: bool) -> str:
        """Return nothing where the whole log is in its blob."""
        try:
            return "" if await self._log.finish(is_cancelled=is_cancelled) else NOT_IN_TIME
        except BlobFault as fault:
            return fault.message

    async def _commit(
        self, after: Checkpoint, lines: Sequence[bytes], entities: Entities | None = None
    ) -> None:
        batch = Batch(
            checkpoint=kept.pack(after),
            section=None if entities is None else entities.section,
            rows=b"" if entities is None else entities.rows,
            report=lines,
        )
        await self._hold.apply(batch)
        self._checkpoint = after
        self._commits += 1
        self._log.grew()

    # ---- the file

    async def _read_to_the_end(self) -> _Ending:
        """Start a reader again where one ended early, could not reach the file, or knows what is deleted."""
        deaths, patience = 0, Patience(STORAGE_PATIENCE_SECONDS)
        while True:
            commits = self._commits
            try:
                return await self._read()
            except ReaderGone as gone:
                log.error("import reader gone", extra={"job": self._run.job.key.id, "reason": str(gone)})
                deaths = 1 if self._commits > commits else deaths + 1
                if deaths > MOST_DEATHS:
                    return _Ending(READER_BROKE, Fault(None))
            except (_InputAway, RowsUnfit) as hindrance:  # unfit: a deletion took what the reader looked up
                log.warning("import waits", extra={"job": self._run.job.key.id, "reason": str(hindrance)})
                if self._commits > commits:
                    patience.renew()
                if patience.is_over:
                    return _hindered(hindrance)
                await before_cancel(self._run, patience.wait())

    async def _read(self) -> _Ending:
        try:
            order = self._order()
        except BlobFault as fault:
            return _failed("UnableToReadInputBlob", fault.message)
        feed = self._parts.open_feed(order)
        try:
            return await self._listen(feed)
        finally:
            await surely(feed.end())

    def _order(self) -> Order:
        uri, blobs = self._parts.blobs.source(self._run.job.payload)
        return Order(
            uri=uri,
            blobs=blobs,
            graph=self._parts.graph_path,
            strict=self._parts.strict,
            totals=self._checkpoint.totals,
            start=self._checkpoint.position,
        )

    async def _listen(self, feed: Feed) -> _Ending:
        coming = asyncio.ensure_future(feed.next())
        batches = 0
        try:
            while True:
                frame = await before_cancel(self._run, coming)
                if isinstance(frame, Ended | Refused):
                    return await self._ending_of(frame)
                if isinstance(frame, Scanned) and (too_many := self._too_many(frame.totals)):
                    return too_many
                coming = asyncio.ensure_future(feed.next())  # while this one is being committed
                await self._hear(frame)
                if isinstance(frame, Entities):
                    batches += 1
                    feed.acknowledge(batches)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _hear(self, frame: Scanning | Scanned | Entities) -> None:
        if isinstance(frame, Scanning):
            await self._telling.tell(_scanned_so_far(frame))
        elif isinstance(frame, Scanned):
            await self._commit(self._checkpoint.scanned(frame.totals), ())
        else:
            await before_cancel(self._run, self._log.until_behind_at_most(LOG_BEHIND_MOST_BYTES))
            lines = self._report.batch(self._parts.clock.now(), self._checkpoint, frame)
            await self._commit(self._checkpoint.after(frame), lines, frame)
            await self._telling.tell(_imported_so_far(self._checkpoint))

    def _too_many(self, totals: Totals) -> _Ending | None:
        for section, most in self._parts.most.items():
            if (count := totals.of(section)) > most:
                found = f"The file has {count:,} {section.lower()}; one import may have {most:,}."
                return _failed("LimitExceeded", found)
        return None

    async def _ending_of(self, frame: Ended | Refused) -> _Ending:
        if isinstance(frame, Refused):
            if frame.may_pass:
                raise _InputAway(frame.message)
            end = End(Status.FAILED, frame.code, frame.message)
            return _Ending(end, Fault(frame.section, frame.rejected))
        await self._telling.tell(_imported_so_far(self._checkpoint), last=True)
        if self._checkpoint.accepted:
            with suppress(StoreUnavailable):  # it only makes queries quicker
                await self._hold.graph.optimize()
        return _Ending(_end_of(self._checkpoint))


def _failed(code: str, message: str, *, reason: str = "") -> _Ending:
    return _Ending(End(Status.FAILED, code, message, reason), Fault(None))


def _hindered(hindrance: _InputAway | RowsUnfit) -> _Ending:
    if isinstance(hindrance, RowsUnfit):
        return _failed("OperationNotAllowed", DELETED_MEANWHILE)
    return _failed("UnableToReadInputBlob", str(hindrance))


def _promises_whole_log(end: End) -> bool:
    return end.status is Status.SUCCEEDED or end.code == FINISHED_WITH_ERRORS


def _end_of(checkpoint: Checkpoint) -> End:
    """Return how an import ends whose file has been read to its end."""
    if not checkpoint.rejected:
        return End(Status.SUCCEEDED)
    of_sections = ", ".join(
        f"{section.lower()} {tally.rejected:,}"
        for section, tally in checkpoint.tallies.items()
        if tally.rejected
    )
    message = (
        f"The import has finished with errors: {checkpoint.accepted:,} entities were imported, "
        f"{checkpoint.rejected:,} were rejected ({of_sections}). The output blob has a line for each of them."
    )
    return End(Status.FAILED, FINISHED_WITH_ERRORS, message)


def _scanned_so_far(frame: Scanning) -> Progress:
    share = frame.offset / frame.size if frame.size else 1.0
    return Progress(frame.offset, frame.size, f"Checking the format: {share:.0%}")


def _imported_so_far(checkpoint: Checkpoint) -> Progress:
    section, totals = checkpoint.section, checkpoint.totals
    if section is None or totals is None:
        return Progress(0, 0, "Nothing to import")
    tally = checkpoint.tally(section)
    done = tally.accepted + tally.rejected
    return Progress(checkpoint.tried, totals.entities, f"{section}: {done:,} of {totals.of(section):,}")
