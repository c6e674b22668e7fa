"""The loop that fires schedules: once each, never in a burst, whatever the clock and other servers do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.direct_schedules import DirectScheduleStore
from tests.engine.scheduling import (
    HOURLY,
    KIND,
    MINUTELY,
    NOW,
    SCOPE,
    Maker,
    SetClock,
    Timetables,
    a_new,
    minutes,
    timetable,
)
from tests.engine.virtual_time import BEGINNING, VirtualClock, virtually
from weft.engine.engine import DEDUPED, Engine
from weft.engine.events import Events, Happened
from weft.engine.jobs import Job, JobError
from weft.engine.lifecycle import Event, State
from weft.engine.ports import Clock
from weft.engine.scheduler import MOST_ON_THE_WAY, Scheduler, TooFarAhead
from weft.engine.schedules import Fate, Firing, Occurrence, Schedule, ScheduleNotFound, Schedules
from weft.engine.timetables import Pattern, Timetable
from weft.stores.sqlite import SqliteStore

GRACE = timedelta(minutes=5)
NOBODY = JobError("OwnerMissing", "u1 is not here any more")


class Place:
    """A store with its schedules, a clock that is set, and as many schedulers as a test likes."""

    def __init__(self, store: DirectScheduleStore | SqliteStore, clock: Clock) -> None:
        self.store = store
        self.tables = Timetables()
        self.maker = Maker()
        self.events = Events()
        self.engine = Engine(store, clock, self.events)
        self.schedules = Schedules(store, clock, read=self.tables.read, most=100)

    def scheduler(self, *, grace: timedelta = GRACE, catch_up: int = 0) -> Scheduler:
        return Scheduler(self.schedules, self.engine, self.maker, misfire_grace=grace, catch_up=catch_up)

    async def add(self, pattern: Pattern, starts: datetime = NOW, id: str = "s", **given: object) -> Schedule:
        configuration = self.tables.named(timetable(pattern, starts))
        return await self.schedules.add(a_new(configuration, id, **given))

    async def jobs(self) -> Sequence[Job]:
        return await self.store.oldest_first(SCOPE, after=0, limit=20_000)

    async def dues(self) -> list[datetime]:
        """Return of which occurrences there are jobs, in the order of their making."""
        return [datetime.fromisoformat(job.payload.decode()) for job in await self.jobs()]

    async def fates(self, id: str = "s") -> list[tuple[datetime, Fate, int]]:
        found = await self.store.occurrences(SCOPE, id, before=None, limit=20_000)
        return [(one.due, one.fate, one.count) for one in reversed(found)]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[DirectScheduleStore]:
    store = DirectScheduleStore(tmp_path / "weft.db")
    yield store
    store.close()


@pytest.fixture
def place(direct: DirectScheduleStore, clock: SetClock) -> Place:
    return Place(direct, clock)


# ---- fire


async def test_what_is_due_becomes_a_job_and_what_is_not_waits(place: Place, clock: SetClock) -> None:
    told: list[Happened] = []
    place.events.subscribe(told.append)
    await place.add(HOURLY, minutes(10), labels={"name": "A"})
    scheduler = place.scheduler()

    early = await scheduler.fire_due()
    clock.set(minutes(10))
    fired = await scheduler.fire_due()
    again = await scheduler.fire_due()

    assert (early, fired, again) == (0, 1, 0)
    (job,) = await place.jobs()
    assert (job.state, job.kind, job.submitted_by, job.submitted_at) == (
        State.ACCEPTED,
        KIND,
        "u1",
        minutes(10),
    )
    assert told == [Happened(Event.SUBMIT, job)]
    assert await place.schedules.occurrences(SCOPE, KIND, "s") == [
        Occurrence(due=minutes(10), fate=Fate.FIRED, job=job.key.id)
    ]
    assert (await place.schedules.get(SCOPE, KIND, "s")).next_due == minutes(70)


async def test_the_next_occurrence_is_reckoned_from_what_was_due_and_not_from_now(
    place: Place, clock: SetClock
) -> None:
    await place.add(HOURLY)
    clock.set(minutes(4))

    await place.scheduler().fire_due()

    assert (await place.schedules.get(SCOPE, KIND, "s")).next_due == minutes(60)


async def test_all_that_is_due_fires_in_the_order_of_its_time(place: Place, clock: SetClock) -> None:
    for number in range(5):
        await place.add(MINUTELY, NOW + timedelta(seconds=10 * number), f"s{number}")
    clock.set(minutes(3))

    fired = await place.scheduler().fire_due()

    dues = await place.dues()
    assert fired == len(dues) == 4 + 3 * 4
    assert dues == sorted(dues)


async def test_more_schedules_than_fit_into_one_look_all_fire(place: Place) -> None:
    for number in range(100):
        for scope in range(6):
            await place.add(HOURLY, NOW, f"s{number}", scope=f"core/w/{scope}")

    assert await place.scheduler().fire_due() == 600


async def test_a_schedule_that_began_ten_years_ago_fires_once_and_goes_on(
    place: Place, clock: SetClock
) -> None:
    starts = NOW - timedelta(days=3653, seconds=30)
    await place.add(MINUTELY, starts)
    scheduler = place.scheduler()

    at_once = await scheduler.fire_due()
    clock.move_on(seconds=29)
    between = await scheduler.fire_due()
    clock.move_on(seconds=1)
    then = await scheduler.fire_due()

    assert (at_once, between, then) == (1, 0, 1)
    assert await place.dues() == [NOW, NOW + timedelta(seconds=30)]


# ---- what cannot run


async def test_a_job_that_may_not_run_is_kept_as_failed(place: Place, clock: SetClock) -> None:
    told: list[Happened] = []
    place.events.subscribe(told.append)
    await place.add(HOURLY)
    place.maker.errors["s"] = NOBODY

    assert await place.scheduler().fire_due() == 1

    (job,) = await place.jobs()
    assert (job.state, job.error, job.ended_at, job.submitted_at) == (State.FAILED, NOBODY, NOW, NOW)
    assert told == [Happened(Event.REFUSE, job)]
    assert await place.fates() == [(NOW, Fate.FIRED, 1)]


async def test_a_schedule_with_nothing_left_to_run_is_deleted(place: Place) -> None:
    await place.add(HOURLY)
    await place.add(HOURLY, id="other")
    place.maker.gone.add("s")

    assert await place.scheduler().fire_due() == 1

    with pytest.raises(ScheduleNotFound):
        await place.schedules.get(SCOPE, KIND, "s")
    assert [schedule.id for schedule in await place.schedules.list(SCOPE, None)] == ["other"]


async def test_a_schedule_whose_job_cannot_be_made_keeps_no_other_from_firing(
    place: Place, clock: SetClock
) -> None:
    await place.add(MINUTELY, id="broken")
    await place.add(MINUTELY, id="other")
    place.maker.broken["broken"] = ValueError("a mistake of ours")
    scheduler = place.scheduler()

    first = await scheduler.fire_due()
    clock.set(minutes(1))
    second = await scheduler.fire_due()
    place.maker.broken.clear()
    mended = await scheduler.fire_due()

    assert (first, second, mended) == (1, 1, 2)
    assert len(await place.fates("broken")) == 2


async def test_a_schedule_that_cannot_be_read_keeps_no_other_from_firing(place: Place) -> None:
    await place.add(HOURLY, id="other")
    schedule = await place.add(HOURLY)
    await place.store.change_schedule(replace(schedule, configuration=b"from a later version"))

    assert await place.scheduler().fire_due() == 1


# ---- late, and too late


async def test_what_is_late_within_the_grace_fires_each_time_it_was_due(
    place: Place, clock: SetClock
) -> None:
    await place.add(MINUTELY)
    clock.set(minutes(5))

    assert await place.scheduler().fire_due() == 6

    assert await place.dues() == [minutes(number) for number in range(6)]


async def test_what_is_later_is_counted_and_listed_and_does_not_fire(place: Place, clock: SetClock) -> None:
    await place.add(MINUTELY)
    clock.set(minutes(60 * 24 * 365) + timedelta(seconds=30))

    fired = await place.scheduler().fire_due()

    missed, *rest = await place.schedules.occurrences(SCOPE, KIND, "s", before=minutes(1))
    year = 60 * 24 * 365
    assert fired == 5
    assert (missed.due, missed.fate, missed.count, missed.last) == (
        NOW,
        Fate.MISSED,
        year - 4,
        minutes(year - 5),
    )
    assert rest == []
    assert await place.dues() == [minutes(year - back) for back in (4, 3, 2, 1, 0)]


async def test_the_grace_is_over_right_after_its_end(place: Place, clock: SetClock) -> None:
    await place.add(HOURLY, minutes(1), "late")
    await place.add(HOURLY, minutes(1) - timedelta.resolution, "too late")
    clock.set(minutes(6))

    await place.scheduler().fire_due()

    assert await place.fates("late") == [(minutes(1), Fate.FIRED, 1)]
    assert await place.fates("too late") == [(minutes(1) - timedelta.resolution, Fate.MISSED, 1)]


@pytest.mark.parametrize(("catch_up", "missed"), [(1, 8), (3, 6), (8, 1), (9, 0), (20, 0)])
async def test_the_last_of_what_was_missed_may_be_caught_up_on(
    place: Place, clock: SetClock, catch_up: int, missed: int
) -> None:
    await place.add(HOURLY)
    clock.set(minutes(60 * 9 - 10))

    fired = await place.scheduler(catch_up=catch_up).fire_due()

    late = [(minutes(60 * hour), Fate.FIRED, 1) for hour in range(missed, 9)]
    assert fired == 9 - missed
    assert await place.fates() == [(NOW, Fate.MISSED, missed)] * (missed > 0) + late
    assert (await place.schedules.get(SCOPE, KIND, "s")).next_due == minutes(60 * 9)


async def test_many_may_be_caught_up_on(place: Place, clock: SetClock) -> None:
    await place.add(MINUTELY)
    clock.set(minutes(3000))

    assert await place.scheduler(catch_up=1000).fire_due() == 1006

    assert await place.dues() == [minutes(number) for number in range(1995, 3001)]


# ---- clocks that are set


async def test_a_clock_that_steps_back_fires_nothing_twice(place: Place, clock: SetClock) -> None:
    await place.add(MINUTELY)
    scheduler = place.scheduler()
    for number in range(3):
        clock.set(minutes(number))
        await scheduler.fire_due()

    clock.set(minutes(-60))
    back = await scheduler.fire_due()
    clock.set(minutes(2))
    there = await scheduler.fire_due()
    clock.set(minutes(3))
    on = await scheduler.fire_due()

    assert (back, there, on) == (0, 0, 1)
    assert await place.dues() == [minutes(number) for number in range(4)]


async def test_a_change_after_a_step_back_makes_nothing_fire_twice(place: Place, clock: SetClock) -> None:
    await place.add(MINUTELY)
    scheduler = place.scheduler()
    clock.set(minutes(3))
    await scheduler.fire_due()
    clock.set(minutes(1) - timedelta(seconds=1))

    changed = await place.schedules.replace(a_new(place.tables.named(timetable(MINUTELY)), payload=b"new"))
    fired = []
    for number in range(1, 6):
        clock.set(minutes(number))
        fired.append(await scheduler.fire_due())

    assert changed.next_due == minutes(1)
    assert fired == [0, 0, 0, 1, 1]
    assert await place.dues() == [minutes(number) for number in range(6)]


# ---- changes at the time of firing


class Interrupted(Maker):
    """Somebody changes the schedule while its job is being made."""

    def __init__(self, schedules: Schedules, configuration: bytes, *, enabled: bool) -> None:
        super().__init__()
        self._schedules = schedules
        self._change = a_new(configuration, payload=b"new", enabled=enabled)
        self.times = 1

    async def firing(self, schedule: Schedule, due: datetime) -> Firing | None:
        firing = await super().firing(schedule, due)
        if self.times:
            self.times -= 1
            await self._schedules.replace(self._change)
        return firing


@pytest.mark.parametrize(("enabled", "revisions"), [(True, ["2"]), (False, [])])
async def test_a_schedule_that_changes_as_it_fires_fires_as_it_is_then_and_once(
    place: Place, enabled: bool, revisions: list[str]
) -> None:
    schedule = await place.add(HOURLY)
    place.maker = Interrupted(place.schedules, schedule.configuration, enabled=enabled)

    await place.scheduler().fire_due()

    assert [job.labels["revision"] for job in await place.jobs()] == revisions


class Deleted(Maker):
    """Somebody deletes what the schedule runs on while its job is being made."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    async def firing(self, schedule: Schedule, due: datetime) -> Firing | None:
        firing = await super().firing(schedule, due)
        await self._place.store.close_scope(schedule.scope)
        return firing


