"""Runs the bulk jobs of the twins: what imports and deletions share, and who runs which."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec

from weft.engine.errors import LeaseLost, StoreUnavailable
from weft.engine.jobs import Completed, ErrorDetail, Failed, JobError, Outcome, Progress, Stopped
from weft.engine.ports import Run, Runner
from weft.runners.waiting import Patience, done_or_cancel_wished, surely
from weft.twins import checkpoint as kept
from weft.twins.bulk_jobs import fence_name
from weft.twins.checkpoint import Checkpoint, Status
from weft.twins.errors import FenceLost
from weft.twins.graph import Batch, Bulk, BulkGraph, Fence

SECONDS_BETWEEN_TELLINGS = 0.25
GRAPH_PAUSE_SECONDS = 5.0
GRAPH_PAUSE_WHEN_CANCELLED_SECONDS = 2.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class BulkRunner:
    """Gives each job to the runner of its kind, and FenceLost of that one the engine's name."""

    def __init__(self, runners: Mapping[str, Runner]) -> None:
        self._runners = runners

    async def run(self, run: Run) -> Outcome:
        try:
            return await self._runners[run.job.kind].run(run)
        except FenceLost:
            raise LeaseLost(run.job) from None


class Hold:
    """One owner's hold on the graph: behind its fence, and patient with a store that is unavailable.

    *store_id* names the store of the job, so that no job of another has its name. *report_bytes* is how long
    the job's log is. *is_over*: another owner has done all, and only its word to the engine was lost. Each
    call may raise FenceLost.
    """

    def __init__(self, graph: BulkGraph, run: Run, *, store_id: str) -> None:
        self.graph = graph
        self._run = run
        self.fence = Fence(fence_name(store_id, run.job), run.job.epoch)
        self.report_bytes = 0
        self.is_over = False

    async def take_over(self) -> Bulk:
        """Return how far the job is, also where it is over."""
        try:
            bulk = await self._take_over()
        except FenceLost:
            known = await self.patiently(lambda: self.graph.bulk(self.fence.job))
            if known is None or not _has_ended(known):
                raise
            self.is_over, bulk = True, known
        self.report_bytes = bulk.report_bytes
        return bulk

    async def apply(self, batch: Batch) -> None:
        """Write *batch* once; the call ends with its commit even where the calling task is cancelled."""
        length = self.report_bytes + sum(map(len, batch.report))
        patience = Patience(longest=GRAPH_PAUSE_SECONDS)
        while True:
            try:
                await surely(self.graph.apply(self.fence, batch))
                break
            except StoreUnavailable as unavailable:
                await self._pause(patience, unavailable)
            # What failed may have been kept: after the next write that does not fail, it is known.
            known = await self._take_over()
            if known.checkpoint == batch.checkpoint and known.report_bytes == length:
                break
        self.report_bytes = length

    async def shut(self) -> None:
        """Let nobody write for the job any more."""
        await self.patiently(lambda: self.graph.shut(self.fence))

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call*, which may be repeated, returns once the store is available."""
        patience = Patience(longest=GRAPH_PAUSE_SECONDS)
        while True:
            try:
                return await call()
            except StoreUnavailable as unavailable:
                await self._pause(patience, unavailable)

    async def _take_over(self) -> Bulk:
        return await self.patiently(lambda: self.graph.take_over(self.fence))

    async def _pause(self, patience: Patience, unavailable: StoreUnavailable) -> None:
        """Wait, but not long where the job is to be cancelled: it shall end soon after the store is back."""
        log.warning("graph not reached; trying again", extra={"reason": unavailable.reason})
        pausing = asyncio.ensure_future(patience.wait())
        try:
            await done_or_cancel_wished(self._run, pausing)
            await asyncio.wait({pausing}, timeout=GRAPH_PAUSE_WHEN_CANCELLED_SECONDS)
        finally:
            pausing.cancel()


class Telling:
    """Tells progress, but not too often, unless it is the *last* that there is to tell."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._next_at = 0.0

    async def tell(self, progress: Progress, *, last: bool = False) -> None:
        now = asyncio.get_running_loop().time()
        if last or now >= self._next_at:
            self._next_at = now + SECONDS_BETWEEN_TELLINGS
            await self._run.progress(progress)


def outcome_of(checkpoint: Checkpoint) -> Outcome:
    """Return what the engine is told of a job whose end is kept."""
    end = checkpoint.end
    if end is None:
        raise ValueError("the job has not ended")
    if end.status is Status.CANCELLED:
        return Stopped()
    if end.status is Status.SUCCEEDED:
        return Completed(_result(checkpoint))
    details = (ErrorDetail(end.code, end.reason),) if end.reason else ()
    return Failed(JobError(end.code, end.message, details=details))


def _result(checkpoint: Checkpoint) -> bytes:
    return msgspec.json.encode(
        {section.lower(): tally.accepted for section, tally in checkpoint.tallies.items()}
    )


def _has_ended(bulk: Bulk) -> bool:
    checkpoint = kept.unpack(bulk.checkpoint)
    return checkpoint is not None and checkpoint.end is not None
