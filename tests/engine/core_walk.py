"""One walk of a public job: two servers, a network that delays, duplicates and drops, and a workload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import VirtualClock, virtually
from tests.engine.walk import HABITS, Chance, Client, Server, Walk, Watched
from weft.contracts.workload import Status
from weft.engine.jobs import Job, JobError, JobKey, NewJob, WhenLost
from weft.engine.lifecycle import Event, State
from weft.runners.remote_workload import DEAD_LETTERED, NOT_FOUND, UNKNOWN_ERROR, Watching
from weft.runners.workload_answers import Accepted, Answer, Busy, Missing, Reported, Silence
from weft.settings import CallerSettings

QUEUE = "walk"
HABITS_OF_CORE = replace(HABITS, begins=Event.DISPATCH, adopts=True)
SETTINGS = CallerSettings(create_attempts=3, dead_letter_after=timedelta(minutes=30))
OUTCOME_NOT_KNOWN = frozenset({DEAD_LETTERED, NOT_FOUND, UNKNOWN_ERROR})


class Work(Enum):
    NONE = auto()
    STARTING = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()
    CANCELLED = auto()


STATUS = {
    Work.STARTING: Status.NOT_STARTED,
    Work.RUNNING: Status.IN_PROGRESS,
    Work.DONE: Status.COMPLETED,
    Work.FAILED: Status.FAILED,
    Work.CANCELLED: Status.CANCELLED,
}


@dataclass
class Mistakes:
    """What a workload may do wrong, for mutants."""

    checks_then_writes: bool = False
    forgets_tombstone: bool = False


class Workload:
    """The model of a host, for one job. Without tombstones it answers 404 to a cancel of the unknown."""

    def __init__(self, watched: Watched, chance: Chance, mistakes: Mistakes) -> None:
        self.state = Work.NONE
        self.starts = 0
        self.keeps_tombstones = chance.happens(0.3 if chance.is_sly else 0.6)
        self.keeps_tombstones |= mistakes.forgets_tombstone
        self._watched = watched
        self._chance = chance
        self._mistakes = mistakes

    def create(self) -> None:
        forgets = self._mistakes.forgets_tombstone and self.state is Work.CANCELLED and not self.starts
        if self.state is Work.NONE or forgets:
            self.starts += 1
            self._to(Work.STARTING)
            self._later(self._chance.delay() / 10, self._begin)

    def cancel(self) -> Answer:
        if self.state is Work.NONE:
            if not self.keeps_tombstones:
                return Missing()
            self._to(Work.CANCELLED)
        elif self.state is Work.STARTING or (self.state is Work.RUNNING and self._chance.happens(0.5)):
            self._to(Work.CANCELLED)
        elif self.state is Work.RUNNING:
            self._later(self._chance.uniform(0, 12), self._stop)
        return self.read()

    def read(self) -> Answer:
        return Missing() if self.state is Work.NONE else Reported(STATUS[self.state])

    def _begin(self) -> None:
        if self.state is not Work.STARTING:
            return
        self._to(Work.RUNNING)
        length = self._chance.delay() * 2
        for _ in range(3):
            self._later(self._chance.uniform(0, length), self._write)
        self._later(length, self._end)

    def _write(self) -> None:
        if self.state is not Work.RUNNING:
            return
        if self._mistakes.checks_then_writes:
            self._later(self._chance.delay(), self._watched.work_wrote)
        else:
            self._watched.work_wrote()

    def _end(self) -> None:
        if self.state is Work.RUNNING:
            self._to(Work.DONE if self._chance.happens(0.8) else Work.FAILED)

    def _stop(self) -> None:
        if self.state is Work.RUNNING:
            self._to(Work.CANCELLED)

    def _to(self, state: Work) -> None:
        self.state = state
        self._watched.check()

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, step)


class Network:
    """Carries the three calls. A create call, and each copy of it, arrives before its deadline or never."""

    def __init__(self, workload: Workload, chance: Chance, is_calm: Callable[[], bool]) -> None:
        self._workload = workload
        self._chance = chance
        self._is_calm = is_calm

    async def create(self, job: Job, *, by: float) -> Answer:
        loop = asyncio.get_running_loop()
        if self._is_calm():
            self._workload.create()
            return Accepted()
        if self._chance.happens(0.1):
            return Silence("no connection", arrived=False)
        if self._chance.is_sly:
            loop.call_at(by - self._chance.uniform(0, 15), self._workload.create)
            return Silence("reset")
        for _ in range(self._chance.choice((0, 1, 1, 1, 2))):
            # Up to its deadline and not later: this is what the deadline says.
            loop.call_at(min(loop.time() + self._chance.delay(), by), self._workload.create)
        if not self._chance.happens(self._chance.trouble):
            return await self._carry(self._create_now, by)
        if self._chance.happens(0.3):
            await asyncio.sleep(by - loop.time())
            return Silence("timeout")
        await asyncio.sleep(self._chance.uniform(0, 0.1))
        return Silence("reset") if self._chance.happens(0.7) else Busy(503, JobError("", "busy"))

    async def read(self, job: Job, *, by: float) -> Answer:
        return await self._carry(self._workload.read, by)

    async def cancel(self, job: Job, *, by: float) -> Answer:
        if not self._is_calm() and self._chance.happens(0.2):
            asyncio.get_running_loop().call_later(self._chance.delay(), self._workload.cancel)
        return await self._carry(self._workload.cancel, by)

    def _create_now(self) -> Answer:
        self._workload.create()
        return Accepted()

    async def _carry(self, call: Callable[[], Answer], by: float) -> Answer:
        if self._is_calm():
            return call()
        if self._chance.happens(0.15):
            return Silence("reset")
        try:
            async with asyncio.timeout_at(by):
                there, back = self._ways()
                await asyncio.sleep(there)
                answer = call()
                await asyncio.sleep(back)
                return answer
        except TimeoutError:
            return Silence("timeout")

    def _ways(self) -> tuple[float, float]:
        if self._chance.is_sly and self._chance.happens(0.5):
            return 0.01, self._chance.uniform(0, 29)
        return self._chance.delay(), self._chance.delay()


class CoreWalk(Walk):
    longest_seconds = 4 * 3600.0

    def __init__(self, store: DirectStore, seed: int, mistakes: Mistakes) -> None:
        super().__init__(store, seed, JobKey(f"core/w/{seed}", "job"))
        self.workload = Workload(self.watched, self.chance, mistakes)
        self._store_of_servers = store
        self._runner = Watching(
            SETTINGS,
            poll=timedelta(seconds=4),
            clock=VirtualClock(),
            calls=Network(self.workload, self.chance, lambda: self.is_calm),
            chance=self.chance.random,
        )

    async def begin(self) -> None:
        self.servers = [self._server(), self._server()]

    async def use(self, client: Client) -> None:
        await asyncio.sleep(self.chance.delay() / 10)
        new = NewJob(key=self.watched.key, queue=QUEUE, kind="k", fingerprint=b"f", when_lost=WhenLost.ADOPT)
        while await client.submit(new) is None:
            await asyncio.sleep(0.5)
        if self.chance.happens(0.8):
            await asyncio.sleep(self.chance.uniform(0, 2) if self.chance.is_sly else self.chance.delay())
            for _ in range(self.chance.choice((1, 1, 2))):
                await client.cancel()

    async def go_wrong(self) -> None:
        for _ in range(self.chance.choice((0, 1, 2))):
            await asyncio.sleep(self.chance.delay())
            await self.chance.choice(self.up()).crash()
            await asyncio.sleep(self.chance.delay() / 4)
            self.servers = [*self.up(), self._server()]

    def _server(self) -> Server:
        return Server(
            self._store_of_servers, self.chance, HABITS_OF_CORE, self._runner, is_calm=lambda: self.is_calm
        )

    def untruth(self, job: Job) -> str:
        work = self.workload.state
        if self.workload.starts > 1:
            return "the work was started twice"
        if job.state is State.COMPLETED and work is not Work.DONE:
            return f"completed, but the work is {work.name}"
        if job.state is State.CANCELLED and work not in (Work.NONE, Work.CANCELLED):
            return f"cancelled, but the work is {work.name}"
        if job.state is State.FAILED and not self._is_true_failure(job, work):
            return f"failed with {job.error}, but the work is {work.name}"
        return ""

    def _is_true_failure(self, job: Job, work: Work) -> bool:
        code = job.error.code if job.error else ""
        return work in (Work.FAILED, Work.NONE) or code in OUTCOME_NOT_KNOWN


def walk(store: DirectStore, seed: int, mistakes: Mistakes | None = None) -> int:
    """Walk once; return how many steps were checked. Raises Violation."""

    async def main() -> int:
        return await CoreWalk(store, seed, mistakes or Mistakes()).walk()

    return virtually(main())