async def test_nothing_fires_into_what_is_being_deleted(place: Place) -> None:
    await place.add(HOURLY)
    place.maker = Deleted(place)

    assert await place.scheduler().fire_due() == 0

    assert await place.jobs() == []
    assert await place.schedules.list(SCOPE, None) == []


class IntoClosed(Maker):
    """Makes jobs of a scope that takes none."""

    async def firing(self, schedule: Schedule, due: datetime) -> Firing | None:
        firing = await super().firing(schedule, due)
        assert firing is not None
        key = replace(firing.new.key, scope="core/closed")
        return Firing(new=replace(firing.new, key=key))


async def test_a_schedule_whose_jobs_have_no_place_is_deleted(place: Place) -> None:
    await place.add(HOURLY)
    await place.store.close_scope("core/closed")
    place.maker = IntoClosed()

    assert await place.scheduler().fire_due() == 0

    assert await place.schedules.list(SCOPE, None) == []


async def test_an_occurrence_whose_job_is_still_running_is_its_duplicate(
    place: Place, clock: SetClock
) -> None:
    told: list[Event] = []
    place.events.subscribe(lambda happened: told.append(happened.event))
    place.maker = OneAtATime()
    await place.add(HOURLY)
    scheduler = place.scheduler()
    await scheduler.fire_due()
    clock.set(minutes(60))

    await scheduler.fire_due()

    first, second = await place.jobs()
    assert (first.state, second.state) == (State.ACCEPTED, State.DEDUPED)
    assert second.error is not None
    assert second.error.code == DEDUPED
    assert told == [Event.SUBMIT, Event.DUPLICATE]
    assert await place.fates() == [(NOW, Fate.FIRED, 1), (minutes(60), Fate.FIRED, 1)]


