"""The contract of JobStore where jobs share a unique key: one lives, the others are its duplicates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.stores.builders import SCOPE, a_claim, a_job, after, an_end, an_ended_job
from weft.engine.errors import NoRoom, ScopeClosed
from weft.engine.jobs import Changes, Job, JobError, JobKey, Move, Room
from weft.engine.lifecycle import State
from weft.engine.ports import JobStore


def as_duplicate(job: Job, winner: JobKey) -> Job:
    error = JobError("Duplicate", f"{winner.scope} {winner.id}")
    return replace(job, state=State.DEDUPED, ended_at=job.submitted_at, error=error)


async def submit(store: JobStore, **given: Any) -> Job:
    kept = await store.insert(a_job(**{"unique": "u"} | given), None, as_duplicate)
    assert kept is not None
    return kept


async def test_a_job_whose_unique_key_another_one_holds_is_kept_as_its_duplicate(store: JobStore) -> None:
    winner = await submit(store)
    job = a_job(unique="u")

    kept = await store.insert(job, None, as_duplicate)

    assert kept is not None
    assert replace(kept, number=0) == as_duplicate(job, winner.key)
    assert kept.number > winner.number
    assert await store.get(job.key) == kept
    assert await store.get(winner.key) == winner


async def test_the_winner_is_found_in_any_scope_and_a_large_payload_is_kept(store: JobStore) -> None:
    winner = await submit(store, key=JobKey("core/w9/i9", "first"))

    kept = await submit(store, payload=b"x" * 5_000)

    assert kept.error == JobError("Duplicate", "core/w9/i9 first")
    assert await store.get(kept.key) == kept
    assert len(kept.payload) == 5_000
    assert await store.get(winner.key) == winner


async def test_jobs_without_a_unique_key_and_of_another_one_are_no_duplicates(store: JobStore) -> None:
    await submit(store)

    kept = [await submit(store, unique=unique) for unique in ("", "", "U", "u ", "v")]

    assert [job.state for job in kept] == [State.ACCEPTED] * 5


async def test_a_job_is_no_duplicate_of_itself(store: JobStore) -> None:
    winner = await submit(store)

    again = await store.insert(a_job(key=winner.key, unique="u"), None, as_duplicate)

    assert again is None
    assert await store.get(winner.key) == winner


async def test_a_duplicate_that_is_submitted_again_stays_what_it_is(store: JobStore) -> None:
    winner = await submit(store)
    duplicate = await submit(store)
    await store.move(Move(key=winner.key, source=winner.state, target=State.CANCELLED, changes=ENDED))

    again = await store.insert(a_job(key=duplicate.key, unique="u"), None, as_duplicate)

    assert again is None
    assert await store.get(duplicate.key) == duplicate


ENDED = Changes(ended_at=after(1), releases_lease=True)


@pytest.mark.parametrize("target", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_the_end_of_a_job_frees_its_key_in_the_same_move(store: JobStore, target: State) -> None:
    await submit(store)
    [running] = await store.claim(a_claim())
    assert (await submit(store)).state is State.DEDUPED

    moved, next_one = await asyncio.gather(
        store.move(an_end(running, target=target)), submit(store, unique="u")
    )

    assert moved is not None
    assert next_one.state is State.ACCEPTED
    assert (await submit(store)).error == JobError("Duplicate", f"{SCOPE} {next_one.key.id}")


async def test_a_job_that_waits_for_another_attempt_keeps_its_key(store: JobStore) -> None:
    await submit(store)
    [running] = await store.claim(a_claim())
    back = an_end(running, target=State.ACCEPTED, changes=Changes(releases_lease=True))
    assert await store.move(back) is not None

    assert (await submit(store)).state is State.DEDUPED


async def test_an_ended_job_takes_no_unique_key(store: JobStore) -> None:
    await store.insert(an_ended_job(unique="u"), None, as_duplicate)

    assert (await submit(store)).state is State.ACCEPTED


async def test_a_duplicate_is_refused_where_any_job_is(store: JobStore) -> None:
    await submit(store)
    await store.close_scope("closed")

    with pytest.raises(ScopeClosed):
        await submit(store, key=JobKey("closed", "j"))
    with pytest.raises(NoRoom):
        await store.insert(a_job(unique="u"), Room("core", 1), as_duplicate)

    assert len(await store.page(SCOPE, before=None, limit=9)) == 1


async def test_a_duplicate_is_not_claimed_and_takes_no_room(store: JobStore) -> None:
    winner = await submit(store)
    await submit(store)

    claimed = await store.claim(a_claim())

    assert [job.key for job in claimed] == [winner.key]
    assert await store.insert(a_job(), Room("core", 2)) is not None


async def test_a_duplicate_is_pruned_like_any_ended_job(store: JobStore) -> None:
    winner = await submit(store)
    duplicate = await submit(store)

    assert await store.prune(after(1), 10) == 1

    assert await store.get(duplicate.key) is None
    assert await store.get(winner.key) == winner


async def test_of_many_that_come_at_once_from_many_threads_one_wins_and_all_others_name_it(
    store: JobStore,
) -> None:
    def in_a_loop_of_its_own(jobs: Sequence[Job]) -> list[Job | None]:
        async def all_at_once() -> list[Job | None]:
            return await asyncio.gather(*(store.insert(job, None, as_duplicate) for job in jobs))

        return asyncio.run(all_at_once())

    jobs = [a_job(unique="u") for _ in range(20)]
    with ThreadPoolExecutor(4) as threads:
        kept = await in_threads(threads, in_a_loop_of_its_own, [jobs[n::4] for n in range(4)])

    [winner] = [job for job in kept if job.state is State.ACCEPTED]
    losers = [job for job in kept if job is not winner]
    assert len(losers) == 19
    assert {job.state for job in losers} == {State.DEDUPED}
    assert {job.error for job in losers} == {JobError("Duplicate", f"{SCOPE} {winner.key.id}")}
    assert [job.key for job in await store.live(SCOPE)] == [winner.key]


async def in_threads(
    threads: ThreadPoolExecutor, work: Callable[[Sequence[Job]], list[Job | None]], parts: list[list[Job]]
) -> list[Job]:
    loop = asyncio.get_running_loop()
    done = await asyncio.gather(*(loop.run_in_executor(threads, work, part) for part in parts))
    return [job for part in done for job in part if job is not None]
