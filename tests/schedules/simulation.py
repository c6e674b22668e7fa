"""Months of many schedules through the real scheduler and the real store, with a clock that is set."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

from tests.engine.scheduling import KIND, SCOPE, Maker, SetClock, Timetables
from tests.schedules import oracle
from tests.schedules.plans import Kind, Plan, plans
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.scheduler import Scheduler
from weft.engine.schedules import Fate, NewSchedule, Occurrence, Schedules
from weft.engine.timetables import (
    Daily,
    DayOfMonth,
    Every,
    Monthly,
    OrdinalWeekday,
    Pattern,
    Timetable,
    Weekly,
)
from weft.stores.sqlite import SqliteStore

GRACE = timedelta(minutes=30)
HOUR = timedelta(hours=1)
FAR = timedelta(days=30)
PAGE = 10_000
TOUCHED = 5


@dataclass(slots=True)
class Report:
    """*duplicate*: fired twice. *missing*: due, and not fired nor counted. *wrong*: not due, or too late."""

    schedules: int
    looks: int = 0
    restarts: int = 0
    fired: int = 0
    missed: int = 0
    duplicate: int = 0
    missing: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return self.fired > 0 and self.missed > 0 and self.duplicate == self.missing == self.wrong == 0

    def __str__(self) -> str:
        return (
            f"{self.schedules} schedules, {self.looks:,} looks, {self.restarts} restarts, "
            f"{self.fired + self.missed:,} occurrences: {self.fired:,} fired, "
            f"{self.missed:,} counted as missed, "
            f"{self.duplicate} duplicate, {self.missing} missing, {self.wrong} wrong"
        )


class Simulation:
    """From *begins* to *ends*, and thirty days at one step after that."""

    def __init__(self, path: Path, begins: datetime, ends: datetime, *, seed: int, many: int = 200) -> None:
        self._path = path
        self._ends = ends
        self._chance = random.Random(seed)
        self._clock = SetClock(begins)
        self._begins = begins
        self._tables = Timetables()
        self._maker = Maker()
        self._plans = plans(self._chance, begins, ends, many)
        self._looks: list[datetime] = []
        self._report = Report(schedules=many)
        self._start()

    async def run(self) -> Report:
        for plan in self._plans:
            await self._schedules.add(self._new(plan))
        await self._look()
        for jump in (HOUR, -HOUR, FAR):
            until = (
                self._ends
                if jump is FAR
                else self._begins + (self._ends - self._begins) * (0.6 if jump < HOUR else 0.3)
            )
            while self._clock.now() < until:
                await self._step()
            self._clock.move_on(seconds=jump.total_seconds())
            await self._look()
        for _ in range(10):
            await self._step()
        await self._check()
        await self._store.close()
        return self._report

    # ---- what happens

    def _start(self) -> None:
        self._store = SqliteStore.open(self._path, writes_waiting=10_000)
        self._schedules = Schedules(self._store, self._clock, read=self._tables.read, most=len(self._plans))
        self._engine = Engine(self._store, self._clock, Events())
        self._schedulers = [self._scheduler(), self._scheduler()]

    def _scheduler(self) -> Scheduler:
        return Scheduler(self._schedules, self._engine, self._maker, misfire_grace=GRACE, catch_up=0)

    async def _step(self) -> None:
        """Let time pass and look at what is due; now and then, restart or change a schedule before."""
        what = self._chance.random()
        if what < 0.02:
            await self._store.close()
            self._start()
            self._report.restarts += 1
        elif what < 0.1:
            await self._touch()
        self._clock.set(await self._next_time())
        await self._look()

    async def _next_time(self) -> datetime:
        what = self._chance.random()
        if what < 0.1:
            due = await self._store.next_due()
            return self._clock.now() if due is None else max(due, self._clock.now())
        if what < 0.2:
            return self._clock.now() + timedelta(seconds=self._chance.uniform(0, 90))
        if what < 0.201:
            return self._clock.now() + timedelta(hours=self._chance.uniform(0, 7))  # nobody was there
        return self._clock.now() + GRACE

    async def _touch(self) -> None:
        """Change schedules to what they are: that makes nothing fire twice, and loses nothing."""
        for plan in self._chance.sample(self._plans, TOUCHED):
            await self._schedules.replace(replace(self._new(plan), payload=b"touched"))

    async def _look(self) -> None:
        self._looks.append(self._clock.now())
        self._report.looks += 1
        working = self._schedulers if self._chance.random() < 0.1 else self._schedulers[:1]
        await asyncio.gather(*(scheduler.fire_due() for scheduler in working))

    def _new(self, plan: Plan) -> NewSchedule:
        timetable = Timetable(
            pattern=_pattern(plan), starts_at=plan.starts_at, ends_at=plan.ends_at, zone=plan.zone
        )
        return NewSchedule(
            scope=SCOPE,
            kind=KIND,
            id=plan.id,
            enabled=True,
            configuration=self._tables.named(timetable),
            owner="u1",
        )

    # ---- what should have happened

    async def _check(self) -> None:
        fired = await self._fired()
        highest = list(accumulate(self._looks, max))
        for plan in self._plans:
            noted = await self._store.occurrences(SCOPE, plan.id, before=None, limit=10_000_000)
            expected = {due: self._fate(due, highest) for due in self._due(plan, highest[-1])}
            self._compare(plan, expected, fired[plan.id], noted)

    async def _fired(self) -> Mapping[str, Counter[datetime]]:
        """Return for each schedule how many jobs were made of each occurrence."""
        fired: dict[str, Counter[datetime]] = defaultdict(Counter)
        after = 0
        while jobs := await self._store.oldest_first(SCOPE, after=after, limit=PAGE):
            for job in jobs:
                fired[job.labels["schedule"]][datetime.fromisoformat(job.payload.decode())] += 1
            after = jobs[-1].number
        return fired

    def _due(self, plan: Plan, until: datetime) -> Sequence[datetime]:
        dues = [due for due in oracle.dues(plan, until) if due >= self._begins]
        # A schedule that has begun when it is made is due at once.
        at_once = plan.starts_at < self._begins <= plan.ends_at
        return sorted({*dues, self._begins}) if at_once else dues

    def _fate(self, due: datetime, highest: Sequence[datetime]) -> Fate:
        """It fires if the first look that could see it was in time."""
        seen_at = highest[bisect_left(highest, due)]
        return Fate.FIRED if seen_at - due <= GRACE else Fate.MISSED

    def _compare(
        self,
        plan: Plan,
        expected: Mapping[datetime, Fate],
        fired: Counter[datetime],
        noted: Sequence[Occurrence],
    ) -> None:
        report = self._report
        counted = {
            due
            for one in noted
            if one.fate is Fate.MISSED
            for due in expected
            if one.due <= due <= (one.last or one.due)
        }
        duplicate = [due for due, jobs in fired.items() if jobs > 1] + [
            due for due in counted if due in fired
        ]
        missing = [due for due in expected if due not in fired and due not in counted]
        wrong = [due for due in fired if expected.get(due) is not Fate.FIRED]
        wrong += [due for due in counted if expected[due] is not Fate.MISSED]
        miscounted = len(counted) - sum(one.count for one in noted if one.fate is Fate.MISSED)
        unlisted = fired.keys() ^ {one.due for one in noted if one.fate is Fate.FIRED}
        report.fired += fired.total()
        report.missed += len(counted)
        report.duplicate += len(duplicate)
        report.missing += len(missing)
        report.wrong += len(wrong) + abs(miscounted) + len(unlisted)
        for word, found in (("duplicate", duplicate), ("missing", missing), ("wrong", wrong)):
            report.examples += [f"{plan}: {word} {due.isoformat()}" for due in sorted(found)[:3]]


def _pattern(plan: Plan) -> Pattern:
    match plan.kind:
        case Kind.INTERVAL:
            return Every(plan.every)
        case Kind.DAILY:
            return Daily(plan.times)
        case Kind.WEEKLY:
            return Weekly(plan.times, frozenset(plan.weekdays))
        case Kind.DAY_OF_MONTH:
            return Monthly(plan.times, plan.every, DayOfMonth(plan.number))
        case Kind.WEEKDAY_OF_MONTH:
            return Monthly(plan.times, plan.every, OrdinalWeekday(plan.number, plan.weekdays[0]))
