"""How a worker lives: slots, cancels, lost leases, a full disk, and the drain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import VirtualClock, virtually
from weft.engine.engine import WORKER_LOST, Engine
from weft.engine.errors import StoreUnavailable
from weft.engine.events import Events
from weft.engine.jobs import (
    Again,
    Completed,
    Job,
    JobError,
    JobKey,
    NewJob,
    Outcome,
    Progress,
    Stopped,
    WhenLost,
)
from weft.engine.lifecycle import Event, State
from weft.engine.maintenance import Maintenance, Retention
from weft.engine.ports import Claim, Run
from weft.engine.worker import RUNNER_BROKE, RUNNER_WAITS, Habits, Worker

HABITS = Habits(queue="q", slots=2, begins=Event.START, cancel_wins=True, adopts=False)
ELSEWHERE = replace(HABITS, begins=Event.DISPATCH, cancel_wins=False, adopts=True)
SCOPE = "workload/t/w/T/i/k"


class Runs:
    """A runner that notes what it is given, and does with it what the test says."""

    def __init__(self, work: Callable[[Run], Awaitable[Outcome]]) -> None:
        self.begun: list[str] = []
        self.stopped: list[str] = []
        self._work = work

    async def run(self, run: Run) -> Outcome:
        self.begun.append(run.job.key.id)
        try:
            return await self._work(run)
        except asyncio.CancelledError:
            self.stopped.append(run.job.key.id)
            raise


async def until_cancelled(run: Run) -> Outcome:
    await run.cancel_requested.wait()
    return Stopped()


async def for_ever(run: Run) -> Outcome:
    await asyncio.Event().wait()
    return Completed()


def lasting(seconds: float) -> Callable[[Run], Awaitable[Outcome]]:
    async def last(run: Run) -> Outcome:
        await asyncio.sleep(seconds)
        return Completed(b"1")

    return last


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectStore]:
    store = DirectStore(tmp_path / "weft.db")
    yield store
    store.close()


class Shop:
    def __init__(self, store: DirectStore, runner: Runs, habits: Habits) -> None:
        self.engine = Engine(store, VirtualClock(), Events())
        self.worker = Worker(self.engine, runner, habits)
        self.working = asyncio.create_task(self.worker.work())

    async def submit(self, id: str, when_lost: WhenLost = WhenLost.FAIL) -> JobKey:
        key = JobKey(SCOPE, id)
        await self.engine.submit(NewJob(key=key, queue="q", kind="k", when_lost=when_lost))
        return key

    async def stop(self) -> None:
        self.working.cancel()
        await asyncio.gather(self.working, return_exceptions=True)


@asynccontextmanager
async def shop(store: DirectStore, runner: Runs, habits: Habits = HABITS) -> AsyncIterator[Shop]:
    here = Shop(store, runner, habits)
    try:
        yield here
    finally:
        await here.stop()


def test_no_more_jobs_run_at_once_than_there_are_slots(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(lasting(10))
        async with shop(store, runs) as here:
            for id in ("a", "b", "c"):
                await here.submit(id)
            await asyncio.sleep(5)
            first = list(runs.begun)
            await asyncio.sleep(6)

            assert first == ["a", "b"]
            assert runs.begun == ["a", "b", "c"]
            assert here.worker.busy == 1

    virtually(main())


def test_a_submitted_job_is_begun_at_once(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(lasting(0))) as here:
            await asyncio.sleep(0.5)
            key = await here.submit("a")

            job = await here.engine.wait(key, seconds=60)

            assert job.state is State.COMPLETED
            assert asyncio.get_running_loop().time() < 0.6

    virtually(main())


def test_a_cancel_of_this_server_is_heard_at_once(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(until_cancelled)) as here:
            key = await here.submit("a")
            await asyncio.sleep(0.5)

            await here.engine.cancel(key)
            job = await here.engine.wait(key, seconds=60)

            assert job.state is State.CANCELLED
            assert asyncio.get_running_loop().time() < 0.6

    virtually(main())


def test_a_cancel_through_another_server_is_heard_within_a_second(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(until_cancelled)) as here:
            key = await here.submit("a")
            await asyncio.sleep(0.5)

            await Engine(store, VirtualClock(), Events()).cancel(key)
            job = await here.engine.wait(key, seconds=60)

            assert job.state is State.CANCELLED
            assert asyncio.get_running_loop().time() <= 1.6

    virtually(main())


def test_a_broken_runner_fails_its_job_and_no_other(store: DirectStore) -> None:
    async def main() -> None:
        async def broken(run: Run) -> Outcome:
            if run.job.key.id == "a":
                raise ZeroDivisionError
            return Completed()

        async with shop(store, Runs(broken)) as here:
            first, second = await here.submit("a"), await here.submit("b")

            broke = await here.engine.wait(first, seconds=60)
            fine = await here.engine.wait(second, seconds=60)

            assert (broke.state, broke.error) == (State.FAILED, RUNNER_BROKE)
            assert fine.state is State.COMPLETED

    virtually(main())


def breaking(times: int, broke: list[float]) -> Callable[[Run], Awaitable[Outcome]]:
    """Work that goes on elsewhere, and whose runner breaks so often after the work was sent."""

    async def work(run: Run) -> Outcome:
        await run.send(VirtualClock().now())
        if len(broke) < times:
            broke.append(asyncio.get_running_loop().time())
            raise ZeroDivisionError
        return Completed()

    return work


def test_a_runner_that_broke_is_tried_again_on_work_that_goes_on_elsewhere(store: DirectStore) -> None:
    async def main() -> None:
        broke: list[float] = []
        async with shop(store, Runs(breaking(3, broke)), ELSEWHERE) as here:
            key = await here.submit("a", WhenLost.ADOPT)

            job = await here.engine.wait(key, seconds=60)

            assert job.state is State.COMPLETED
            assert job.epoch == 1
            assert [at - broke[0] for at in broke] == pytest.approx([0, 1, 3])

    virtually(main())


def test_a_runner_that_breaks_again_and_again_fails_its_job_in_the_end(store: DirectStore) -> None:
    async def main() -> None:
        broke: list[float] = []
        async with shop(store, Runs(breaking(99, broke)), ELSEWHERE) as here:
            key = await here.submit("a", WhenLost.ADOPT)

            job = await here.engine.wait(key, seconds=600)

            assert (job.state, job.error) == (State.FAILED, RUNNER_BROKE)
            assert len(broke) == len(RUNNER_WAITS)

    virtually(main())


def test_a_runner_that_breaks_before_it_sent_anything_fails_its_job_at_once(store: DirectStore) -> None:
    async def main() -> None:
        async def broken(run: Run) -> Outcome:
            raise ZeroDivisionError

        async with shop(store, Runs(broken), ELSEWHERE) as here:
            key = await here.submit("a", WhenLost.ADOPT)

            job = await here.engine.wait(key, seconds=1)

            assert (job.state, job.error) == (State.FAILED, RUNNER_BROKE)

    virtually(main())


def test_work_is_stopped_when_its_lease_is_lost(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(for_ever)
        async with shop(store, runs) as here:
            key = await here.submit("a")
            await asyncio.sleep(0.5)
            other = Engine(store, VirtualClock(), Events())
            lost = await other.give_up(await other.get(key))

            await asyncio.sleep(HABITS.heartbeat.total_seconds() + 1)

            assert runs.stopped == ["a"]
            assert await other.get(key) == lost
            assert here.worker.busy == 0

    virtually(main())


def test_leases_are_extended_for_as_long_as_the_work_takes(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(lasting(300))) as here:
            key = await here.submit("a")
            maintenance = Maintenance(here.engine, [here.worker], Retention(), every=timedelta(seconds=5))
            keeping = asyncio.create_task(maintenance.run())

            job = await here.engine.wait(key, seconds=600)
            keeping.cancel()

            assert job.state is State.COMPLETED

    virtually(main())


def test_an_end_is_written_when_the_disk_is_back(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(lasting(2))) as here:
            key = await here.submit("a")
            await asyncio.sleep(1)
            store.broken = True
            await asyncio.sleep(5)
            store.broken = False

            job = await here.engine.wait(key, seconds=60)

            assert (job.state, job.result) == (State.COMPLETED, b"1")

    virtually(main())


def test_a_full_disk_drops_progress_and_fails_nothing(store: DirectStore) -> None:
    async def main() -> None:
        async def telling(run: Run) -> Outcome:
            store.broken = True
            await run.progress(Progress(1, 2, "lost"))
            await run.log([])
            store.broken = False
            await run.progress(Progress(2, 2, "kept"))
            return Completed()

        async with shop(store, Runs(telling)) as here:
            key = await here.submit("a")

            job = await here.engine.wait(key, seconds=60)

            assert (job.state, job.progress) == (State.COMPLETED, Progress(2, 2, "kept"))

    virtually(main())


def test_a_start_elsewhere_is_noted_when_the_disk_is_back(store: DirectStore) -> None:
    async def main() -> None:
        async def elsewhere(run: Run) -> Outcome:
            store.broken = True
            asyncio.get_running_loop().call_later(3, setattr, store, "broken", False)
            await run.started(VirtualClock().now())
            return Completed()

        async with shop(store, Runs(elsewhere), ELSEWHERE) as here:
            key = await here.submit("a", WhenLost.ADOPT)
            await asyncio.sleep(10)

            job = await here.engine.wait(key, seconds=60)

            assert job.state is State.COMPLETED
            assert job.started_at is not None

    virtually(main())


def test_jobs_are_begun_when_the_disk_is_back(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(lasting(0))) as here:
            key = await here.submit("a")
            store.broken = True
            await asyncio.sleep(5)
            store.broken = False

            job = await here.engine.wait(key, seconds=60)

            assert job.state is State.COMPLETED

    virtually(main())


# ---- another attempt


def failing(times: int, after: float) -> Callable[[Run], Awaitable[Outcome]]:
    """Work whose first *times* attempts fail, each to be repeated after so many seconds."""

    async def work(run: Run) -> Outcome:
        if run.job.attempt <= times:
            return Again(JobError("Broke", "it broke"), timedelta(seconds=after))
        return Completed(b"1")

    return work


def test_a_failed_job_starts_again_in_time_and_then_ends(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(failing(2, 10))
        async with shop(store, runs) as here:
            key = await here.submit("a")

            job = await here.engine.wait(key, seconds=60)

            assert (job.state, job.attempt, job.result) == (State.COMPLETED, 3, b"1")
            assert asyncio.get_running_loop().time() == pytest.approx(20, abs=2.1)  # it looks once a second
            assert asyncio.get_running_loop().time() >= 20

    virtually(main())


def test_a_job_that_starts_again_at_once_needs_no_look(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(failing(5, 0))) as here:
            key = await here.submit("a")

            job = await here.engine.wait(key, seconds=60)

            assert job.state is State.COMPLETED
            assert asyncio.get_running_loop().time() < 0.5

    virtually(main())


def test_a_job_that_waits_for_its_next_attempt_leaves_its_place_to_others(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(failing(1, 100))
        async with shop(store, runs, replace(HABITS, slots=1)) as here:
            first, second = await here.submit("a"), await here.submit("b")
            await asyncio.sleep(5)
            waiting = await here.engine.get(first)

            assert runs.begun == ["a", "b"]
            assert (waiting.state, waiting.worker) == (State.ACCEPTED, None)
            assert (await here.engine.wait(second, seconds=300)).state is State.COMPLETED
            assert (await here.engine.wait(first, seconds=300)).state is State.COMPLETED

    virtually(main())


def test_a_job_that_is_cancelled_between_two_attempts_never_starts_again(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(failing(9, 5))
        async with shop(store, runs) as here:
            key = await here.submit("a")
            await asyncio.sleep(1)

            cancelled = await here.engine.cancel(key)
            await asyncio.sleep(60)

            assert cancelled.state is State.CANCELLED
            assert await here.engine.get(key) == cancelled
            assert runs.begun == ["a"]

    virtually(main())


# ---- several queues

BOTH = replace(HABITS, slots=4, narrow={"narrow": 1})


async def submit_to(here: Shop, queue: str, *ids: str) -> None:
    for id in ids:
        await here.engine.submit(NewJob(key=JobKey(SCOPE, id), queue=queue, kind="k"))


def test_a_narrow_queue_has_no_more_jobs_at_once_than_it_may(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(lasting(10))
        async with shop(store, runs, replace(HABITS, slots=9, narrow={"narrow": 2, "other": 1})) as here:
            await submit_to(here, "narrow", "n1", "n2", "n3", "n4", "n5")
            await submit_to(here, "other", "o1", "o2")
            begun = []
            for _ in range(3):
                await asyncio.sleep(5)
                begun.append(sorted(runs.begun))
                await asyncio.sleep(5)

            assert begun[0] == ["n1", "n2", "o1"]
            assert begun[1] == ["n1", "n2", "n3", "n4", "o1", "o2"]
            assert begun[2] == ["n1", "n2", "n3", "n4", "n5", "o1", "o2"]

    virtually(main())


def test_all_queues_together_have_no_more_jobs_at_once_than_there_are_slots(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(lasting(10))
        async with shop(store, runs, replace(HABITS, slots=2, narrow={"narrow": 5})) as here:
            await submit_to(here, "narrow", "n1", "n2", "n3")
            await submit_to(here, "q", "a", "b")
            await asyncio.sleep(5)

            assert len(runs.begun) == here.worker.busy == 2

    virtually(main())


@pytest.mark.parametrize(("full", "free"), [("narrow", "q"), ("q", "narrow")])
def test_a_queue_that_has_all_it_may_keeps_no_other_from_its_jobs(
    store: DirectStore, full: str, free: str
) -> None:
    async def main() -> None:
        runs = Runs(for_ever)
        async with shop(store, runs, BOTH) as here:
            await submit_to(here, "narrow" if full == "narrow" else "q", *(f"f{n}" for n in range(3)))
            await asyncio.sleep(2)
            before = len(runs.begun)

            await submit_to(here, free, "x")
            await asyncio.sleep(0.5)

            assert before == (1 if full == "narrow" else 3)
            assert runs.begun[-1] == "x"

    virtually(main())


@pytest.mark.parametrize("slots", [1, 2])
def test_queues_that_always_have_jobs_take_turns(store: DirectStore, slots: int) -> None:
    async def main() -> None:
        runs = Runs(lasting(1))
        habits = replace(HABITS, slots=slots, narrow={"narrow": slots, "third": slots})
        async with shop(store, runs, habits) as here:
            for number in range(30):
                for queue in ("q", "narrow", "third"):
                    await submit_to(here, queue, f"{queue}{number}")
            await asyncio.sleep(15 / slots)

            begun = [sum(id.startswith(queue) for id in runs.begun) for queue in ("q", "narrow", "third")]
            assert sum(begun) >= 15
            assert max(begun) - min(begun) <= 1

    virtually(main())


def test_free_slots_are_shared_among_the_queues_that_wait(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(for_ever)
        here = Shop(store, runs, replace(HABITS, slots=6, narrow={"narrow": 9, "third": 9}))
        for queue, jobs in (("q", 9), ("narrow", 9), ("third", 1)):
            await submit_to(here, queue, *(f"{queue}{number}" for number in range(jobs)))
        await asyncio.sleep(0.5)
        begun = sorted(id.rstrip("0123456789") for id in runs.begun)
        await here.stop()

        assert len(begun) == 6
        assert {queue: begun.count(queue) for queue in ("q", "third")} == {"q": 3, "third": 1}

    virtually(main())


def test_a_worker_with_nothing_to_do_asks_no_queue_but_where_a_job_came(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    claim = DirectStore.claim

    async def noted(store: DirectStore, wanted: Claim) -> Sequence[Job]:
        asked.append(wanted.queue)
        return await claim(store, wanted)

    async def main() -> None:
        async with shop(store, Runs(lasting(0)), BOTH) as here:
            await asyncio.sleep(0.2)
            monkeypatch.setattr(DirectStore, "claim", noted)
            await submit_to(here, "narrow", "n1")
            await asyncio.sleep(0.2)
            once = tuple(asked)
            await asyncio.sleep(2)

            assert set(once) == {"narrow"}
            assert asked.count("q") == 2  # looks for what no event tells

    virtually(main())


def test_a_job_that_comes_while_its_queue_is_asked_is_begun_at_once(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Engine.claim

    async def main() -> None:
        runs = Runs(lasting(0))
        async with shop(store, runs, replace(BOTH, narrow={"narrow": 3})) as here:
            await asyncio.sleep(0.2)

            async def slow_answer(engine: Engine, *arguments: Any, **named: Any) -> Any:
                jobs = await claim(engine, *arguments, **named)
                monkeypatch.undo()
                await submit_to(here, "narrow", "late")
                return jobs

            monkeypatch.setattr(Engine, "claim", slow_answer)
            await submit_to(here, "narrow", "early")
            await asyncio.sleep(0.2)

            assert runs.begun == ["early", "late"]

    virtually(main())


def test_cancels_leases_and_drains_are_those_of_all_queues(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(until_cancelled)
        async with shop(store, runs, replace(BOTH, narrow={"narrow": 2})) as here:
            await submit_to(here, "narrow", "n1", "n2")
            await asyncio.sleep(100)  # longer than a lease
            await here.engine.cancel(JobKey(SCOPE, "n1"))
            here_cancelled = await here.engine.wait(JobKey(SCOPE, "n1"), seconds=1)
            await Engine(store, VirtualClock(), Events()).cancel(JobKey(SCOPE, "n2"))
            elsewhere_cancelled = await here.engine.wait(JobKey(SCOPE, "n2"), seconds=2)
            await submit_to(here, "narrow", "n3")
            await asyncio.sleep(1)
            await here.worker.drain(timedelta(seconds=1))
            await here.working

            assert here_cancelled.state is State.CANCELLED
            assert (elsewhere_cancelled.state, elsewhere_cancelled.epoch) == (State.CANCELLED, 1)
            assert runs.stopped == ["n3"]

    virtually(main())


def test_orphans_are_adopted_from_every_queue_within_its_limit(store: DirectStore) -> None:
    habits = replace(ELSEWHERE, slots=9, narrow={"narrow": 2})

    async def main() -> None:
        async with shop(store, Runs(for_ever), replace(habits, narrow={"narrow": 9})) as gone:
            for id in ("n1", "n2", "n3"):
                new = NewJob(key=JobKey(SCOPE, id), queue="narrow", kind="k", when_lost=WhenLost.ADOPT)
                await gone.engine.submit(new)
            await asyncio.sleep(1)
        await asyncio.sleep(HABITS.lease.total_seconds())

        runs = Runs(for_ever)
        async with shop(store, runs, habits) as here:
            await asyncio.sleep(2)

            assert len(runs.begun) == here.worker.busy == 2

    virtually(main())


def test_a_job_of_a_narrow_queue_starts_again_within_its_limit(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(failing(1, 3))
        async with shop(store, runs, BOTH) as here:
            await submit_to(here, "narrow", "n1", "n2")

            first = await here.engine.wait(JobKey(SCOPE, "n1"), seconds=60)
            second = await here.engine.wait(JobKey(SCOPE, "n2"), seconds=60)

            assert (first.state, second.state) == (State.COMPLETED, State.COMPLETED)
            assert runs.begun == ["n1", "n2", "n1", "n2"]

    virtually(main())


# ---- what was written in part


def fail_the_next_claim_after_its_commit(patch: pytest.MonkeyPatch) -> None:
    commit = DirectStore.claim
    failed = False

    async def claim(store: DirectStore, claim: Claim) -> Sequence[Job]:
        nonlocal failed
        claimed = await commit(store, claim)
        if claimed and not failed:
            failed = True
            raise StoreUnavailable("the disk is full")
        return claimed

    patch.setattr(DirectStore, "claim", claim)


async def with_maintenance(here: Shop, key: JobKey) -> Job:
    maintenance = Maintenance(here.engine, [here.worker], Retention(), every=timedelta(seconds=5))
    keeping = asyncio.create_task(maintenance.run())
    try:
        return await here.engine.wait(key, seconds=120)
    finally:
        keeping.cancel()


def test_adopted_jobs_are_begun_though_nothing_can_be_claimed(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(store: DirectStore, claim: Claim) -> Sequence[Job]:
        raise StoreUnavailable("the disk is full")

    async def main() -> None:
        async with shop(store, Runs(for_ever), ELSEWHERE) as gone:
            key = await gone.submit("a", WhenLost.ADOPT)
            await asyncio.sleep(1)
        await asyncio.sleep(HABITS.lease.total_seconds())
        monkeypatch.setattr(DirectStore, "claim", refuse)

        async with shop(store, Runs(lasting(1)), ELSEWHERE) as here:
            job = await here.engine.wait(key, seconds=5)

            assert job.state is State.COMPLETED

    virtually(main())


def test_a_job_whose_claim_came_back_is_taken_up_when_its_lease_has_run_out(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(run: Run) -> Outcome:
        return await (for_ever(run) if run.job.key.id == "busy" else lasting(1)(run))

    async def main() -> None:
        for habits, when_lost in ((HABITS, WhenLost.RESTART), (ELSEWHERE, WhenLost.ADOPT)):
            async with shop(store, Runs(work), habits) as here:
                await here.submit("busy", when_lost)
                await asyncio.sleep(1)
                fail_the_next_claim_after_its_commit(monkeypatch)

                job = await with_maintenance(here, await here.submit(f"{when_lost}", when_lost))

                assert (job.state, job.epoch) == (State.COMPLETED, 2)
                monkeypatch.undo()

    virtually(main())


def test_a_job_whose_end_could_not_be_written_is_given_up_by_the_server_that_runs_on(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def finish(engine: Engine, *arguments: Any, **named: Any) -> Job:
        raise ZeroDivisionError

    async def main() -> None:
        async with shop(store, Runs(lasting(1))) as here:
            monkeypatch.setattr(Engine, "finish", finish)
            key = await here.submit("a")

            job = await with_maintenance(here, key)

            assert (job.state, job.error) == (State.FAILED, WORKER_LOST)
            assert asyncio.get_running_loop().time() == pytest.approx(HABITS.lease.total_seconds(), abs=6)

    virtually(main())


def test_the_lease_of_an_end_that_waits_for_the_disk_is_extended(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = Engine.finish

    async def refuse(engine: Engine, *arguments: Any, **named: Any) -> Job:
        if asyncio.get_running_loop().time() < 2 * HABITS.lease.total_seconds():
            raise StoreUnavailable("the disk is full")
        return await finish(engine, *arguments, **named)

    async def main() -> None:
        monkeypatch.setattr(Engine, "finish", refuse)
        async with shop(store, Runs(lasting(1))) as here:
            job = await with_maintenance(here, await here.submit("a"))

            assert (job.state, job.result) == (State.COMPLETED, b"1")

    virtually(main())


# ---- drain


def test_a_drain_lets_what_runs_end_and_begins_nothing(store: DirectStore) -> None:
    async def main() -> None:
        runs = Runs(lasting(5))
        async with shop(store, runs) as here:
            key = await here.submit("a")
            await asyncio.sleep(1)

            draining = asyncio.create_task(here.worker.drain(timedelta(seconds=30)))
            await asyncio.sleep(0.1)
            late = await here.submit("b")
            await draining
            await here.working

            assert (await here.engine.get(key)).state is State.COMPLETED
            assert (await here.engine.get(late)).state is State.ACCEPTED
            assert runs.begun == ["a"]
            assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.2)

    virtually(main())


@pytest.mark.parametrize(
    ("when_lost", "state"), [(WhenLost.FAIL, State.FAILED), (WhenLost.RESTART, State.ACCEPTED)]
)
def test_a_drain_stops_what_still_runs_after_its_grace(
    store: DirectStore, when_lost: WhenLost, state: State
) -> None:
    async def main() -> Job:
        runs = Runs(for_ever)
        async with shop(store, runs) as here:
            key = await here.submit("a", when_lost)
            await asyncio.sleep(1)

            await here.worker.drain(timedelta(seconds=30))
            await here.working

            assert runs.stopped == ["a"]
            assert asyncio.get_running_loop().time() == pytest.approx(31, abs=0.1)
            return await here.engine.get(key)

    job = virtually(main())

    assert job.state is state
    assert job.error == (WORKER_LOST if state is State.FAILED else None)


def test_a_drain_leaves_work_that_goes_on_elsewhere_to_be_adopted(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(for_ever), ELSEWHERE) as here:
            key = await here.submit("a", WhenLost.ADOPT)
            await asyncio.sleep(1)
            await here.worker.drain(timedelta(seconds=1))
            await here.working
            left = await here.engine.get(key)
        await asyncio.sleep(HABITS.lease.total_seconds())
        async with shop(store, Runs(lasting(1)), ELSEWHERE) as there:
            job = await there.engine.wait(key, seconds=60)

        assert left.state is State.DISPATCHING
        assert (job.state, job.epoch) == (State.COMPLETED, left.epoch + 1)

    virtually(main())


def test_a_job_claimed_in_the_moment_of_a_drain_has_its_grace_too(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Engine.claim

    async def slow_claim(engine: Engine, *arguments: Any, **named: Any) -> Any:
        jobs = await claim(engine, *arguments, **named)
        await asyncio.sleep(1)
        return jobs

    monkeypatch.setattr(Engine, "claim", slow_claim)

    async def main() -> None:
        runs = Runs(for_ever)
        async with shop(store, runs) as here:
            key = await here.submit("a")
            await asyncio.sleep(0.5)

            await here.worker.drain(timedelta(seconds=10))
            await here.working

            assert runs.stopped == ["a"]
            assert (await here.engine.get(key)).state is State.FAILED

    virtually(main())


def test_a_drain_ends_while_the_disk_stays_full(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(for_ever)) as here:
            await here.submit("a")
            await asyncio.sleep(1)
            store.broken = True

            await here.worker.drain(timedelta(seconds=5))
            await here.working

            assert asyncio.get_running_loop().time() < 10

    virtually(main())


def test_a_worker_that_is_woken_as_it_is_cancelled_ends(store: DirectStore) -> None:
    async def main() -> None:
        here = Shop(store, Runs(for_ever), HABITS)
        await asyncio.sleep(0.5)
        await here.submit("a")

        here.working.cancel()
        await asyncio.wait([here.working], timeout=60)

        assert here.working.done()

    virtually(main())


# ---- a process that stood still


def test_maintenance_does_not_rescue_a_live_job_after_the_process_stood_still(store: DirectStore) -> None:
    async def main() -> None:
        async with shop(store, Runs(until_cancelled)) as here:
            key = await here.submit("a")
            await asyncio.sleep(1)
            await store.expire_leases(VirtualClock().now())

            await Maintenance(here.engine, [here.worker], Retention(), every=timedelta(seconds=5)).once()

            assert (await here.engine.get(key)).state is State.RUNNING

    virtually(main())


def test_a_worker_does_not_adopt_its_own_jobs_after_the_process_stood_still(store: DirectStore) -> None:
    habits = replace(ELSEWHERE, heartbeat=timedelta(hours=1), look_again=timedelta(seconds=40))

    async def main() -> None:
        runs = Runs(for_ever)
        async with shop(store, runs, habits) as here:
            key = await here.submit("a", WhenLost.ADOPT)
            await asyncio.sleep(200)  # the worker looks again only when its leases have run out

            assert runs.begun == ["a"]
            assert (await here.engine.get(key)).epoch == 1

    virtually(main())