class OneAtATime(Maker):
    async def firing(self, schedule: Schedule, due: datetime) -> Firing | None:
        firing = await super().firing(schedule, due)
        assert firing is not None
        return Firing(new=replace(firing.new, unique="one at a time"))


# ---- several at once


async def test_two_schedulers_on_one_store_fire_nothing_twice(tmp_path: Path, clock: SetClock) -> None:
    store = SqliteStore.open(tmp_path / "weft.db", writes_waiting=10_000)
    place = Place(store, clock)
    for number in range(20):
        await place.add(MINUTELY, id=f"s{number}")
    one, two = place.scheduler(), place.scheduler()

    fired = 0
    for number in range(30):
        clock.set(minutes(number))
        fired += sum(await asyncio.gather(one.fire_due(), two.fire_due(), one.fire_due()))

    made = [(job.labels["schedule"], job.payload) for job in await place.jobs()]
    await store.close()
    assert fired == len(made) == len(set(made)) == 20 * 30


# ---- advance


async def test_time_that_is_moved_on_passes_each_occurrence_on_the_way(place: Place, clock: SetClock) -> None:
    seen: list[datetime] = []
    place.events.subscribe(lambda happened: seen.append(clock.now()))
    await place.add(HOURLY, minutes(30))
    await place.add(MINUTELY, minutes(149.5), "then")

    fired = await place.scheduler().advance(minutes(151), clock.set)

    assert fired == 5
    assert seen == [minutes(30), minutes(90), minutes(149.5), minutes(150), minutes(150.5)]
    assert [job.submitted_at for job in await place.jobs()] == seen
    assert clock.now() == minutes(151)


