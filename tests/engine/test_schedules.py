"""What can be asked of schedules, over the real statements of the store and a clock that is set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.direct_schedules import DirectScheduleStore
from tests.engine.scheduling import (
    HOURLY,
    KIND,
    LATER,
    MINUTELY,
    NOON,
    NOW,
    SCOPE,
    SetClock,
    Timetables,
    a_new,
    minutes,
    timetable,
    utc,
)
from weft.engine.errors import ScopeClosed
from weft.engine.schedules import Fate, Occurrence, Schedule, ScheduleNotFound, Schedules, TooManySchedules

TABLES = Timetables()
LONG_AGO = NOW - timedelta(days=3653)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectScheduleStore]:
    store = DirectScheduleStore(tmp_path / "weft.db")
    yield store
    store.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def schedules(store: DirectScheduleStore, clock: SetClock) -> Schedules:
    return Schedules(store, clock, read=TABLES.read, most=3)


def hourly(starts: datetime, ends: datetime = LATER) -> bytes:
    return TABLES.named(timetable(HOURLY, starts, ends))


# ---- add


async def test_an_added_schedule_is_due_at_its_start(schedules: Schedules) -> None:
    added = await schedules.add(a_new(hourly(minutes(5))))

    assert added.next_due == minutes(5)
    assert (added.created_at, added.revision) == (NOW, 1)
    assert await schedules.get(SCOPE, KIND, "s") == added


@pytest.mark.parametrize("starts", [NOW - timedelta.resolution, LONG_AGO])
async def test_a_schedule_that_has_begun_is_due_at_once(schedules: Schedules, starts: datetime) -> None:
    added = await schedules.add(a_new(TABLES.named(timetable(MINUTELY, starts))))

    assert added.next_due == NOW


async def test_a_schedule_that_begins_now_is_due_now(schedules: Schedules) -> None:
    assert (await schedules.add(a_new(hourly(NOW)))).next_due == NOW


async def test_a_schedule_that_has_ended_is_never_due(schedules: Schedules) -> None:
    added = await schedules.add(a_new(hourly(LONG_AGO, NOW - timedelta.resolution)))

    assert added.next_due is None
    assert await schedules.upcoming(SCOPE, KIND, "s") == []


async def test_a_disabled_schedule_is_not_due(schedules: Schedules) -> None:
    assert (await schedules.add(a_new(hourly(LONG_AGO), enabled=False))).next_due is None


async def test_a_scope_has_no_more_schedules_than_it_may_of_whatever_kind(schedules: Schedules) -> None:
    for number in range(3):
        await schedules.add(a_new(hourly(NOW), f"s{number}", kind=f"k{number}"))

    with pytest.raises(TooManySchedules):
        await schedules.add(a_new(hourly(NOW), "one more"))

    assert len(await schedules.list(SCOPE, None)) == 3


async def test_a_closed_scope_takes_no_schedule(schedules: Schedules, store: DirectScheduleStore) -> None:
    await store.close_scope(SCOPE)

    with pytest.raises(ScopeClosed):
        await schedules.add(a_new(hourly(NOW)))


# ---- get, list, delete


async def test_a_kind_is_known_in_any_case_and_reads_back_as_it_was_spelt(schedules: Schedules) -> None:
    await schedules.add(a_new(hourly(NOW), kind="RunNotebook"))

    assert (await schedules.get(SCOPE, "runnotebook", "s")).kind == "RunNotebook"
    assert [schedule.id for schedule in await schedules.list(SCOPE, "RUNNOTEBOOK")] == ["s"]


@pytest.mark.parametrize(("kind", "id"), [("other", "s"), (KIND, "t")], ids=["another kind", "another id"])
async def test_what_is_not_there_is_not_found_by_any_verb(schedules: Schedules, kind: str, id: str) -> None:
    known = await schedules.add(a_new(hourly(NOW)))

    for verb in (
        schedules.get(SCOPE, kind, id),
        schedules.delete(SCOPE, kind, id),
        schedules.upcoming(SCOPE, kind, id),
        schedules.occurrences(SCOPE, kind, id),
        schedules.replace(a_new(hourly(NOW), id, kind=kind)),
    ):
        with pytest.raises(ScheduleNotFound) as missing:
            await verb
        assert (missing.value.scope, missing.value.id) == (SCOPE, id)

    assert await schedules.get(SCOPE, KIND, "s") == known


async def test_a_deleted_schedule_is_not_found(schedules: Schedules) -> None:
    await schedules.add(a_new(hourly(NOW)))

    await schedules.delete(SCOPE, KIND.upper(), "s")

    with pytest.raises(ScheduleNotFound):
        await schedules.get(SCOPE, KIND, "s")


# ---- replace


async def test_a_replaced_schedule_is_due_next_after_now(schedules: Schedules, clock: SetClock) -> None:
    added = await schedules.add(a_new(hourly(minutes(5))))
    clock.set(minutes(1))

    changed = await schedules.replace(
        a_new(hourly(minutes(-30)), payload=b"[]", owner="u2", labels={"name": "B"}, kind=KIND.upper())
    )

    assert changed == replace(
        added,
        configuration=hourly(minutes(-30)),
        payload=b"[]",
        owner="u2",
        labels={"name": "B"},
        next_due=minutes(30),
        revision=2,
    )


async def test_a_replaced_schedule_that_has_begun_is_not_due_at_once(schedules: Schedules) -> None:
    await schedules.add(a_new(hourly(minutes(5)), enabled=False))

    changed = await schedules.replace(a_new(hourly(LONG_AGO + timedelta(minutes=7))))

    assert changed.next_due == minutes(7)


async def test_an_occurrence_that_waits_to_be_fired_is_not_lost_for_a_change(
    schedules: Schedules, clock: SetClock
) -> None:
    await schedules.add(a_new(hourly(minutes(5))))
    clock.set(minutes(5) + timedelta(milliseconds=3))

    kept = await schedules.replace(a_new(hourly(minutes(5)), payload=b"new"))
    moved = await schedules.replace(a_new(hourly(minutes(6))))

    assert (kept.payload, kept.next_due) == (b"new", minutes(5))
    assert moved.next_due == minutes(6)


async def test_a_disabled_schedule_is_due_again_when_it_is_enabled(
    schedules: Schedules, clock: SetClock
) -> None:
    await schedules.add(a_new(hourly(NOW)))
    off = await schedules.replace(a_new(hourly(NOW), enabled=False))
    clock.set(minutes(150))

    on = await schedules.replace(a_new(hourly(NOW)))

    assert (off.next_due, on.next_due) == (None, minutes(180))


class RacingStore(DirectScheduleStore):
    """Somebody else changes the schedule right after it was read, *races* times."""

    races = 0

    async def schedule(self, scope: str, id: str) -> Schedule | None:
        read = await super().schedule(scope, id)
        if self.races and read is not None:
            self.races -= 1
            await self.change_schedule(replace(read, payload=b"theirs"))
        return read


async def test_a_change_of_what_changes_meanwhile_is_made_after_it(tmp_path: Path, clock: SetClock) -> None:
    store = RacingStore(tmp_path / "weft.db")
    schedules = Schedules(store, clock, read=TABLES.read)
    await schedules.add(a_new(hourly(NOW)))
    store.races = 2

    changed = await schedules.replace(a_new(hourly(NOW), payload=b"ours"))

    assert (changed.payload, changed.revision) == (b"ours", 4)
    store.close()


# ---- upcoming


async def test_the_next_occurrences_are_told(schedules: Schedules) -> None:
    await schedules.add(a_new(TABLES.named(timetable(NOON, utc("2026-03-05"), zone="Europe/Berlin"))))

    assert await schedules.upcoming(SCOPE, KIND, "s", limit=2) == [
        utc("2026-03-05T11:00"),
        utc("2026-03-06T11:00"),
    ]
    assert await schedules.upcoming(SCOPE, KIND, "s", limit=0) == []


async def test_what_is_due_at_once_comes_next_and_then_the_timetable(schedules: Schedules) -> None:
    await schedules.add(a_new(hourly(minutes(-30))))

    assert await schedules.upcoming(SCOPE, KIND, "s", limit=3) == [NOW, minutes(30), minutes(90)]


async def test_what_is_too_late_to_be_fired_does_not_come_next(schedules: Schedules, clock: SetClock) -> None:
    await schedules.add(a_new(hourly(NOW)))
    clock.set(minutes(64))
    still = await schedules.upcoming(SCOPE, KIND, "s", limit=2)

    clock.set(minutes(66))

    assert still == [minutes(60), minutes(120)]
    assert await schedules.upcoming(SCOPE, KIND, "s", limit=2) == [minutes(120), minutes(180)]


# ---- those who wait, and old occurrences


async def test_whoever_watches_is_woken_by_each_change(schedules: Schedules) -> None:
    with schedules.watch() as changed:
        await schedules.add(a_new(hourly(NOW)))
        after_add = changed.is_set()
        changed.clear()
        await schedules.replace(a_new(hourly(NOW)))

        assert (after_add, changed.is_set()) == (True, True)


async def test_old_occurrences_are_pruned(
    schedules: Schedules, store: DirectScheduleStore, clock: SetClock
) -> None:
    schedule = await schedules.add(a_new(hourly(NOW)))
    for hour in range(5):
        missed = Occurrence(due=minutes(60 * hour), fate=Fate.MISSED)
        await store.fire(schedule, [missed], minutes(60 * hour + 60))
        schedule = replace(schedule, next_due=minutes(60 * hour + 60))
    clock.set(minutes(60 * 24))

    await schedules.prune(older_than=timedelta(hours=21), batch=1)

    left = await schedules.occurrences(SCOPE, KIND, "s")
    assert [one.due for one in left] == [minutes(240), minutes(180)]
