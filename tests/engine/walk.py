"""What walks through the engine share: servers that crash and stand still, a watched row, and the promises.

The promises are the invariants of `JobInstance.tla`; they are checked after every commit and every step of
the work. A walk is told by its seed alone.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any, cast

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import VirtualClock
from weft.engine.engine import Engine
from weft.engine.errors import JobEnded, JobNotFound
from weft.engine.events import Events
from weft.engine.jobs import Job, JobKey, NewJob
from weft.engine.lifecycle import Event, State
from weft.engine.ports import JobStore, Runner
from weft.engine.worker import Habits, Worker


class Violation(Exception):
    """A promise was broken."""

    def __init__(self, promise: str, detail: str) -> None:
        super().__init__(f"{promise}: {detail}")
        self.promise = promise


class Chance(Random):
    """The choices of a walk, whose weights it draws first: some walks are quick, others nothing but trouble.

    In a sly one, all goes the hardest way: what was given up still arrives, just in time.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.slow = self.choice((0.05, 0.15, 0.5))
        self.trouble = self.choice((0.1, 0.3, 0.7))
        self.is_sly = self.random() < 0.3

    def happens(self, share: float) -> bool:
        return self.random() < share

    def delay(self) -> float:
        """Return seconds: mostly next to nothing, now and then longer than any deadline."""
        kind = self.random()
        if kind < self.slow:
            return self.uniform(0, 45)
        return self.uniform(0, 0.02) if kind < 0.8 else self.uniform(0, 1.5)


class Watched:
    """One job's row and what clients were told of it."""

    def __init__(self, store: DirectStore, key: JobKey) -> None:
        self.store = store
        self.key = key
        self.acked_create = False
        self.acked_cancel = False
        self.saw: State | None = None
        self.steps = 0
        self.broken: Violation | None = None
        self._last: Job | None = None
        self.truthful: Callable[[Job], str] = lambda job: ""

    def row(self) -> Job | None:
        return self.store.row(self.key)

    def work_wrote(self) -> None:
        """Note that the job's work has changed the world."""
        if self.saw is State.CANCELLED:
            self._break(Violation("NoLateWrite", "the work wrote after a client had read Cancelled"))
        self.check()

    def check(self) -> None:
        """Note the first promise that is broken; nobody who is watched is disturbed by it."""
        self.steps += 1
        try:
            self._check(self.row())
        except Violation as violation:
            self._break(violation)

    def _break(self, violation: Violation) -> None:
        self.broken = self.broken or violation

    def _check(self, job: Job | None) -> None:
        self._check_kept(job)
        if job is not None:
            self._check_lease(job)
            if wrong := self.truthful(job):
                raise Violation("Truthful", wrong)
        self._check_stable(job)
        self._last = job

    def _check_kept(self, job: Job | None) -> None:
        if self.acked_create and job is None:
            raise Violation("Durable", "an acknowledged job is not there")
        if self.acked_cancel and not (job is not None and (job.cancel_requested or job.is_final)):
            raise Violation("CancelKept", "an acknowledged cancel is not there")
        if job is not None and job.state is State.ACCEPTED and job.cancel_requested:
            raise Violation("CancelKept", "a job that is to be cancelled waits to be started")
        if self.saw is not None and (job is None or job.state is not self.saw):
            raise Violation("SawStable", f"a client read {self.saw}, now it is {job and job.state}")

    def _check_stable(self, job: Job | None) -> None:
        last = self._last
        if last is None or not last.is_final:
            return
        if job is None or (job.state, job.ended_at) != (last.state, last.ended_at):
            raise Violation("TerminalStable", f"{last.state} became {job and job.state}")

    def _check_lease(self, job: Job) -> None:
        is_worked_on = job.state in (State.DISPATCHING, State.RUNNING)
        has_lease = job.worker is not None and job.lease_until is not None
        if is_worked_on != has_lease or (job.worker is None) != (job.lease_until is None):
            raise Violation("Lease", f"a {job.state} job has worker {job.worker} until {job.lease_until}")


