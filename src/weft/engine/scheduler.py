"""The loop that fires schedules: each occurrence becomes a job at its time, or is counted as missed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from weft.engine.crash import crash_point
from weft.engine.engine import Engine
from weft.engine.errors import EngineError, ScopeClosed, StoreUnavailable
from weft.engine.jobs import Job
from weft.engine.schedules import Fate, Firing, JobMaker, Occurrence, Schedule, Schedules
from weft.engine.timetables import Timetable, count_between, latest_between, next_after

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 1.0
"""The clock may be set, and another server may change schedules: nobody wakes us then."""

MOST_AT_ONCE = 256
MOST_OF_ONE = 16

MOST_ON_THE_WAY = 10_000


class TooFarAhead(EngineError):
    """More than *most* occurrences lie on the way to *to*: the clock was not moved."""

    def __init__(self, to: datetime, most: int) -> None:
        super().__init__(f"more than {most:,} occurrences of schedules lie on the way to {to.isoformat()}")
        self.to = to
        self.most = most


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of what *schedule* is due for next, one occurrence or a run, and when it is due then."""

    schedule: Schedule
    occurrence: Occurrence
    next_due: datetime | None

    @property
    def due(self) -> datetime:
        return self.occurrence.due


@dataclass(slots=True)
class Round:
    """What a look at all that is due came to. *broken*: by number, the schedules whose job was not made."""

    fired: int = 0
    broken: dict[int, Exception] = field(default_factory=dict)


