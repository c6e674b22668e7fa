"""Runs the bulk jobs of the twins: what imports and deletions share, and who runs which."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from weft.engine.errors import LeaseLost, StoreUnavailable
from weft.engine.jobs import Outcome
from weft.engine.ports import Run, Runner
from weft.runners.waiting import Patience, surely
from weft.twins.errors import FenceLost
from weft.twins.graph import Batch, Bulk, BulkGraph, Fence

T = TypeVar("T")

log = logging.getLogger(__name__)


class BulkRunner:
    """Gives each job to the runner of its kind."""

    def __init__(self, runners: Mapping[str, Runner]) -> None:
        self._runners = runners

    async def run(self, run: Run) -> Outcome:
        try:
            return await self._runners[run.job.kind].run(run)
        except FenceLost:
            raise LeaseLost(run.job) from None


class Hold:
    """One owner's hold on the graph: behind a fence, and patient with a store that is unavailable.

    *store_id* names the store of the job, so that no other one's job has its name. Each call may raise
    FenceLost.
    """

    def __init__(self, graph: BulkGraph, run: Run, *, store_id: str) -> None:
        self.graph = graph
        self.fence = Fence(f"{store_id}/{run.job.number}", run.job.epoch)
        self.report_bytes = 0

    async def take_over(self) -> Bulk:
        bulk = await self.patiently(lambda: self.graph.take_over(self.fence))
        self.report_bytes = bulk.report_bytes
        return bulk

    async def bulk(self) -> Bulk | None:
        return await self.patiently(lambda: self.graph.bulk(self.fence.job))

    async def apply(self, batch: Batch) -> None:
        """Write *batch* once; the call ends with its commit even where the calling task is cancelled."""
        length = self.report_bytes + sum(map(len, batch.report))
        patience = Patience()
        while True:
            try:
                await surely(self.graph.apply(self.fence, batch))
            except StoreUnavailable as unavailable:
                await _wait(patience, unavailable)
            else:
                self.report_bytes = length
                return
            # A write that failed may have been kept: after the next one that does not fail, it is known.
            kept = await self.take_over()
            if kept.checkpoint == batch.checkpoint and kept.report_bytes == length:
                return

    async def shut(self) -> None:
        await self.patiently(lambda: self.graph.shut(self.fence))

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call*, which may be repeated, returns once the store is available."""
        patience = Patience()
        while True:
            try:
                return await call()
            except StoreUnavailable as unavailable:
                await _wait(patience, unavailable)


async def _wait(patience: Patience, unavailable: StoreUnavailable) -> None:
    log.warning("graph not reached; trying again", extra={"reason": unavailable.reason})
    await patience.wait()
