"""One walk of a hosted job: a server whose jobs are processes that write until they are stopped."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import VirtualClock, virtually
from tests.engine.walk import FAMILY, HABITS, Chance, Client, Server, Walk, Watched
from weft.engine.jobs import (
    Again,
    Completed,
    Failed,
    Job,
    JobError,
    JobKey,
    NewJob,
    Outcome,
    Stopped,
    WhenLost,
)
from weft.engine.lifecycle import Event, State
from weft.engine.maintenance import Maintenance, Retention
from weft.engine.ports import Run

BROKE = JobError("Broke", "it broke")
HABITS_OF_KIT = replace(HABITS, begins=Event.START, cancel_wins=True)


class Process:
    """A job's process: it writes until it ends or is killed, whatever becomes of its server."""

    def __init__(self, watched: Watched, chance: Chance) -> None:
        self.is_alive = True
        self.returned = False
        self.ended = asyncio.Event()
        self._watched = watched
        loop = asyncio.get_running_loop()
        length = chance.delay() * 2
        for _ in range(4):
            loop.call_later(chance.uniform(0, length), self._write)
        loop.call_later(length, self._return)

    def kill(self) -> None:
        self.is_alive = False
        self.ended.set()

    def _write(self) -> None:
        if self.is_alive:
            self._watched.work_wrote()

    def _return(self) -> None:
        if self.is_alive:
            self.returned = True
            self.kill()


class Processes:
    """The model of a runner. *stops_early*, a mistake: it says that the work has stopped, and it has not.

    *retries*: how often it wants a failed job to start again.
    """

    def __init__(self, watched: Watched, chance: Chance, *, stops_early: bool) -> None:
        self.all: list[Process] = []
        self.retries = chance.choice((0, 0, 0, 1, 3))
        self._works = 1 - chance.trouble if self.retries else 0.8
        self._watched = watched
        self._chance = chance
        self._stops_early = stops_early

    async def run(self, run: Run) -> Outcome:
        process = Process(self._watched, self._chance)
        self.all.append(process)
        try:
            return await self._until_ended(process, run)
        except asyncio.CancelledError:
            process.kill()
            raise

    async def _until_ended(self, process: Process, run: Run) -> Outcome:
        ended = asyncio.ensure_future(process.ended.wait())
        wished = asyncio.ensure_future(run.cancel_requested.wait())
        try:
            await asyncio.wait((ended, wished), return_when=asyncio.FIRST_COMPLETED)
            if not process.ended.is_set():
                if self._stops_early:
                    return Stopped()
                await asyncio.wait((ended,), timeout=self._chance.uniform(0, 12))
        finally:
            ended.cancel()
            wished.cancel()
        if process.returned:
            return self._returned(run.job)
        process.kill()
        return Stopped()

    def _returned(self, job: Job) -> Outcome:
        if self._chance.happens(self._works):
            return Completed(b"1")
        if job.attempt <= self.retries:
            return Again(BROKE, timedelta(seconds=self._chance.uniform(0, 20)))
        return Failed(BROKE)

    def sweep(self) -> None:
        """End all that is left of a server before: what a starting server does first."""
        for process in self.all:
            process.kill()

    @property
    def alive(self) -> int:
        return sum(process.is_alive for process in self.all)


class KitWalk(Walk):
    longest_seconds = 600.0

    def __init__(self, store: DirectStore, seed: int, *, stops_early: bool) -> None:
        super().__init__(store, seed, JobKey(f"{FAMILY}/w/{seed}", f"job {seed}"))
        self.processes = Processes(self.watched, self.chance, stops_early=stops_early)
        self._restarts = self.chance.happens(0.3)
        self._maintenance: asyncio.Task[None] | None = None
        self._direct = store

    async def begin(self) -> None:
        """Start the server, as after any end of the one before."""
        self.processes.sweep()
        await self._direct.expire_leases(VirtualClock().now())
        server = Server(
            self._direct, self.chance, HABITS_OF_KIT, self.processes, is_calm=lambda: self.is_calm
        )
        every = timedelta(seconds=5)
        maintenance = Maintenance(server.engine, [server.worker], Retention(), every=every)
        server.helpers.append(asyncio.create_task(maintenance.run()))
        self.servers = [server]

    async def use(self, client: Client) -> None:
        """Create, cancel and create again, in any order and more than once, as a caller's network does."""
        new = NewJob(
            key=self.watched.key,
            queue=HABITS.queue,
            kind="k",
            fingerprint=b"f",
            when_lost=WhenLost.RESTART if self._restarts else WhenLost.FAIL,
        )
        wishes = [client.submit, client.submit, client.bury, client.bury]
        self.chance.shuffle(wishes)
        if self.chance.happens(0.3):
            wishes = [client.submit]
        async with asyncio.TaskGroup() as group:
            for wish in wishes:
                group.create_task(self._insist(wish(new), self.chance.delay()))
        while await client.submit(new) is None:
            await asyncio.sleep(0.5)

    async def _insist(self, wish: object, after: float) -> None:
        await asyncio.sleep(after)
        await wish  # type: ignore[misc]  # one of the client's calls

    async def go_wrong(self) -> None:
        for _ in range(self.chance.choice((0, 1, 2))):
            await asyncio.sleep(self.chance.delay())
            server = self.servers[0]
            if self.chance.happens(0.4):
                await server.worker.drain(timedelta(seconds=self.chance.uniform(0, 20)))
            await server.crash()
            await asyncio.sleep(self.chance.delay() / 4)
            await self.begin()

    def untruth(self, job: Job) -> str:
        starts_once = not self._restarts and not self.processes.retries
        if self.processes.alive > 1 or (starts_once and len(self.processes.all) > 1):
            return "the work was started twice"
        if job.state is State.ACCEPTED and self.processes.alive:
            return "the job waits to be started, but its process lives"
        if job.is_final and self.processes.alive:
            return f"{job.state}, but its process lives"
        if job.state is State.COMPLETED and not self.processes.all[-1].returned:
            return "completed, but its process never returned"
        if job.state is State.CANCELLED and not job.cancel_requested:
            return "cancelled, and nobody wanted it"
        return ""


def walk(store: DirectStore, seed: int, *, stops_early: bool = False) -> int:
    """Walk once; return how many steps were checked. Raises Violation."""

    async def main() -> int:
        return await KitWalk(store, seed, stops_early=stops_early).walk()

    return virtually(main())
