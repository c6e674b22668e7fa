"""Two schedulers, a clock that goes both ways, and people who change schedules, in every order.

Whatever happens: no occurrence has two jobs, every job is known as an occurrence, and each was due by the
timetable that the schedule had when the job was made.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.direct_schedules import DirectScheduleStore
from tests.engine.scheduling import (
    HOURLY,
    KIND,
    MINUTELY,
    SCOPE,
    Maker,
    SetClock,
    Timetables,
    a_new,
    minutes,
    timetable,
)
from tests.engine.virtual_time import virtually
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Job
from weft.engine.ports import Duplicate
from weft.engine.scheduler import Scheduler
from weft.engine.schedules import (
    Fate,
    Firing,
    Occurrence,
    Schedule,
    ScheduleNotFound,
    Schedules,
)
from weft.engine.timetables import Every, next_after

GRACE = timedelta(minutes=5)
PATTERNS = (MINUTELY, MINUTELY, MINUTELY, HOURLY, Every(3))
IDS = ("a", "b")


class YieldingStore(DirectScheduleStore):
    """Lets others go first before each call, as often as *yields* says."""

    yields: Iterator[int] = cycle([0])

    async def due_schedules(self, until: datetime, limit: int) -> Sequence[Schedule]:
        await self._yield()
        return await super().due_schedules(until, limit)

    async def schedule(self, scope: str, id: str) -> Schedule | None:
        found = await super().schedule(scope, id)
        await self._yield()
        return found

    async def fire(
        self,
        schedule: Schedule,
        occurrences: Sequence[Occurrence],
        next_due: datetime | None,
        job: Job | None = None,
        duplicate: Duplicate | None = None,
    ) -> Job | None:
        await self._yield()
        return await super().fire(schedule, occurrences, next_due, job, duplicate)

    async def _yield(self) -> None:
        for _ in range(next(self.yields)):
            await asyncio.sleep(0)


class YieldingMaker(Maker):
    def __init__(self, yields: Iterator[int]) -> None:
        super().__init__()
        self._yields = yields

    async def firing(self, schedule: Schedule, due: datetime) -> Firing | None:
        for _ in range(next(self._yields)):
            await asyncio.sleep(0)
        return await super().firing(schedule, due)


class World:
    def __init__(self, path: Path, yields: Sequence[int]) -> None:
        self.store = YieldingStore(path)
        self.store.yields = cycle(yields)
        self.clock = SetClock(minutes(0))
        self.tables = Timetables()
        self.schedules = Schedules(self.store, self.clock, read=self.tables.read)
        self.engine = Engine(self.store, self.clock, Events())
        self.maker = YieldingMaker(cycle(yields))
        self.schedulers = [
            Scheduler(self.schedules, self.engine, self.maker, misfire_grace=GRACE, catch_up=catch_up)
            for catch_up in (0, 2)
        ]
        self.known: dict[tuple[str, int], Schedule] = {}

    async def add(self, id: str) -> None:
        if await self.store.schedule(SCOPE, id) is None:
            table = timetable(MINUTELY, minutes(-0.5))
            self._remember(await self.schedules.add(a_new(self.tables.named(table), id)))

    async def change(self, id: str, pattern: Every, *, enabled: bool) -> None:
        new = a_new(self.tables.named(timetable(pattern)), id, enabled=enabled)
        try:
            self._remember(await self.schedules.replace(new))
        except ScheduleNotFound:
            await self.add(id)

    def _remember(self, schedule: Schedule) -> None:
        self.known[schedule.id, schedule.revision] = schedule

    async def check(self) -> None:
        jobs = await self.store.oldest_first(SCOPE, after=0, limit=100_000)
        made = Counter((job.labels["schedule"], _due(job)) for job in jobs)
        assert [twice for twice, times in made.items() if times > 1] == []
        for id in IDS:
            noted = await self.store.occurrences(SCOPE, id, before=None, limit=100_000)
            fired = {(one.due, one.job) for one in noted if one.fate is Fate.FIRED}
            assert fired == {(_due(job), job.key.id) for job in jobs if job.labels["schedule"] == id}
        for job in jobs:
            schedule = self.known[job.labels["schedule"], int(job.labels["revision"])]
            assert schedule.enabled
            table = self.tables.read(schedule.configuration)
            is_at_once = schedule.revision == 1 and _due(job) == schedule.created_at
            assert is_at_once or next_after(table, _due(job) - timedelta.resolution) == _due(job)


def _due(job: Job) -> datetime:
    return datetime.fromisoformat(job.payload.decode())


Deed = Callable[[World], Awaitable[object]]

DEEDS = st.one_of(
    st.sampled_from([0, 1]).map(lambda which: lambda world: world.schedulers[which].fire_due()),
    st.builds(
        lambda id, pattern, enabled: lambda world: world.change(id, pattern, enabled=enabled),
        st.sampled_from(IDS),
        st.sampled_from(PATTERNS),
        st.sampled_from([True, True, True, False]),
    ),
)
LEAPS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 7.0, 59.0, -1.0, -2.0, -3.0])
ROUNDS = st.lists(st.tuples(LEAPS, st.lists(DEEDS, min_size=1, max_size=5)), min_size=2, max_size=16)


@given(rounds=ROUNDS, yields=st.lists(st.integers(0, 5), min_size=1, max_size=7))
@settings(max_examples=40, deadline=None)
def test_no_order_of_events_makes_an_occurrence_fire_twice(
    rounds: Sequence[tuple[float, Sequence[Deed]]], yields: Sequence[int]
) -> None:
    async def main(path: Path) -> None:
        world = World(path, yields)
        for id in IDS:
            await world.add(id)
        for leap, deeds in rounds:
            world.clock.move_on(minutes=leap)
            await asyncio.gather(*(deed(world) for deed in deeds))
            await world.check()
        world.store.close()

    with tempfile.TemporaryDirectory() as scratch:
        virtually(main(Path(scratch) / "weft.db"))


def test_the_check_sees_a_job_that_was_made_twice(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path / "weft.db", [0])
        await world.add("a")
        await world.schedulers[0].fire_due()
        (job,) = await world.store.oldest_first(SCOPE, after=0, limit=10)
        schedule = await world.schedules.get(SCOPE, KIND, "a")
        again = await world.maker.firing(schedule, _due(job))
        assert again is not None
        await world.engine.submit(again.new)

        with pytest.raises(AssertionError):
            await world.check()

    virtually(main())
