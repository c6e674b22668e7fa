"""A clock that can be moved on: it is never seen to go back, and what runs does not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import VirtualClock, virtually
from weft.engine.clock import LATEST, AdjustableClock, ClockTooFar, ClockUnreadable
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import Completed, Job, JobKey, NewJob, Outcome, WhenLost
from weft.engine.lifecycle import Event, State
from weft.engine.maintenance import Maintenance, Retention
from weft.engine.ports import Run
from weft.engine.worker import Habits, Worker

THREE_DAYS = timedelta(days=3)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = JobKey("core/w/i", "a")
HERE = Habits(queue="q", slots=2, begins=Event.START, cancel_wins=True, adopts=False)
ELSEWHERE = replace(HERE, begins=Event.DISPATCH, cancel_wins=False, adopts=True)


class FixedClock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clock"


def test_a_clock_that_nobody_has_moved_shows_the_time(path: Path) -> None:
    clock = AdjustableClock.open(path, FixedClock())

    assert clock.now() == NOON
    assert not path.exists()


def test_a_moved_clock_goes_on_from_where_it_was_moved_to(path: Path) -> None:
    base = FixedClock()
    clock = AdjustableClock.open(path, base)

    clock.move_on(NOON + THREE_DAYS)
    base.time += timedelta(minutes=1)

    assert clock.now() == NOON + THREE_DAYS + timedelta(minutes=1)


def test_a_moved_clock_does_not_go_back_over_a_restart(path: Path) -> None:
    base = FixedClock()
    AdjustableClock.open(path, base).move_on(NOON + THREE_DAYS)
    base.time += timedelta(seconds=5)

    assert AdjustableClock.open(path, base).now() == NOON + THREE_DAYS + timedelta(seconds=5)


def test_a_clock_is_never_moved_back(path: Path) -> None:
    clock = AdjustableClock.open(path, FixedClock())
    clock.move_on(NOON + THREE_DAYS)

    clock.move_on(NOON)

    assert clock.now() == NOON + THREE_DAYS


def test_a_clock_is_not_moved_to_where_calendars_end(path: Path) -> None:
    clock = AdjustableClock.open(path, FixedClock())

    with pytest.raises(ClockTooFar, match="9000"):
        clock.move_on(LATEST + timedelta(seconds=1))

    assert clock.now() == NOON


def test_a_move_that_cannot_be_kept_is_none(tmp_path: Path) -> None:
    clock = AdjustableClock.open(tmp_path / "gone" / "clock", FixedClock())

    with pytest.raises(OSError, match="No such file"):
        clock.move_on(NOON + THREE_DAYS)

    assert clock.now() == NOON


@pytest.mark.parametrize("text", ["", "soon", "1.5", "-1", "9" * 30, "\u0661"])
def test_a_file_that_says_no_offset_is_named(path: Path, text: str) -> None:
    path.write_text(text)

    with pytest.raises(ClockUnreadable, match="clock"):
        AdjustableClock.open(path, FixedClock())


async def until_told(told: asyncio.Event, run: Run) -> Outcome:
    await told.wait()
    return Completed(b"1")


class Runs:
    """A runner that counts its runs."""

    def __init__(self, work: Callable[[Run], Awaitable[Outcome]]) -> None:
        self.begun = 0
        self._work = work

    async def run(self, run: Run) -> Outcome:
        self.begun += 1
        return await self._work(run)


@pytest.mark.parametrize("habits", [HERE, ELSEWHERE], ids=["here", "elsewhere"])
def test_a_job_that_runs_while_the_clock_is_moved_on_for_days_goes_on(tmp_path: Path, habits: Habits) -> None:
    async def main() -> tuple[Job, int]:
        store, told = DirectStore(tmp_path / "weft.db"), asyncio.Event()
        clock = AdjustableClock.open(tmp_path / "clock", VirtualClock())
        engine = Engine(store, clock, Events(), steady=VirtualClock())
        runs = Runs(lambda run: until_told(told, run))
        worker = Worker(engine, runs, habits)
        keeping = Maintenance(engine, [worker], Retention(), every=timedelta(seconds=5))
        working = [asyncio.create_task(worker.work()), asyncio.create_task(keeping.run())]
        lost = WhenLost.ADOPT if habits.adopts else WhenLost.FAIL
        await engine.submit(NewJob(key=KEY, queue="q", kind="k", when_lost=lost))
        await asyncio.sleep(1)

        clock.move_on(clock.now() + THREE_DAYS)
        await engine.rescue()  # as a server does that stands still just now
        await asyncio.sleep(60)
        told.set()
        job = await engine.wait(KEY, seconds=5)

        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        store.close()
        return job, runs.begun

    job, begun = virtually(main())

    assert (job.state, job.epoch, begun) == (State.COMPLETED, 1, 1)
    assert job.started_at is None or job.ended_at is None or job.ended_at - job.started_at > THREE_DAYS
