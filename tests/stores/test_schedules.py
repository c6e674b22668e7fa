"""The contract of ScheduleStore: what every store does with schedules and their occurrences."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.stores.builders import SCOPE, a_job, a_schedule, after, an_ended_job, keep
from tests.stores.conftest import Store
from weft.engine.errors import JobConflict, ScopeClosed
from weft.engine.jobs import Job, JobError, JobKey
from weft.engine.lifecycle import State
from weft.engine.schedules import Fate, Occurrence, Schedule, TooManySchedules

MOST = 20


async def kept(store: Store, id: str = "s1", **given: Any) -> Schedule:
    return await store.add_schedule(a_schedule(id, **given), most=MOST)


def fired(due: datetime, job: Job | None = None) -> Occurrence:
    return Occurrence(due=due, fate=Fate.FIRED, job="j" if job is None else job.key.id)


async def fire(store: Store, schedule: Schedule, job: Job, next_due: datetime | None = None) -> Job | None:
    """Fire the next occurrence as *job*."""
    assert schedule.next_due is not None
    return await store.fire(schedule, [fired(schedule.next_due, job)], next_due, job, as_duplicate)


def as_duplicate(job: Job, winner: JobKey) -> Job:
    ended = replace(job, state=State.DEDUPED, ended_at=job.submitted_at)
    return replace(ended, error=JobError("Duplicate", winner.id))


async def all_occurrences(store: Store, schedule: Schedule) -> list[Occurrence]:
    return list(await store.occurrences(schedule.scope, schedule.id, before=None, limit=100))


# ---- add, get, list, change, delete


async def test_an_added_schedule_is_read_back_as_it_was(store: Store) -> None:
    schedule = a_schedule()

    added = await store.add_schedule(schedule, most=MOST)

    assert added == replace(schedule, number=added.number)
    assert added.number > 0
    assert await store.schedule(SCOPE, "s1") == added


async def test_a_schedule_without_a_next_occurrence_is_read_back_as_it_was(store: Store) -> None:
    added = await kept(store, enabled=False, next_due=None, payload=b"", labels={})

    assert await store.schedule(SCOPE, "s1") == added
    assert await store.next_due() is None


async def test_another_scope_has_no_such_schedule(store: Store) -> None:
    await kept(store)

    assert await store.schedule("core/w1/other", "s1") is None
    assert await store.schedule(SCOPE, "s2") is None


async def test_a_scope_has_no_more_schedules_than_it_may(store: Store) -> None:
    await kept(store, "s1")
    await store.add_schedule(a_schedule("s2"), most=2)

    with pytest.raises(TooManySchedules) as refused:
        await store.add_schedule(a_schedule("s3"), most=2)

    assert (refused.value.scope, refused.value.most) == (SCOPE, 2)
    assert await store.schedule(SCOPE, "s3") is None
    assert (await store.add_schedule(a_schedule("s3", scope="core/w1/other"), most=2)).number > 0


async def test_many_who_add_at_once_add_no_more_than_may_be(store: Store) -> None:
    added = await asyncio.gather(
        *(store.add_schedule(a_schedule(f"s{number}"), most=3) for number in range(10)),
        return_exceptions=True,
    )

    assert sum(isinstance(one, Schedule) for one in added) == 3
    assert len(await store.schedules(SCOPE, None, after=0, limit=100)) == 3


async def test_a_closed_scope_takes_no_schedule(store: Store) -> None:
    await store.close_scope("core/w1")

    with pytest.raises(ScopeClosed):
        await kept(store)

    assert await store.schedule(SCOPE, "s1") is None


async def test_schedules_are_listed_oldest_first_by_kind_and_from_a_number_on(store: Store) -> None:
    one, two, three = [await kept(store, id, kind=kind) for id, kind in (("b", "x"), ("a", "y"), ("c", "X"))]

    assert await store.schedules(SCOPE, None, after=0, limit=10) == [one, two, three]
    assert await store.schedules(SCOPE, "x", after=0, limit=10) == [one, three]
    assert await store.schedules(SCOPE, "x", after=one.number, limit=10) == [three]
    assert await store.schedules(SCOPE, None, after=0, limit=2) == [one, two]
    assert await store.schedules("core/w1/other", None, after=0, limit=10) == []


async def test_a_change_replaces_all_that_may_change(store: Store) -> None:
    known = await kept(store)
    changed = replace(
        known,
        enabled=False,
        configuration=b"{}",
        payload=b"",
        owner="u2",
        labels={"a": "b"},
        next_due=None,
    )

    written = await store.change_schedule(changed)

    assert written == replace(changed, revision=2)
    assert await store.schedule(SCOPE, "s1") == written


async def test_a_change_of_what_was_changed_meanwhile_changes_nothing(store: Store) -> None:
    known = await kept(store)
    written = await store.change_schedule(replace(known, owner="u2"))

    assert await store.change_schedule(replace(known, owner="u3")) is None

    assert await store.schedule(SCOPE, "s1") == written


async def test_a_deleted_schedule_is_gone_with_its_occurrences(store: Store) -> None:
    schedule = await kept(store)
    other = await kept(store, "s2")
    await fire(store, schedule, a_job(), after(120))

    assert await store.delete_schedule(SCOPE, "s1")

    assert not await store.delete_schedule(SCOPE, "s1")
    assert await store.schedule(SCOPE, "s1") is None
    assert await store.schedules(SCOPE, None, after=0, limit=10) == [other]
    assert await store.occurrences(SCOPE, "s1", before=None, limit=10) == []


async def test_closing_a_scope_deletes_the_schedules_of_it_and_below(store: Store) -> None:
    for scope in ("core/w1", "core/w1/i1", "core/w1/i1/x", "core/w10", "core/w2/i1"):
        await kept(store, scope=scope)

    await store.close_scope("core/w1")

    left = await store.due_schedules(after(100), 10)
    assert [schedule.scope for schedule in left] == ["core/w10", "core/w2/i1"]
    assert [await store.schedule(scope, "s1") for scope in ("core/w1", "core/w1/i1")] == [None, None]


# ---- what is due


async def test_what_is_due_comes_in_the_order_of_its_time(store: Store) -> None:
    late, early = await kept(store, "late", next_due=after(2)), await kept(store, "early", next_due=after(1))
    same = await kept(store, "same", next_due=after(2))
    await kept(store, "later", next_due=after(3))
    await kept(store, "disabled", enabled=False, next_due=None)

    assert await store.due_schedules(after(2), 10) == [early, late, same]
    assert await store.due_schedules(after(2), 1) == [early]
    assert await store.due_schedules(after(0.999999), 10) == []
    assert await store.next_due() == after(1)


# ---- fire


async def test_a_fired_occurrence_is_a_job_and_the_next_one_is_due(store: Store) -> None:
    schedule = await kept(store)
    job = a_job()

    made = await fire(store, schedule, job, after(120))

    assert made is not None
    assert made == replace(job, number=made.number)
    assert await store.get(job.key) == made
    assert list(await store.page(SCOPE, before=None, limit=10)) == [made]
    assert await store.schedule(SCOPE, "s1") == replace(schedule, next_due=after(120))
    assert await all_occurrences(store, schedule) == [fired(after(60), job)]


async def test_the_last_occurrence_leaves_nothing_due(store: Store) -> None:
    schedule = await kept(store)

    await fire(store, schedule, a_job(), None)

    assert await store.next_due() is None


async def test_an_occurrence_fires_once_whoever_tries(store: Store) -> None:
    schedule = await kept(store)
    jobs = [a_job() for _ in range(20)]

    made = await asyncio.gather(*(fire(store, schedule, job, after(120)) for job in jobs))

    assert sum(job is not None for job in made) == 1
    assert len(await store.page(SCOPE, before=None, limit=100)) == 1


@pytest.mark.parametrize(
    "change", [{"enabled": False, "next_due": None}, {"payload": b"new"}], ids=["disabled", "edited"]
)
async def test_a_schedule_that_has_changed_does_not_fire_as_it_was(
    store: Store, change: dict[str, Any]
) -> None:
    schedule = await kept(store)
    changed = await store.change_schedule(replace(schedule, **change))

    assert await fire(store, schedule, a_job(), after(120)) is None

    assert await store.page(SCOPE, before=None, limit=10) == []
    assert await all_occurrences(store, schedule) == []
    assert await store.schedule(SCOPE, "s1") == changed


async def test_a_deleted_schedule_does_not_fire(store: Store) -> None:
    schedule = await kept(store)
    await store.delete_schedule(SCOPE, "s1")

    assert await fire(store, schedule, a_job(), after(120)) is None

    assert await store.page(SCOPE, before=None, limit=10) == []


async def test_an_occurrence_that_is_known_is_passed_over(store: Store) -> None:
    schedule = await kept(store)
    first = a_job()
    await fire(store, schedule, first, after(120))
    again = await store.change_schedule(schedule)
    assert again is not None

    assert await fire(store, again, a_job(), after(180)) is None

    assert [job.key for job in await store.page(SCOPE, before=None, limit=10)] == [first.key]
    assert await all_occurrences(store, schedule) == [fired(after(60), first)]
    assert await store.next_due() == after(180)


async def test_who_comes_late_to_an_occurrence_does_not_set_the_schedule_back(store: Store) -> None:
    schedule = await kept(store)
    await fire(store, schedule, a_job(), after(120))
    await fire(store, replace(schedule, next_due=after(120)), a_job(), after(180))

    assert await fire(store, schedule, a_job(), after(120)) is None

    assert await store.next_due() == after(180)


async def test_a_firing_whose_twin_lives_is_kept_as_its_duplicate(store: Store) -> None:
    schedule = await kept(store)
    twin = await keep(store, unique="one at a time")

    made = await fire(store, schedule, a_job(unique="one at a time"), after(120))

    assert made is not None
    assert (made.state, made.error) == (State.DEDUPED, JobError("Duplicate", twin.key.id))
    assert await all_occurrences(store, schedule) == [fired(after(60), made)]


async def test_a_firing_that_may_not_run_is_kept_as_it_ended(store: Store) -> None:
    schedule = await kept(store)
    failed = an_ended_job(state=State.FAILED, error=JobError("OwnerMissing", "u1 is gone"))

    made = await fire(store, schedule, failed, after(120))

    assert made is not None
    assert await store.get(failed.key) == made == replace(failed, number=made.number)


async def test_a_large_payload_comes_with_the_job_of_a_firing(store: Store) -> None:
    schedule = await kept(store)
    job = a_job(payload=b"x" * 100_000)

    await fire(store, schedule, job, after(120))

    page = await store.page(SCOPE, before=None, limit=1)
    assert page[0].payload == job.payload


async def test_a_firing_into_a_closed_scope_keeps_nothing(store: Store) -> None:
    schedule = await kept(store)
    await store.close_scope("core/gone")

    with pytest.raises(ScopeClosed):
        await fire(store, schedule, a_job(key=JobKey("core/gone", "j")), after(120))

    assert await store.schedule(SCOPE, "s1") == schedule
    assert await all_occurrences(store, schedule) == []


async def test_a_firing_under_a_key_that_is_taken_keeps_nothing(store: Store) -> None:
    schedule = await kept(store)
    known = await keep(store)

    with pytest.raises(JobConflict):
        await fire(store, schedule, a_job(key=known.key), after(120))

    assert await store.get(known.key) == known
    assert await store.schedule(SCOPE, "s1") == schedule
    assert await all_occurrences(store, schedule) == []


async def test_missed_occurrences_are_one_row_and_no_job(store: Store) -> None:
    schedule = await kept(store)
    missed = Occurrence(due=after(60), fate=Fate.MISSED, count=525_600, last=after(31_536_000))

    assert await store.fire(schedule, [missed], after(31_536_060)) is None

    assert await all_occurrences(store, schedule) == [missed]
    assert await store.page(SCOPE, before=None, limit=10) == []
    assert await store.next_due() == after(31_536_060)


# ---- occurrences


async def fired_many(store: Store, times: int) -> Schedule:
    schedule = await kept(store)
    for number in range(1, times + 1):
        await fire(store, schedule, a_job(), after((number + 1) * 60))
        schedule = replace(schedule, next_due=after((number + 1) * 60))
    return schedule


async def test_occurrences_are_listed_latest_first_and_before_an_instant(store: Store) -> None:
    await fired_many(store, 4)

    async def dues(before: datetime | None, limit: int) -> list[datetime]:
        return [one.due for one in await store.occurrences(SCOPE, "s1", before=before, limit=limit)]

    assert await dues(None, 2) == [after(240), after(180)]
    assert await dues(after(180), 10) == [after(120), after(60)]
    assert await store.occurrences("core/w1/other", "s1", before=None, limit=10) == []


async def test_old_occurrences_are_pruned_some_at_a_time(store: Store) -> None:
    schedule = await fired_many(store, 5)

    pruned = [await store.prune_occurrences(after(240), 2) for _ in range(3)]

    assert pruned == [2, 1, 0]
    assert [one.due for one in await all_occurrences(store, schedule)] == [after(300), after(240)]
    assert await store.schedule(SCOPE, "s1") == schedule