async def test_what_is_due_at_the_very_end_of_the_way_fires(place: Place, clock: SetClock) -> None:
    await place.add(HOURLY, minutes(30))

    assert await place.scheduler().advance(minutes(30), clock.set) == 1


async def test_time_does_not_move_where_too_much_lies_on_the_way(place: Place, clock: SetClock) -> None:
    await place.add(MINUTELY)

    with pytest.raises(TooFarAhead) as refused:
        await place.scheduler().advance(minutes(MOST_ON_THE_WAY), clock.set)

    assert (refused.value.to, refused.value.most) == (minutes(MOST_ON_THE_WAY), MOST_ON_THE_WAY)
    assert clock.now() == NOW
    assert await place.jobs() == []


async def test_a_way_that_is_too_far_is_refused_before_all_schedules_were_counted(
    place: Place, clock: SetClock
) -> None:
    for number in range(4):
        await place.add(MINUTELY, id=f"s{number}")
    counted: list[bytes] = []
    read = place.schedules.read

    def noted(configuration: bytes) -> Timetable:
        counted.append(configuration)
        return read(configuration)

    place.schedules.read = noted

    with pytest.raises(TooFarAhead):
        await place.scheduler().advance(minutes(MOST_ON_THE_WAY * 3 // 4), clock.set)

    assert len(counted) == 2


async def test_time_stops_where_a_job_cannot_be_made(place: Place, clock: SetClock) -> None:
    await place.add(HOURLY, minutes(30))
    place.maker.broken["s"] = ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake of ours"):
        await place.scheduler().advance(minutes(300), clock.set)

    assert clock.now() == minutes(30)


async def test_time_that_has_passed_is_not_moved_back(place: Place, clock: SetClock) -> None:
    assert await place.scheduler().advance(minutes(-10), clock.set) == 0

    assert clock.now() == NOW


# ---- the loop


def test_the_loop_fires_each_occurrence_at_its_time(direct: DirectScheduleStore) -> None:
    async def main() -> list[datetime]:
        place = Place(direct, VirtualClock())
        await place.add(MINUTELY, BEGINNING + timedelta(seconds=0.7))
        loop = asyncio.create_task(place.scheduler().run())
        await asyncio.sleep(200)
        loop.cancel()
        return [job.submitted_at for job in await place.jobs()]

    fired = virtually(main())

    late = [at - (BEGINNING + timedelta(minutes=number, seconds=0.7)) for number, at in enumerate(fired)]
    assert len(fired) == 4
    assert all(timedelta(0) <= by < timedelta(milliseconds=1) for by in late)


def test_the_loop_hears_of_a_schedule_at_once(direct: DirectScheduleStore) -> None:
    async def main() -> list[datetime]:
        place = Place(direct, VirtualClock())
        loop = asyncio.create_task(place.scheduler().run())
        await asyncio.sleep(0.25)
        await place.add(HOURLY, BEGINNING - timedelta(days=1))
        await asyncio.sleep(0.01)
        loop.cancel()
        return [job.submitted_at for job in await place.jobs()]

    assert virtually(main()) == [BEGINNING + timedelta(seconds=0.25)]


def test_the_loop_notices_within_a_second_that_the_clock_was_set(direct: DirectScheduleStore) -> None:
    async def main() -> int:
        clock = SetClock()
        place = Place(direct, clock)
        await place.add(HOURLY, minutes(30))
        loop = asyncio.create_task(place.scheduler().run())
        await asyncio.sleep(10)
        clock.set(minutes(31))
        await asyncio.sleep(1.01)
        loop.cancel()
        return len(await place.jobs())

    assert virtually(main()) == 1


def test_the_loop_goes_on_when_the_store_works_again(direct: DirectScheduleStore) -> None:
    async def main() -> tuple[int, int]:
        place = Place(direct, VirtualClock())
        await place.add(HOURLY, BEGINNING + timedelta(seconds=10))
        loop = asyncio.create_task(place.scheduler().run())
        await asyncio.sleep(5)
        direct.broken = True
        await asyncio.sleep(20)
        direct.broken = False
        before = len(await place.jobs())
        await asyncio.sleep(1.01)
        loop.cancel()
        return before, len(await place.jobs())

    assert virtually(main()) == (0, 1)


def test_the_loop_tries_a_broken_schedule_again_and_counts_it_as_missed_in_the_end(
    direct: DirectScheduleStore,
) -> None:
    async def main() -> tuple[list[tuple[datetime, Fate, int]], list[tuple[datetime, Fate, int]]]:
        place = Place(direct, VirtualClock())
        await place.add(HOURLY, BEGINNING, "mended")
        await place.add(HOURLY, BEGINNING, "broken")
        for id in ("mended", "broken"):
            place.maker.broken[id] = ValueError("a mistake of ours")
        loop = asyncio.create_task(place.scheduler().run())
        await asyncio.sleep(100)
        del place.maker.broken["mended"]
        await asyncio.sleep(300)
        loop.cancel()
        return await place.fates("mended"), await place.fates("broken")

    assert virtually(main()) == ([(BEGINNING, Fate.FIRED, 1)], [(BEGINNING, Fate.MISSED, 1)])