class Scheduler:
    """Any number of them may work on one store: an occurrence fires once.

    An occurrence fires up to *misfire_grace* after it was due. Of those that are later, the last *catch_up*
    fire as well; the others are missed, which is one row for all of them.
    """

    def __init__(
        self,
        schedules: Schedules,
        engine: Engine,
        maker: JobMaker,
        *,
        misfire_grace: timedelta,
        catch_up: int,
    ) -> None:
        self._schedules = schedules
        self._store = schedules.store
        self._engine = engine
        self._maker = maker
        self._misfire_grace = misfire_grace
        self._catch_up = catch_up
        self._firing = asyncio.Lock()
        self._told_of: dict[int, datetime | None] = {}

    async def run(self) -> None:
        """Fire what is due until cancelled."""
        with self._schedules.watch() as changed:
            while True:
                changed.clear()
                wait_seconds = await self._fire_and_look_ahead()
                try:
                    async with asyncio.timeout(wait_seconds):
                        await changed.wait()
                except TimeoutError:
                    continue  # something is due, or it is time to look at the clock again

    async def fire_due(self) -> int:
        """Fire all that is due by now, in the order of its time; return how many jobs were made.

        A schedule whose job cannot be made is left as it is, to be tried again until its grace is over.
        """
        async with self._firing:
            return (await self._fire_due()).fired

    async def advance(
        self,
        to: datetime,
        set_clock: Callable[[datetime], None],
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> int:
        """Move the clock on to *to*; each occurrence on the way fires at its time. Return how many did.

        *set_clock* makes the engine's clock show an instant; *settle* is awaited after each at which jobs
        were made, before the clock goes on. Raises TooFarAhead before anything happens, and what kept a job
        from being made, with the clock at the time of that occurrence.
        """
        async with self._firing:
            await self._check_way(to)
            fired = 0
            while (due := await self._store.next_due()) is not None and due <= to:
                if due > self._engine.clock.now():
                    set_clock(due)
                done = await self._fire_due()
                if done.broken:
                    raise next(iter(done.broken.values()))
                fired += done.fired
                if settle is not None and done.fired:
                    await settle()
            if to > self._engine.clock.now():
                set_clock(to)
        return fired

    # ---- helpers

    async def _fire_and_look_ahead(self) -> float:
        """Return in how many seconds there is something to do again."""
        try:
            async with self._firing:
                done = await self._fire_due()
            due = await self._store.next_due()
        except StoreUnavailable as unavailable:
            log.warning("schedules put off", extra={"reason": unavailable.reason})
            return LOOK_AGAIN_SECONDS
        if due is None or done.broken:
            return LOOK_AGAIN_SECONDS
        left = (due - self._engine.clock.now()).total_seconds()
        return min(max(left, 0.0), LOOK_AGAIN_SECONDS)

    async def _check_way(self, to: datetime) -> None:
        """Raises TooFarAhead."""
        on_the_way = 0
        for schedule in await self._store.due_schedules(to, MOST_ON_THE_WAY + 1):
            if schedule.next_due is not None:
                timetable = self._schedules.read(schedule.configuration)
                on_the_way += 1 + count_between(timetable, schedule.next_due, to + timedelta.resolution)
            if on_the_way > MOST_ON_THE_WAY:  # at once: counting years for each of thousands takes minutes
                raise TooFarAhead(to, MOST_ON_THE_WAY)

    async def _fire_due(self) -> Round:
        done = Round()
        while True:
            now = self._engine.clock.now()
            known = await self._store.due_schedules(now, MOST_AT_ONCE + len(done.broken))
            due = [schedule for schedule in known if schedule.number not in done.broken]
            if not due:
                return done
            steps = [step for schedule in due for step in self._planned(schedule, now, done)]
            steps.sort(key=lambda step: (step.due, step.schedule.number))
            await self._do(steps[:MOST_AT_ONCE], done)

    def _planned(self, schedule: Schedule, now: datetime, done: Round) -> Sequence[Step]:
        """Return what is to be done about a schedule that is due, its first step first."""
        try:
            return list(islice(self._steps(schedule, now), MOST_OF_ONE))
        except Exception as error:  # no other schedule is to wait for one that cannot be read
            self._note_broken(schedule, error, done)
            return []

    def _steps(self, schedule: Schedule, now: datetime) -> Iterator[Step]:
        timetable = self._schedules.read(schedule.configuration)
        while (due := schedule.next_due) is not None and due <= now:
            occurrence = self._missed(timetable, due, now) or Occurrence(due=due, fate=Fate.FIRED)
            # From what was due, never from now: a late look moves no later occurrence.
            next_due = next_after(timetable, occurrence.last or due)
            yield Step(schedule, occurrence, next_due)
            schedule = replace(schedule, next_due=next_due)

    def _missed(self, timetable: Timetable, due: datetime, now: datetime) -> Occurrence | None:
        """Return the occurrences from *due* on that are too late to be fired; None: there is none."""
        in_time = now - self._misfire_grace
        if due >= in_time:
            return None
        missed = 1 + count_between(timetable, due, in_time) - self._catch_up
        if missed <= 0:
            return None
        last = due if missed == 1 else latest_between(timetable, due, in_time, self._catch_up + 1)[0]
        return Occurrence(due=due, fate=Fate.MISSED, count=missed, last=last)

    async def _do(self, steps: Sequence[Step], done: Round) -> None:
        """Do *steps*, in one commit or few.

        Where one fails, those after it of the same schedule do nothing: it is not due then yet.
        """
        firings = await asyncio.gather(*map(self._firing_of, steps), return_exceptions=True)
        crash_point("schedule.due-computed")
        written = await asyncio.gather(*map(self._write, steps, firings), return_exceptions=True)
        crash_point("schedule.after-commit")
        for step, outcome in zip(steps, written, strict=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, StoreUnavailable):
                self._note_broken(step.schedule, outcome, done)
            elif isinstance(outcome, BaseException):
                raise outcome
            elif outcome is not None:
                done.fired += 1

    async def _firing_of(self, step: Step) -> Firing | None:
        if step.occurrence.fate is Fate.MISSED:
            return None
        return await self._maker.firing(step.schedule, step.due)

    async def _write(self, step: Step, firing: Firing | BaseException | None) -> Job | None:
        """Return the job that was made. Nothing is awaited before its write waits in its turn."""
        if isinstance(firing, BaseException):
            raise firing
        schedule, occurrence = step.schedule, step.occurrence
        if occurrence.fate is Fate.MISSED:
            log.warning(
                "occurrences were missed", extra={"schedule": schedule.id, "missed": occurrence.count}
            )
            return await self._store.fire(schedule, [occurrence], step.next_due)
        if firing is None:
            await self._store.delete_schedule(schedule.scope, schedule.id)
            return None
        try:
            return await self._engine.fire(
                self._store, schedule, firing, due=step.due, next_due=step.next_due
            )
        except ScopeClosed:  # what it would run on is being deleted
            await self._store.delete_schedule(schedule.scope, schedule.id)
            return None

    def _note_broken(self, schedule: Schedule, error: Exception, done: Round) -> None:
        done.broken.setdefault(schedule.number, error)
        if self._told_of.get(schedule.number) != schedule.next_due:  # it is tried again each second
            self._told_of[schedule.number] = schedule.next_due
            log.error("a schedule could not fire", extra={"schedule": schedule.id}, exc_info=error)