class Server:
    """One control plane over the store: it may be slow, stand still, or crash."""

    def __init__(
        self,
        store: DirectStore,
        chance: Chance,
        habits: Habits,
        runner: Runner,
        *,
        is_calm: Callable[[], bool],
    ) -> None:
        self.is_up = True
        self.stands_until = 0.0
        self._chance = chance
        self._is_calm = is_calm
        events = Events()
        self.engine = Engine(cast("JobStore", _SlowStore(store, self)), VirtualClock(), events)
        self.worker = Worker(self.engine, runner, habits)
        # Names of workers come from the chance of the walk too, so that a seed tells everything.
        self.worker.name = f"{chance.getrandbits(64):016x}"
        self.helpers: list[asyncio.Task[None]] = []
        self._work = asyncio.create_task(self.worker.work())

    async def pause(self) -> None:
        loop = asyncio.get_running_loop()
        if not self.is_up:
            raise asyncio.CancelledError
        if not self._is_calm():
            kind = self._chance.random()
            if kind < 0.3:
                await asyncio.sleep(self._chance.uniform(0, 0.3))
            elif kind < 0.304:
                self.stands_until = loop.time() + self._chance.uniform(20, 60)
            if self.stands_until > loop.time():
                await asyncio.sleep(self.stands_until - loop.time())
        if not self.is_up:
            raise asyncio.CancelledError

    async def crash(self) -> None:
        """End at once: nothing of it reaches store or network any more."""
        self.is_up = False
        tasks = [self._work, *self.helpers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise what ended the worker: nothing but a crash should."""
        if self.is_up and self._work.done():
            self._work.result()


class _SlowStore:
    """The store as a server sees it: each call may be slow on its way there and on its way back."""

    def __init__(self, store: DirectStore, server: Server) -> None:
        self._store = store
        self._server = server

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            await self._server.pause()
            answer = await verb(*arguments, **named)
            await self._server.pause()
            return answer

        return call


class Client:
    """Somebody who runs a job, cancels it, and looks at it, through whichever server is up."""

    def __init__(self, watched: Watched, chance: Chance, up: Callable[[], list[Server]]) -> None:
        self._watched = watched
        self._chance = chance
        self._up = up

    async def submit(self, new: NewJob) -> Job | None:
        job = await self._ask(lambda engine: engine.submit(new))
        if job is not None:
            self._watched.acked_create = True
            self._watched.check()
        return job

    async def cancel(self) -> None:
        try:
            job = await self._ask(lambda engine: engine.cancel(self._watched.key, by="somebody"))
        except (JobEnded, JobNotFound):
            return
        if job is not None:
            self._watched.acked_cancel = True
            self._watched.check()

    async def bury(self, new: NewJob) -> Job | None:
        try:
            job = await self._ask(lambda engine: engine.bury(new, by="somebody", family="kit"))
        except JobEnded:
            return None
        if job is not None:
            self._watched.acked_cancel = True
            self._watched.check()
        return job

    async def look(self) -> None:
        try:
            job = await self._ask(lambda engine: engine.get(self._watched.key))
        except JobNotFound:
            return
        if job is not None and job.is_final:
            self._watched.saw = self._watched.saw or job.state
            self._watched.check()

    async def _ask(self, question: Callable[[Engine], Any]) -> Job | None:
        """Return the answer, or None where the server crashed before it gave one."""
        servers = self._up()
        if not servers:
            return None
        server = self._chance.choice(servers)
        asked = asyncio.ensure_future(question(server.engine))
        await asyncio.wait([asked])
        return None if asked.cancelled() else cast("Job", asked.result())


class Walk(ABC):
    """The course of a walk: servers, clients and accidents at once, then calm until the job has ended."""

    longest_seconds: float

    def __init__(self, store: DirectStore, seed: int, key: JobKey) -> None:
        self.chance = Chance(seed)
        self.watched = Watched(store, key)
        self.watched.truthful = self.untruth
        self.is_calm = False
        self.servers: list[Server] = []
        self._store = store

    async def walk(self) -> int:
        """Return how many steps were checked. Raises Violation."""
        self._store.committed = self.watched.check
        try:
            await self.begin()
            client = Client(self.watched, self.chance, self.up)
            async with asyncio.TaskGroup() as group:
                for action in (self.use(client), self.go_wrong(), self._look(client)):
                    group.create_task(action)
            await self._settle(client)
        finally:
            self._store.committed = lambda: None
            for server in self.servers:
                await server.crash()
        return self.watched.steps

    @abstractmethod
    async def begin(self) -> None: ...

    @abstractmethod
    async def use(self, client: Client) -> None: ...

    @abstractmethod
    async def go_wrong(self) -> None: ...

    @abstractmethod
    def untruth(self, job: Job) -> str:
        """Return in which way *job* says something untrue of its work, "" if in none."""

    def up(self) -> list[Server]:
        return [server for server in self.servers if server.is_up]

    async def _look(self, client: Client) -> None:
        for _ in range(15):
            await asyncio.sleep(self.chance.uniform(0, 5))
            await client.look()

    async def _settle(self, client: Client) -> None:
        """From now on all goes well: the job has to end, and as it was promised."""
        self.is_calm = True
        loop = asyncio.get_running_loop()
        until = loop.time() + self.longest_seconds
        while self.watched.broken is None and not (job := self._existing()).is_final:
            if loop.time() > until:
                raise Violation("Ends", f"the job hangs in {job.state}")
            for server in self.up():
                server.check()
            await asyncio.sleep(5)
        await client.look()
        await asyncio.sleep(50)  # for what is still under way
        self.watched.check()
        if self.watched.broken is not None:
            raise self.watched.broken

    def _existing(self) -> Job:
        job = self.watched.row()
        if job is None:
            raise Violation("Durable", "an acknowledged job is not there")
        return job


FAMILY = "workload/t"

HABITS = Habits(
    queue="walk",
    slots=4,
    begins=Event.START,
    cancel_wins=False,
    adopts=False,
    lease=timedelta(seconds=30),
    heartbeat=timedelta(seconds=6),
    look_again=timedelta(seconds=3),
)
