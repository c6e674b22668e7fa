"""Deletion jobs on the server's side: the whole graph, in batches, in the time given."""

from __future__ import annotations

import asyncio
import marshal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.virtual_time import BEGINNING, VirtualClock, virtually
from tests.runners.direct_graph import DirectGraph
from tests.runners.imports import DEFINITION, MODEL, BulkRun, a_deletion
from weft.engine.errors import LeaseLost
from weft.engine.jobs import Completed, Failed, Outcome, Stopped
from weft.runners.twins_bulk import BulkRunner
from weft.runners.twins_deletion import DeletionRunner
from weft.twins.errors import FenceLost
from weft.twins.graph import Batch, Fence, Section

AT_ONCE = 10
TWINS = 3 * AT_ONCE + 1
NOTHING = {"models": 0, "twins": 0, "relationships": 0}


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DirectGraph]:
    monkeypatch.setattr("weft.runners.twins_deletion.DELETED_AT_ONCE", AT_ONCE)
    graph = DirectGraph(tmp_path / "graph.db")
    virtually(fill(graph))
    yield graph
    graph.close()


async def fill(graph: DirectGraph, *, model: int = 1) -> None:
    """*model* is the number that the model gets: numbers are never used again."""
    fence = Fence(f"filling {model}", 1)
    await graph.take_over(fence)
    twins = [(f"t{number}", model, "{}") for number in range(TWINS)]
    for section, rows in ((Section.MODELS, [(MODEL, DEFINITION)]), (Section.TWINS, twins)):
        await graph.apply(fence, Batch(checkpoint=b"", section=section, rows=marshal.dumps(rows)))


def a_run(minutes: int = 60, epoch: int = 1) -> BulkRun:
    return BulkRun(replace(a_deletion(minutes, epoch=epoch), started_at=BEGINNING))


async def do(graph: DirectGraph, run: BulkRun) -> Outcome:
    runner = DeletionRunner(graph=graph, clock=VirtualClock(), store_id="store")
    return await BulkRunner({"deletion": runner}).run(run)


def test_a_deletion_deletes_everything_and_says_how_far_it_is(graph: DirectGraph) -> None:
    run = a_run()
    graph.commit_seconds = 1.0

    outcome = virtually(do(graph, run))

    assert isinstance(outcome, Completed)
    assert graph.counts() == NOTHING
    assert run.told[0].text == "Deleted: 10"


def test_nobody_can_write_for_a_deletion_that_is_over(graph: DirectGraph) -> None:
    async def main() -> None:
        await do(graph, a_run())
        with pytest.raises(FenceLost):
            await graph.take_over(Fence("store/1", 9))

    virtually(main())


def test_a_deletion_that_takes_too_long_fails_and_keeps_what_is_left(graph: DirectGraph) -> None:
    graph.commit_seconds = timedelta(minutes=10).total_seconds()

    outcome = virtually(do(graph, a_run(minutes=25)))

    assert isinstance(outcome, Failed)
    assert outcome.error.code == "JobTimeout"
    assert "25 minutes" in outcome.error.message
    assert 0 < graph.counts()["twins"] < TWINS


def test_the_time_of_a_deletion_runs_on_when_its_owner_changes(graph: DirectGraph) -> None:
    graph.commit_seconds = timedelta(minutes=10).total_seconds()

    async def main() -> Outcome:
        first = asyncio.ensure_future(do(graph, a_run(minutes=35)))
        await asyncio.sleep(timedelta(minutes=25).total_seconds())
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return await do(graph, a_run(minutes=35, epoch=2))

    outcome = virtually(main())

    assert isinstance(outcome, Failed)


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_end_whose_writing_was_lost_is_told_again(graph: DirectGraph, epoch: int) -> None:
    first = virtually(do(graph, a_run()))
    virtually(fill(graph, model=2))

    again = virtually(do(graph, a_run(epoch=epoch)))

    assert again == first
    assert graph.counts()["twins"] == TWINS


def test_a_cancelled_deletion_stops_behind_a_whole_batch(graph: DirectGraph) -> None:
    async def main() -> None:
        graph.commit_seconds = 1.0
        run = a_run()
        task = asyncio.ensure_future(do(graph, run))
        await asyncio.sleep(2.5)
        run.cancel_requested.set()

        assert await task == Stopped()
        assert graph.counts()["twins"] == TWINS - 2 * AT_ONCE

    virtually(main())


def test_an_owner_that_lost_its_fence_deletes_nothing_more(graph: DirectGraph) -> None:
    async def main() -> None:
        graph.commit_seconds = 1.0
        task = asyncio.ensure_future(do(graph, a_run()))
        await asyncio.sleep(1.5)
        graph.commit_seconds = 0.0
        await graph.take_over(Fence("store/1", 2))
        left = graph.counts()["twins"]
        with pytest.raises(LeaseLost):
            await task

        assert graph.counts()["twins"] == left

    virtually(main())
