"""Does deletion jobs: the whole graph goes, batch by batch, until nothing is left or the time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from weft.engine.jobs import Job, Outcome, Progress
from weft.engine.ports import Clock, Run
from weft.runners.twins_bulk import Hold, Telling, outcome_of
from weft.runners.waiting import surely
from weft.twins import checkpoint as kept
from weft.twins.bulk_jobs import DeletionPayload
from weft.twins.checkpoint import Checkpoint, End, Status
from weft.twins.graph import Batch, BulkGraph

DELETED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRunner:
    graph: BulkGraph
    clock: Clock
    store_id: str

    async def run(self, run: Run) -> Outcome:
        """Raises FenceLost where the job has another owner."""
        hold = Hold(self.graph, run, store_id=self.store_id)
        bulk = await hold.take_over()
        checkpoint = kept.unpack(bulk.checkpoint) or Checkpoint()
        if checkpoint.end is None:
            checkpoint = checkpoint.ended(await self._delete(run, hold))
            await hold.apply(Batch(checkpoint=kept.pack(checkpoint)))
        if not hold.is_over:
            await hold.shut()
        return outcome_of(checkpoint)

    async def _delete(self, run: Run, hold: Hold) -> End:
        """Return how it ends: what has been deleted stays so."""
        telling = Telling(run)
        minutes = msgspec.json.decode(run.job.payload, type=DeletionPayload).timeout_in_minutes
        deadline = _began_at(run.job) + timedelta(minutes=minutes)
        done = 0
        while not run.cancel_requested.is_set():
            if self.clock.now() >= deadline:
                message = f"The deletion was not complete after {minutes} minutes; delete again for the rest."
                return End(Status.FAILED, "JobTimeout", message)
            deleted = await hold.patiently(lambda: surely(self._delete_some(hold)))
            if not deleted:
                return End(Status.SUCCEEDED)
            done += deleted
            await telling.tell(Progress(done, 0, f"Deleted: {done:,}"))
        return End(Status.CANCELLED)

    async def _delete_some(self, hold: Hold) -> int:
        batch = Batch(checkpoint=kept.pack(Checkpoint()))
        return await self.graph.delete_some(hold.fence, DELETED_AT_ONCE, batch)


def _began_at(job: Job) -> datetime:
    return job.started_at or job.submitted_at
