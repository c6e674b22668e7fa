"""What is read of a job that was written lately is what the file says, whatever has been done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.stores.builders import (
    QUEUE,
    a_claim,
    a_job,
    a_schedule,
    after,
    an_end,
    an_ended_job,
    keep,
    start,
)
from weft.engine.jobs import Job, JobKey, Progress
from weft.stores.sqlite import SqliteStore, jobs
from weft.stores.sqlite.calls import Answer, Call
from weft.stores.sqlite.lately import MOST_BYTES, Lately

Deed = Callable[[SqliteStore, Job], Awaitable[object]]


async def in_the_file(store: SqliteStore, key: JobKey) -> Job | None:
    return await store._one.call(jobs.get, key)


async def claim(store: SqliteStore, job: Job) -> object:
    return await store.claim(a_claim())


async def end(store: SqliteStore, job: Job) -> object:
    (started,) = await store.claim(a_claim())
    return await store.move(an_end(started))


async def extend(store: SqliteStore, job: Job) -> object:
    (started,) = await store.claim(a_claim())
    return await store.extend(started.worker or "", [started.number], after(500))


async def tell(store: SqliteStore, job: Job) -> object:
    (started,) = await store.claim(a_claim())
    await store.note_progress(job.key, started.epoch, Progress(1, 2, "half"))
    return None


async def expire(store: SqliteStore, job: Job) -> object:
    await store.claim(a_claim())
    return await store.expire_leases(after(1))


async def delete(store: SqliteStore, job: Job) -> object:
    await end(store, job)
    return await store.delete(job.key)


async def prune(store: SqliteStore, job: Job) -> object:
    await end(store, job)
    return await store.prune(after(10_000), 10)


async def prune_beyond(store: SqliteStore, job: Job) -> object:
    await end(store, job)
    return await store.prune_beyond(QUEUE, 0, 10)


async def close(store: SqliteStore, job: Job) -> object:
    await store.close_scope(job.key.scope)
    return None


DEEDS: dict[str, Deed] = {
    deed.__name__: deed for deed in (claim, end, extend, tell, expire, delete, prune, prune_beyond, close)
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_after_every_deed_a_job_is_read_as_the_file_has_it(store: SqliteStore, deed: str) -> None:
    job = await keep(store)

    await DEEDS[deed](store, job)

    assert await store.get(job.key) == await in_the_file(store, job.key)


async def test_a_job_that_was_written_lately_needs_no_reader(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await start(store)

    def never(*_: object) -> object:
        raise AssertionError("the reader was asked")

    monkeypatch.setattr(store._one, "call", never)

    assert await store.get(started.key) == started


async def test_a_job_that_a_schedule_made_needs_no_reader(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = await store.add_schedule(a_schedule(), most=1)
    job = await store.fire(schedule, [], None, a_job())
    assert job is not None

    monkeypatch.setattr(store, "_one", None)

    assert await store.get(job.key) == job


async def test_a_write_that_failed_leaves_nothing_to_be_believed(store: SqliteStore) -> None:
    job = await keep(store)
    lately = Lately()
    future: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
    call = Call(jobs.insert, (job,), future)

    lately.note([call], [Answer(future, job, ValueError("it was not kept"))])
    assert lately.get(job.key) is None
    lately.note([call], [Answer(future, job)])
    assert lately.get(job.key) == job
    lately.forget_all()
    assert lately.get(job.key) is None


def test_the_jobs_that_were_written_longest_ago_go_first() -> None:
    lately = Lately(most=2)
    one, two, three = (replace(a_job(), key=JobKey("s", id)) for id in "123")
    for job in (one, two, one, three):
        lately.keep(job)

    assert [lately.get(job.key) for job in (one, two, three)] == [one, None, three]


def test_a_job_with_much_to_carry_is_left_to_the_file() -> None:
    lately = Lately()
    job = a_job()
    lately.keep(job)

    lately.keep(replace(job, payload=bytes(MOST_BYTES + 1)))

    assert lately.get(job.key) is None, "nor what was known before"
    large = replace(an_ended_job(), result=bytes(MOST_BYTES + 1))
    lately.keep(large)
    assert lately.get(large.key) is None
