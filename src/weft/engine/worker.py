"""The life of a job on one page: a worker claims it, its runner does it, the worker writes its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from weft.engine.engine import Engine
from weft.engine.errors import LeaseLost, StoreUnavailable
from weft.engine.events import Happened
from weft.engine.jobs import Failed, Job, JobError, JobKey, LogLine, Outcome, Progress
from weft.engine.lifecycle import Event
from weft.engine.ports import Runner
from weft.engine.queues import Queues

log = logging.getLogger(__name__)

T = TypeVar("T")

RUNNER_BROKE = JobError("InternalError", "The job could not be run: an internal error of the server.")

RUNNER_WAITS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
"""After how many looks a runner that broke is tried again on work that goes on elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a worker works.

    *slots*: how many jobs it has at once, of all its queues together. *narrow*: further queues, of each of
    which it has only so many at once. *begins*: START where claiming a job is the start of its work, DISPATCH
    where work begins elsewhere. *cancel_wins*: see Engine.finish. *adopts*: take over jobs that go on
    elsewhere.
    """

    queue: str
    slots: int
    narrow: Mapping[str, int] = field(default_factory=dict)
    begins: Event
    cancel_wins: bool
    adopts: bool
    lease: timedelta = timedelta(seconds=30)
    heartbeat: timedelta = timedelta(seconds=5)
    look_again: timedelta = timedelta(seconds=1)


class Worker:
    """Keeps up to *slots* jobs of its queues going."""

    def __init__(self, engine: Engine, runner: Runner, habits: Habits) -> None:
        self.name = uuid4().hex
        self._engine = engine
        self._runner = runner
        self._habits = habits
        self._queues = Queues((habits.queue, *habits.narrow))
        self._held: dict[JobKey, _Held] = {}
        self._alive: set[_Held] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._adopts_next = 0.0
        self._looks_next = 0.0
        self._extended_at = 0.0
        self._taking = asyncio.Lock()
        self._unsubscribe = engine.events.subscribe(self._hear)

    async def work(self) -> None:
        """Claim and run jobs until `drain`. The lives of the jobs are tasks of the group of this call."""
        try:
            async with asyncio.TaskGroup() as lives:
                beats = lives.create_task(self._beat(), name=f"heartbeat {self._habits.queue}")
                while not self._stopping:
                    self._wake.clear()
                    async with self._taking:
                        await self._take(lives)
                    await self._rest()
                await self._until_idle()
                beats.cancel()
        finally:
            self._unsubscribe()

    def claim_no_more(self) -> None:
        self._stopping = True
        self._wake.set()

    async def drain(self, grace: timedelta) -> None:
        """Claim nothing more; after *grace*, stop what still runs and give it up as lost."""
        self.claim_no_more()
        async with self._taking:
            pass  # what was being claimed is held now
        if self._held:
            await asyncio.wait([held.task for held in self._held.values()], timeout=grace.total_seconds())
        for held in tuple(self._held.values()):
            held.task.cancel()

    async def extend(self) -> None:
        """Extend the leases of all jobs it works on, and stop those that were lost.

        The lease of a job that the store has as this worker's and that it does not know, because a claim or
        an end was written in part, is left to run out: the job is then adopted or rescued like any other.
        """
        async with self._taking:  # what is being claimed is known then
            await self._extend()

    @property
    def busy(self) -> int:
        """How many jobs it holds."""
        return len(self._held)

    # ---- one job

    def _begin(self, job: Job, lives: asyncio.TaskGroup) -> None:
        held = _Held(self._engine, job, self._habits.look_again)
        self._held[job.key] = held
        self._alive.add(held)
        if job.cancel_requested:
            held.cancel_requested.set()
        held.task = lives.create_task(self._live(held), name=f"job {job.key.id}")
        held.task.add_done_callback(lambda _: self._forget(held))

    async def _live(self, held: _Held) -> None:
        try:
            outcome = await self._run(held)
            self._let_go(held)
            await self._write_end(held, outcome)
        except asyncio.CancelledError:
            await self._give_up(held)
        except LeaseLost as lost:
            log.warning("lease lost", extra={"job": held.job.key.id, "reason": str(lost)})
        except Exception:
            # A bug with one job must not end the others; this one is taken up when its lease has run out.
            log.exception("end not written", extra={"job": held.job.key.id})

    async def _run(self, held: _Held) -> Outcome:
        for wait in RUNNER_WAITS:
            await asyncio.sleep(wait * self._habits.look_again.total_seconds())
            try:
                return await self._runner.run(held)
            except LeaseLost:
                raise
            except Exception:
                log.exception("runner broke", extra={"job": held.job.key.id})
            if not (self._habits.adopts and held.job.attempt):
                break  # else the work goes on elsewhere, and was not seen to fail
        return Failed(RUNNER_BROKE)

    async def _write_end(self, held: _Held, outcome: Outcome) -> None:
        while True:
            try:
                await self._engine.finish(held.job, outcome, cancel_wins=self._habits.cancel_wins)
            except StoreUnavailable as unavailable:
                # The end is known and must not be lost: the lease is ours, so we try until the disk is back.
                if self._stopping:
                    return
                log.warning("end not written", extra={"job": held.job.key.id, "reason": unavailable.reason})
                await asyncio.sleep(self._habits.look_again.total_seconds())
            else:
                return

    async def _give_up(self, held: _Held) -> None:
        if held.lost or self._habits.adopts:
            return
        try:
            await self._engine.give_up(held.job)
        except StoreUnavailable as unavailable:
            # The lease runs out by itself, and the job is then rescued by whoever has a working disk.
            log.warning("not given up", extra={"job": held.job.key.id, "reason": unavailable.reason})

    def _let_go(self, held: _Held) -> None:
        if self._held.get(held.job.key) is held:
            del self._held[held.job.key]
            self._wake.set()

    def _forget(self, held: _Held) -> None:
        self._alive.discard(held)
        self._let_go(held)

    # ---- all jobs

    async def _take(self, lives: asyncio.TaskGroup) -> None:
        """Begin each group of jobs as soon as it is taken: the next one may fail."""
        try:
            await self._adopt(lives)
            await self._claim(lives)
        except StoreUnavailable as unavailable:
            log.warning("nothing claimed", extra={"queue": self._habits.queue, "reason": unavailable.reason})

    @property
    def _free(self) -> int:
        return self._habits.slots - len(self._held)

    def _room(self, queue: str) -> int:
        """Return how many more jobs of *queue* may run now."""
        most = self._habits.narrow.get(queue)
        if most is None:
            return self._free
        busy = sum(held.job.queue == queue for held in self._held.values())
        return min(self._free, most - busy)

    async def _adopt(self, lives: asyncio.TaskGroup) -> None:
        """Look for orphaned jobs now and then only: under load a worker is woken many times a second."""
        now = asyncio.get_running_loop().time()
        if self._free <= 0 or not self._habits.adopts or now < self._adopts_next:
            return
        self._adopts_next = now + self._habits.look_again.total_seconds()
        as_of = self._engine.steady.now()
        if self._alive and now - self._extended_at > self._habits.lease.total_seconds() / 2:
            await self._extend()  # after the process stood still, or we would adopt from ourselves
        for queue in self._queues:
            limit, lease = self._room(queue), self._habits.lease
            if limit > 0:
                jobs = await self._engine.adopt(
                    queue, worker=self.name, limit=limit, lease=lease, as_of=as_of
                )
                self._begin_all(jobs, lives)

    async def _claim(self, lives: asyncio.TaskGroup) -> None:
        """Share the free slots among the queues that have jobs for them."""
        now = asyncio.get_running_loop().time()
        if now >= self._looks_next:
            self._looks_next = now + self._habits.look_again.total_seconds()
            self._queues.hear_all()
        while turns := [queue for queue in self._queues.waiting if self._room(queue) > 0]:
            for others, queue in zip(reversed(range(len(turns))), turns, strict=True):
                share = -(-self._free // (others + 1))
                await self._claim_of(queue, min(share, self._room(queue)), lives)

    async def _claim_of(self, queue: str, limit: int, lives: asyncio.TaskGroup) -> None:
        if limit <= 0:
            return
        self._queues.serve(queue)
        jobs = await self._engine.claim(
            queue, self._habits.begins, worker=self.name, limit=limit, lease=self._habits.lease
        )
        self._begin_all(jobs, lives)
        if len(jobs) >= limit:
            self._queues.hear(queue)  # there may be more

    def _begin_all(self, jobs: Sequence[Job], lives: asyncio.TaskGroup) -> None:
        for job in jobs:
            self._begin(job, lives)

    async def _extend(self) -> None:
        self._extended_at = asyncio.get_running_loop().time()
        alive = tuple(self._alive)
        if not alive:
            return
        jobs = [held.job for held in alive]
        kept = set(await self._engine.heartbeat(self.name, jobs, lease=self._habits.lease))
        for held in alive:
            is_kept = (held.job.key, held.job.epoch) in kept
            if not is_kept and self._held.get(held.job.key) is held:
                held.lost = True
                held.task.cancel()

    async def _rest(self) -> None:
        # Not `wait_for`: on Python 3.11 it loses a cancellation that comes together with what it waits for.
        try:
            async with asyncio.timeout(self._habits.look_again.total_seconds()):
                await self._wake.wait()
        except TimeoutError:
            return  # time to look for what no event tells: leases that ran out, jobs that were put back

    async def _until_idle(self) -> None:
        while self._held:
            self._wake.clear()
            await self._wake.wait()

    def _hear(self, happened: Happened) -> None:
        if happened.job.queue not in self._queues:
            return
        if happened.event in (Event.SUBMIT, Event.REQUEUE, Event.RETRY):
            self._queues.hear(happened.job.queue)
            self._wake.set()
        elif happened.event is Event.CANCEL and (held := self._held.get(happened.job.key)):
            held.cancel_requested.set()

    async def _beat(self) -> None:
        """Extend the leases now and then, and hear cancels that came through another server."""
        rounds = 0
        every = max(1, round(self._habits.heartbeat / self._habits.look_again))
        while True:
            await asyncio.sleep(self._habits.look_again.total_seconds())
            rounds += 1
            if not self._alive:
                continue
            try:
                await self._hear_cancels()
                if rounds % every == 0:
                    await self.extend()
            except StoreUnavailable as unavailable:
                log.warning("no heartbeat", extra={"queue": self._habits.queue, "reason": unavailable.reason})

    async def _hear_cancels(self) -> None:
        for key in await self._engine.cancel_requests(self.name):
            if held := self._held.get(key):
                held.cancel_requested.set()


class _Held:
    """A job this worker holds; it is the `Run` its runner sees."""

    task: asyncio.Task[None]

    def __init__(self, engine: Engine, job: Job, again: timedelta) -> None:
        self._engine = engine
        self._again_seconds = again.total_seconds()
        self.job = job
        self.cancel_requested = asyncio.Event()
        self.lost = False

    async def send(self, until: datetime) -> bool:
        moved = await self._sure(lambda: self._engine.send(self.job, until=until))
        if moved is None:
            self.cancel_requested.set()
            return False
        self.job = moved
        return True

    async def started(self, at: datetime) -> None:
        self.job = await self._sure(lambda: self._engine.started(self.job, at))

    async def progress(self, progress: Progress) -> None:
        await self._if_possible(self._engine.note_progress(self.job, progress))

    async def log(self, lines: Sequence[LogLine]) -> None:
        await self._if_possible(self._engine.add_lines(self.job, lines))

    async def _sure(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write what must not be lost: a disk that is full for a while must not fail the job."""
        while True:
            try:
                return await write()
            except StoreUnavailable as unavailable:
                log.warning("not written", extra={"job": self.job.key.id, "reason": unavailable.reason})
                await asyncio.sleep(self._again_seconds)

    async def _if_possible(self, write: Awaitable[None]) -> None:
        try:
            await write
        except StoreUnavailable as unavailable:
            log.warning("dropped", extra={"job": self.job.key.id, "reason": unavailable.reason})
