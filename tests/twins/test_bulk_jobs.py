"""What goes with a bulk job when it is deleted, by somebody or because its published purge date has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import BEGINNING, VirtualClock, virtually
from tests.runners.direct_graph import DirectGraph
from weft.engine.engine import Engine
from weft.engine.errors import JobNotEnded, JobNotFound, StoreUnavailable
from weft.engine.events import Events
from weft.engine.jobs import Completed, Job, JobKey, NewJob
from weft.engine.lifecycle import Event
from weft.twins.bulk_jobs import DELETIONS, IMPORTS, QUEUE, BulkJobs, fence_name
from weft.twins.graph import Fence

LEASE = timedelta(seconds=30)


@dataclass(frozen=True)
class House:
    engine: Engine
    graph: DirectGraph
    bulk: BulkJobs

    async def submit(self, scope: str = IMPORTS, id: str = "one") -> Job:
        return await self.engine.submit(NewJob(key=JobKey(scope, id), queue=QUEUE, kind="import"))

    async def ended(self, scope: str = IMPORTS, id: str = "one") -> Job:
        """Return a job that the graph knows and that has ended."""
        await self.submit(scope, id)
        (job,) = await self.engine.claim(QUEUE, Event.START, worker="w", limit=1, lease=LEASE)
        await self.graph.take_over(Fence(fence_name("store", job), job.epoch))
        return await self.engine.finish(job, Completed(), cancel_wins=False)

    async def is_kept(self, job: Job) -> bool:
        return await self.graph.bulk(fence_name("store", job)) is not None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    store, graph = DirectStore(tmp_path / "weft.db"), DirectGraph(tmp_path / "graph.db")
    engine = Engine(store, VirtualClock(), Events())
    yield House(engine, graph, BulkJobs(engine, graph, store_id="store", most=1))
    graph.close()
    store.close()


def test_a_deleted_job_is_forgotten_by_the_graph_too(house: House) -> None:
    async def main() -> None:
        job = await house.ended()
        assert await house.is_kept(job)

        await house.bulk.delete(job.key)

        assert not await house.is_kept(job)
        with pytest.raises(JobNotFound):
            await house.bulk.delete(job.key)

    virtually(main())


def test_a_job_that_lives_is_neither_deleted_nor_forgotten(house: House) -> None:
    async def main() -> None:
        job = await house.submit()
        await house.graph.take_over(Fence(fence_name("store", job), 1))

        with pytest.raises(JobNotEnded):
            await house.bulk.delete(job.key)

        assert await house.is_kept(job)
        assert await house.engine.get(job.key) == job

    virtually(main())


def test_a_delete_that_failed_halfway_can_be_repeated(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: str) -> None:
        raise StoreUnavailable("the disk is full")

    async def main() -> None:
        job = await house.ended()
        with monkeypatch.context() as patched:
            patched.setattr(house.graph, "forget", broken)
            with pytest.raises(StoreUnavailable):
                await house.bulk.delete(job.key)

        await house.bulk.delete(job.key)

        assert not await house.is_kept(job)

    virtually(main())


def test_jobs_are_purged_by_their_creation_once_they_have_ended(house: House) -> None:
    async def main() -> None:
        old = [await house.ended(IMPORTS, "a"), await house.ended(DELETIONS, "b")]
        living = await house.submit(IMPORTS, "c")

        await house.bulk.purge(BEGINNING)
        assert [await house.engine.get(job.key) for job in old] == old

        await house.bulk.purge(house.engine.clock.now() + timedelta(seconds=1))

        for job in old:
            assert not await house.is_kept(job)
            with pytest.raises(JobNotFound):
                await house.engine.get(job.key)
        assert await house.engine.get(living.key) == living

    virtually(main())
