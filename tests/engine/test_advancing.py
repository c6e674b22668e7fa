"""A clock that is moved on waits for the jobs of each instant, but not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.direct_schedules import DirectScheduleStore
from tests.engine.scheduling import HOURLY, SCOPE, Maker, Timetables, a_new, timetable
from tests.engine.virtual_time import BEGINNING, VirtualClock, virtually
from weft.engine.advancing import SETTLES_WITHIN_IN_ALL, Advancing
from weft.engine.clock import LATEST, AdjustableClock, ClockTooFar
from weft.engine.engine import Engine
from weft.engine.errors import StoreUnavailable
from weft.engine.events import Events
from weft.engine.jobs import Completed, Outcome
from weft.engine.lifecycle import Event
from weft.engine.ports import Run
from weft.engine.scheduler import Scheduler
from weft.engine.schedules import Schedules
from weft.engine.worker import Habits, Worker

GRACE = timedelta(minutes=5)
HOUR = timedelta(hours=1)


class Lasting:
    """A runner each of whose jobs takes so long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def run(self, run: Run) -> Outcome:
        await asyncio.sleep(self._seconds)
        return Completed()


class Server:
    """A scheduler and a worker whose jobs take *seconds*, under a clock that can be moved on."""

    def __init__(self, store: DirectScheduleStore, directory: Path, seconds: float) -> None:
        self.clock = AdjustableClock.open(directory / "clock", VirtualClock())
        self.store = store
        self.tables = Timetables()
        self.engine = Engine(store, self.clock, Events(), steady=VirtualClock())
        self.schedules = Schedules(store, self.clock, read=self.tables.read)
        scheduler = Scheduler(self.schedules, self.engine, Maker(), misfire_grace=GRACE, catch_up=0)
        self.advancing = Advancing(self.clock, scheduler, self.engine.events)
        self._runner = Lasting(seconds)

    async def hourly(self) -> None:
        configuration = self.tables.named(timetable(HOURLY, BEGINNING + HOUR))
        await self.schedules.add(a_new(configuration, "s"))

    async def advance(self, by: timedelta) -> tuple[int, list[tuple[timedelta, timedelta]]]:
        """Return how many fired, and when each job that has ended began and ended, since the beginning."""
        habits = Habits(queue="core", slots=99, begins=Event.START, cancel_wins=True, adopts=False)
        working = asyncio.create_task(Worker(self.engine, self._runner, habits).work())
        fired = await self.advancing.advance(by)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        jobs = await self.store.oldest_first(SCOPE, after=0, limit=999)
        return fired, [
            (job.started_at - BEGINNING, job.ended_at - BEGINNING)
            for job in jobs
            if job.started_at is not None and job.ended_at is not None
        ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectScheduleStore]:
    store = DirectScheduleStore(tmp_path / "weft.db")
    yield store
    store.close()


def test_quick_jobs_begin_and_end_before_the_clock_goes_on(
    store: DirectScheduleStore, tmp_path: Path
) -> None:
    async def main() -> None:
        server = Server(store, tmp_path, 0.5)
        await server.hourly()

        fired, lives = await server.advance(3 * HOUR)

        assert fired == 3
        assert [began // HOUR for began, _ in lives] == [1, 2, 3]
        assert all(ended - began == timedelta(seconds=0.5) for began, ended in lives)

    virtually(main())


def test_jobs_that_take_long_are_not_waited_for(store: DirectScheduleStore, tmp_path: Path) -> None:
    async def main() -> None:
        server = Server(store, tmp_path, 600)
        await server.hourly()
        began_at = asyncio.get_running_loop().time()

        fired, _ = await server.advance(48 * HOUR)

        took_seconds = asyncio.get_running_loop().time() - began_at
        assert fired == 48
        assert took_seconds == pytest.approx(SETTLES_WITHIN_IN_ALL.total_seconds(), abs=0.5)

    virtually(main())


def test_a_clock_is_not_moved_to_where_calendars_end(store: DirectScheduleStore, tmp_path: Path) -> None:
    async def main() -> None:
        server = Server(store, tmp_path, 0)

        with pytest.raises(ClockTooFar):
            await server.advancing.advance(LATEST - BEGINNING + HOUR)

        assert server.clock.offset == timedelta(0)

    virtually(main())


def test_a_move_that_cannot_be_kept_is_told_as_a_store_that_is_away(
    store: DirectScheduleStore, tmp_path: Path
) -> None:
    async def main() -> None:
        server = Server(store, tmp_path / "gone", 0)
        await server.hourly()

        with pytest.raises(StoreUnavailable, match="clock"):
            await server.advancing.advance(2 * HOUR)

        assert server.clock.offset == timedelta(0)
        assert await store.oldest_first(SCOPE, after=0, limit=9) == []

    virtually(main())
