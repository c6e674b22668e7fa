"""The seeded mistakes of `ImportJob.tla`, made in the code, and more: each breaks a promise in some walk.

I1 no guard, I2 no fencing, I3 a checkpoint outside the transaction, I7 cancelled at once and I8 told before
the graph is shut, both with the owner as the only guard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.runners.direct_graph import DirectGraph
from weft.engine import lifecycle
from weft.engine.jobs import Outcome, Stopped
from weft.engine.lifecycle import Event, State
from weft.engine.ports import Run
from weft.runners import twins_bulk, twins_import, twins_log
from weft.runners.twins_bulk import BulkRunner, Hold
from weft.twins.feed import Position
from weft.twins.graph import Batch, Bulk, Fence

Mutant = Callable[[pytest.MonkeyPatch], None]

apply = DirectGraph.apply


def i1_no_guard(patch: pytest.MonkeyPatch) -> None:
    async def anyhow(graph: DirectGraph, fence: Fence, batch: Batch) -> None:
        graph.execute("UPDATE bulk SET epoch = ?, is_shut = FALSE", fence.epoch)
        await apply(graph, fence, batch)

    patch.setattr(DirectGraph, "apply", anyhow)


def i2_no_fencing(patch: pytest.MonkeyPatch) -> None:
    async def unless_shut(graph: DirectGraph, fence: Fence, batch: Batch) -> None:
        graph.execute("UPDATE bulk SET epoch = ? WHERE NOT is_shut", fence.epoch)
        await apply(graph, fence, batch)

    patch.setattr(DirectGraph, "apply", unless_shut)


def i3_checkpoint_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    async def torn(graph: DirectGraph, fence: Fence, batch: Batch) -> None:
        before = await graph.bulk(fence.job)
        checkpoint = b"" if before is None else before.checkpoint
        await apply(graph, fence, replace(batch, checkpoint=checkpoint, report=()))
        await asyncio.sleep(0.01)
        await apply(graph, fence, replace(batch, section=None, rows=b""))

    patch.setattr(DirectGraph, "apply", torn)


def log_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    async def torn(graph: DirectGraph, fence: Fence, batch: Batch) -> None:
        before = await graph.bulk(fence.job)
        if before is not None and before.checkpoint:
            await apply(graph, fence, Batch(checkpoint=before.checkpoint, report=batch.report))
            await asyncio.sleep(0.01)
            batch = replace(batch, report=())
        await apply(graph, fence, batch)

    patch.setattr(DirectGraph, "apply", torn)


def i7_cancelled_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(lifecycle.TABLE, (State.RUNNING, Event.CANCEL), State.CANCELLED)


def i8_told_before_the_work_has_stopped(patch: pytest.MonkeyPatch) -> None:
    run_to_its_end = BulkRunner.run

    async def tell(runner: BulkRunner, run: Run) -> Outcome:
        working = asyncio.ensure_future(run_to_its_end(runner, run))
        wish = asyncio.ensure_future(run.cancel_requested.wait())
        await asyncio.wait({working, wish}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else Stopped()

    patch.setattr(BulkRunner, "run", tell)


def a_failed_commit_is_repeated_unseen(patch: pytest.MonkeyPatch) -> None:
    async def insist(hold: Hold, batch: Batch) -> None:
        await hold.patiently(lambda: hold.graph.apply(hold.fence, batch))
        hold.report_bytes += sum(map(len, batch.report))

    patch.setattr(Hold, "apply", insist)


def the_end_is_not_known_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(twins_bulk, "_has_ended", lambda bulk: False)


def the_output_is_made_at_each_start(patch: pytest.MonkeyPatch) -> None:
    open_blob = twins_log._open
    patch.setattr(twins_log, "_open", lambda opens, anew: open_blob(opens, True))


def what_was_not_confirmed_is_taken_for_written(patch: pytest.MonkeyPatch) -> None:
    take_over = Hold.take_over

    async def believe(hold: Hold) -> Bulk:
        bulk = await take_over(hold)
        return replace(bulk, reported_bytes=bulk.report_bytes)

    patch.setattr(Hold, "take_over", believe)


def the_log_is_not_awaited(patch: pytest.MonkeyPatch) -> None:
    async def finish(writer: twins_log.LogWriter, *, is_cancelled: bool) -> bool:
        return True

    patch.setattr(twins_log.LogWriter, "finish", finish)


def a_restarted_reader_begins_at_the_first_line(patch: pytest.MonkeyPatch) -> None:
    order = twins_import._Import._order

    def begin(job: Any) -> Any:
        return msgspec.structs.replace(order(job), start=Position())

    patch.setattr(twins_import._Import, "_order", begin)


MUTANTS: dict[Mutant, frozenset[str]] = {
    i1_no_guard: frozenset({"OnceEach", "Prefix", "NoLate", "LogOnce"}),
    i2_no_fencing: frozenset({"OnceEach", "Prefix", "LogOnce"}),
    i3_checkpoint_outside_the_transaction: frozenset({"Prefix"}),
    log_outside_the_transaction: frozenset({"LogOnce"}),
    i7_cancelled_at_once: frozenset({"NoLate"}),
    i8_told_before_the_work_has_stopped: frozenset({"NoLate", "LogOnce"}),
    a_failed_commit_is_repeated_unseen: frozenset({"OnceEach", "LogOnce"}),
    the_end_is_not_known_again: frozenset({"Ends"}),
    the_output_is_made_at_each_start: frozenset({"LogOnce"}),
    what_was_not_confirmed_is_taken_for_written: frozenset({"LogOnce"}),
    the_log_is_not_awaited: frozenset({"LogOnce"}),
    a_restarted_reader_begins_at_the_first_line: frozenset({"OnceEach"}),
}
