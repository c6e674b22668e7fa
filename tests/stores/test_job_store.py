"""The contract of JobStore: what every store does with jobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.stores.builders import (
    LEASE,
    NOW,
    QUEUE,
    SCOPE,
    a_claim,
    a_job,
    after,
    an_end,
    an_ended_job,
    keep,
    start,
)
from weft.engine.errors import NoRoom, ScopeClosed
from weft.engine.jobs import Changes, ErrorDetail, JobError, JobKey, LogLine, Move, Progress, Room, WhenLost
from weft.engine.lifecycle import State
from weft.engine.ports import JobStore

# ---- insert and get


async def test_an_inserted_job_is_read_back_as_it_was(store: JobStore) -> None:
    job = a_job()

    kept = await store.insert(job)

    assert kept is not None
    assert kept.number > 0
    assert replace(kept, number=0) == job
    assert await store.get(job.key) == kept


async def test_every_column_of_a_job_is_kept(store: JobStore) -> None:
    error = JobError(
        "E1", "text ☃", "User", True, ("a", "b"), (ErrorDetail("D1", "detail", ("p",), (("k", "v"),)),)
    )
    job = an_ended_job(
        state=State.FAILED,
        started_at=after(1),
        ended_at=after(2),
        cancel_requested_at=after(3),
        cancel_requested_by="u2",
        attempt=3,
        epoch=4,
        worker="worker-9",
        lease_until=after(4),
        send_deadline=after(5),
        when_lost=WhenLost.ADOPT,
        result=b"\x00\x01",
        error=error,
        progress=Progress(1.5, 3.0, "half"),
        unique="one at a time",
        losses=2,
    )

    kept = await store.insert(job)

    assert kept is not None
    assert await store.get(job.key) == kept
    assert replace(kept, number=0) == job


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 5_000, 1_048_576])
async def test_a_payload_of_any_size_comes_back_from_every_verb(store: JobStore, size: int) -> None:
    payload = bytes(number % 256 for number in range(size))

    kept = await keep(store, payload=payload, when_lost=WhenLost.ADOPT)

    claimed = await store.claim(a_claim(lease_until=NOW))
    adopted = await store.adopt(a_claim(source=State.RUNNING, target=State.RUNNING))
    moved = await store.move(an_end(adopted[0]))
    got = await store.get(kept.key)
    assert moved is not None
    assert got is not None
    jobs = [kept, *claimed, *adopted, moved, got, *await store.page(SCOPE, before=None, limit=10)]
    assert [job.payload == payload for job in jobs] == [True] * 6


async def test_an_unknown_job_is_none(store: JobStore) -> None:
    await keep(store, key=JobKey(SCOPE, "known"))

    assert await store.get(JobKey(SCOPE, "unknown")) is None
    assert await store.get(JobKey("core/w1/i2", "known")) is None


async def test_a_taken_key_changes_nothing(store: JobStore) -> None:
    kept = await keep(store)

    again = await store.insert(a_job(key=kept.key, payload=b"other"))

    assert again is None
    assert await store.get(kept.key) == kept


async def test_one_id_names_another_job_in_another_scope(store: JobStore) -> None:
    first = await keep(store, key=JobKey("core/w1/i1", "j"))
    second = await keep(store, key=JobKey("core/w1/i2", "j"))

    assert first.number != second.number
    assert await store.get(second.key) == second


async def test_an_id_is_found_in_every_scope_that_has_it(store: JobStore) -> None:
    for scope in ("a/1", "a/2", "b/1"):
        await keep(store, key=JobKey(scope, "x" if scope != "a/2" else "y"))

    assert sorted(await store.scopes("x")) == ["a/1", "b/1"]
    assert await store.scopes("z") == []


async def test_of_many_inserts_of_one_key_one_wins(store: JobStore) -> None:
    job = a_job()

    results = await asyncio.gather(*(store.insert(job) for _ in range(50)))

    assert sum(result is not None for result in results) == 1


async def test_numbers_grow_with_each_submit_and_are_never_used_again(store: JobStore) -> None:
    first = await keep(store)
    second = await store.insert(an_ended_job())
    assert second is not None
    await store.prune(after(1), 10)

    third = await keep(store)

    assert first.number < second.number < third.number


# ---- closed scopes


@pytest.mark.parametrize("closed", ["a", "a/b", "a/b/c"])
async def test_a_closed_scope_takes_no_job_of_its_own_or_below(store: JobStore, closed: str) -> None:
    await store.close_scope(closed)
    job = a_job(key=JobKey("a/b/c", "j"))

    with pytest.raises(ScopeClosed) as refused:
        await store.insert(job)

    assert refused.value.scope == "a/b/c"
    assert await store.get(job.key) is None


@pytest.mark.parametrize("closed", ["a/b/c/d", "a/b/cc", "a/x", "b", ""])
async def test_other_scopes_stay_open(store: JobStore, closed: str) -> None:
    await store.close_scope(closed)

    await keep(store, key=JobKey("a/b/c", "j"))


async def test_a_closed_scope_refuses_a_known_key_too(store: JobStore) -> None:
    kept = await keep(store)
    await store.close_scope(SCOPE)

    with pytest.raises(ScopeClosed):
        await store.insert(a_job(key=kept.key))

    assert await store.get(kept.key) == kept


async def test_closing_a_scope_again_is_no_error(store: JobStore) -> None:
    await store.close_scope("a")

    await store.close_scope("a")


# ---- page and live


async def test_a_page_is_newest_first(store: JobStore) -> None:
    kept = [await keep(store) for _ in range(3)]

    assert list(await store.page(SCOPE, before=None, limit=10)) == kept[::-1]


async def test_pages_meet_without_gap_or_overlap(store: JobStore) -> None:
    kept = [await keep(store) for _ in range(5)]
    seen: list[int] = []

    before = None
    while page := await store.page(SCOPE, before=before, limit=2):
        seen += [job.number for job in page]
        before = page[-1].number

    assert seen == [job.number for job in reversed(kept)]


async def test_oldest_first_is_the_other_way_round_and_goes_on_from_a_number(store: JobStore) -> None:
    kept = [await keep(store) for _ in range(3)]
    await keep(store, key=JobKey("core/w1/i2", "j"))

    assert list(await store.oldest_first(SCOPE, after=0, limit=2)) == kept[:2]
    assert list(await store.oldest_first(SCOPE, after=kept[1].number, limit=2)) == kept[2:]


async def test_a_family_without_room_takes_no_job_and_says_so_before_it_looks_at_the_key(
    store: JobStore,
) -> None:
    room = Room("bulk", 1)
    first = await store.insert(a_job(key=JobKey("bulk/imports", "a")), room)
    assert first is not None

    for key in (JobKey("bulk/deletions", "b"), first.key):
        with pytest.raises(NoRoom):
            await store.insert(a_job(key=key), room)

    assert await store.get(JobKey("bulk/deletions", "b")) is None
    assert await store.get(first.key) == first


async def test_jobs_that_have_ended_or_are_of_another_family_take_no_room(store: JobStore) -> None:
    await store.insert(an_ended_job(key=JobKey("bulk/imports", "a")))
    for scope in ("bulk", "bulkier/x", "other"):
        await store.insert(a_job(key=JobKey(scope, "j")))

    assert await store.insert(a_job(key=JobKey("bulk/imports", "b")), Room("bulk", 1)) is not None


async def test_of_many_inserts_into_one_room_one_wins(store: JobStore) -> None:
    jobs = [a_job(key=JobKey("bulk/imports", f"j{number}")) for number in range(20)]

    kept = await asyncio.gather(*(store.insert(job, Room("bulk", 1)) for job in jobs), return_exceptions=True)

    assert sum(isinstance(one, NoRoom) for one in kept) == 19


async def test_an_ended_job_is_deleted_and_its_key_is_free(store: JobStore) -> None:
    ended = await store.insert(an_ended_job(payload=b"x" * 5000))
    assert ended is not None

    assert await store.delete(ended.key)

    assert await store.get(ended.key) is None
    assert not await store.delete(ended.key)
    again = await store.insert(a_job(key=ended.key))
    assert again is not None
    assert again.number > ended.number


async def test_a_job_that_lives_is_not_deleted(store: JobStore) -> None:
    kept = await keep(store)

    assert not await store.delete(kept.key)
    assert await store.get(kept.key) == kept


async def test_a_page_holds_no_job_of_another_scope(store: JobStore) -> None:
    mine = await keep(store)
    for scope in ("core/w1", "core/w1/i11", "core/w1/i1/x", "core/w2/i1"):
        await keep(store, key=JobKey(scope, "j"))

    assert list(await store.page(SCOPE, before=None, limit=10)) == [mine]


async def test_live_jobs_are_those_of_the_scope_and_below_that_have_not_ended(store: JobStore) -> None:
    wanted = [
        await keep(store, key=JobKey("a/b", "1")),
        await keep(store, key=JobKey("a/b/c", "2")),
        await start(store, key=JobKey("a/b/c/d", "3")),
    ]
    for scope in ("a", "a/bb", "a/b0", "a/b-", "b/a/b"):
        await keep(store, key=JobKey(scope, "j"))
    await store.insert(an_ended_job(key=JobKey("a/b/c", "ended")))

    live = await store.live("a/b")

    assert sorted(job.key.id for job in live) == [job.key.id for job in wanted]


# ---- claim


async def test_a_claim_gives_the_job_to_the_worker_under_a_new_epoch(store: JobStore) -> None:
    kept = await keep(store)

    claimed = await store.claim(a_claim(now=after(1), lease_until=after(31)))

    expected = replace(
        kept,
        state=State.RUNNING,
        worker="worker-1",
        lease_until=after(31),
        epoch=1,
        attempt=1,
        started_at=after(1),
    )
    assert list(claimed) == [expected]
    assert await store.get(kept.key) == expected


async def test_a_claim_that_does_not_start_the_work_counts_no_attempt(store: JobStore) -> None:
    await keep(store)

    [claimed] = await store.claim(a_claim(target=State.DISPATCHING, starts=False))

    assert claimed.state is State.DISPATCHING
    assert claimed.epoch == 1
    assert claimed.attempt == 0
    assert claimed.started_at is None


async def test_the_oldest_jobs_are_claimed_first_and_in_order(store: JobStore) -> None:
    last = await keep(store, available_at=NOW)
    first = await keep(store, available_at=after(-2))
    second = await keep(store, available_at=after(-1))

    two = await store.claim(a_claim(limit=2))
    one = await store.claim(a_claim(limit=2))

    assert [job.key for job in two] == [first.key, second.key]
    assert [job.key for job in one] == [last.key]


async def test_jobs_of_one_instant_are_claimed_by_number(store: JobStore) -> None:
    kept = [await keep(store) for _ in range(20)]

    claimed = await store.claim(a_claim(limit=10))

    assert [job.key for job in claimed] == [job.key for job in kept[:10]]


async def test_a_job_that_was_never_put_off_is_due_though_the_clock_stepped_back(store: JobStore) -> None:
    kept = await keep(store, submitted_at=after(3600), available_at=after(3600))

    claimed = await store.claim(a_claim(now=NOW))

    assert [job.key for job in claimed] == [kept.key]


async def test_a_job_is_claimed_when_it_is_due_and_not_before(store: JobStore) -> None:
    kept = await keep(store, submitted_at=NOW, available_at=after(10))

    early = await store.claim(a_claim(now=after(10) - timedelta(microseconds=1)))
    due = await store.claim(a_claim(now=after(10)))

    assert list(early) == []
    assert [job.key for job in due] == [kept.key]


async def test_a_claim_takes_only_jobs_of_its_queue_and_source(store: JobStore) -> None:
    await keep(store, queue="workload")
    await store.insert(an_ended_job())

    assert list(await store.claim(a_claim())) == []


async def test_no_job_is_claimed_twice(store: JobStore) -> None:
    for _ in range(60):
        await keep(store)

    claims = await asyncio.gather(*(store.claim(a_claim(worker=f"w{n}", limit=7)) for n in range(20)))

    keys = [job.key for jobs in claims for job in jobs]
    assert len(keys) == len(set(keys)) == 60


# ---- move


async def test_a_move_writes_the_target_and_its_changes(store: JobStore) -> None:
    running = await start(store)
    error = JobError("E", "why")
    changes = Changes(ended_at=after(2), releases_lease=True, error=error)

    moved = await store.move(an_end(running, target=State.FAILED, changes=changes))

    expected = replace(
        running, state=State.FAILED, ended_at=after(2), worker=None, lease_until=None, error=error
    )
    assert moved == expected
    assert await store.get(running.key) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": State.ACCEPTED},
        {"epoch": 0},
        {"epoch": 2},
        {"cancel_requested": True},
        {"key": JobKey(SCOPE, "unknown")},
        {"key": JobKey("core/w1/i2", "moved")},
    ],
    ids=lambda wrong: str(next(iter(wrong))),
)
async def test_a_move_misses_where_something_named_no_longer_holds(
    store: JobStore, wrong: dict[str, object]
) -> None:
    running = await start(store, key=JobKey(SCOPE, "moved"))

    moved = await store.move(an_end(running, **wrong))

    assert moved is None
    assert await store.get(running.key) == running


async def test_a_move_that_believes_in_no_cancel_misses_once_there_is_one(store: JobStore) -> None:
    running = await start(store)
    wish = Changes(cancel_requested_at=after(1), cancel_requested_by="u2")
    cancelled = await store.move(
        Move(key=running.key, source=State.RUNNING, target=State.RUNNING, changes=wish)
    )

    missed = await store.move(an_end(running, cancel_requested=False))
    hit = await store.move(an_end(running, cancel_requested=True))

    assert cancelled == replace(running, cancel_requested_at=after(1), cancel_requested_by="u2")
    assert missed is None
    assert hit is not None


async def test_of_many_moves_from_one_state_one_wins(store: JobStore) -> None:
    running = await start(store)

    moves = await asyncio.gather(*(store.move(an_end(running)) for _ in range(30)))

    assert sum(moved is not None for moved in moves) == 1


async def test_an_ended_job_never_moves_again(store: JobStore) -> None:
    running = await start(store)
    ended = await store.move(an_end(running))
    assert ended is not None

    moved = await store.move(an_end(ended, target=State.FAILED, epoch=None))

    assert moved is None
    assert await store.get(running.key) == ended


async def test_start_end_and_cancel_are_set_once(store: JobStore) -> None:
    running = await start(store)
    first = Changes(started_at=after(5), cancel_requested_at=after(6), cancel_requested_by="first")
    second = Changes(started_at=after(7), cancel_requested_at=after(8), cancel_requested_by="second")
    same_state = Move(key=running.key, source=State.RUNNING, target=State.RUNNING)

    await store.move(replace(same_state, changes=first))
    moved = await store.move(replace(same_state, changes=second))

    assert moved is not None
    assert moved.started_at == running.started_at
    assert moved.cancel_requested_at == after(6)
    assert moved.cancel_requested_by == "first"


async def test_who_cancelled_is_not_filled_in_by_a_later_cancel(store: JobStore) -> None:
    running = await start(store)
    same_state = Move(key=running.key, source=State.RUNNING, target=State.RUNNING)
    await store.move(replace(same_state, changes=Changes(cancel_requested_at=after(1))))

    later = Changes(cancel_requested_at=after(2), cancel_requested_by="later")
    moved = await store.move(replace(same_state, changes=later))

    assert moved is not None
    assert moved.cancel_requested_by is None


async def test_the_send_deadline_is_the_latest_of_all(store: JobStore) -> None:
    running = await start(store)
    deadlines = []

    for deadline in (None, after(20), after(10), None, after(30)):
        moved = await store.move(
            Move(
                key=running.key,
                source=State.RUNNING,
                target=State.RUNNING,
                changes=Changes(send_deadline=deadline),
            )
        )
        assert moved is not None
        deadlines.append(moved.send_deadline)

    assert deadlines == [None, after(20), after(20), after(20), after(30)]


async def test_a_move_counts_an_attempt_where_it_says_so(store: JobStore) -> None:
    running = await start(store)

    moved = await store.move(
        Move(key=running.key, source=State.RUNNING, target=State.RUNNING, changes=Changes(adds_attempt=True))
    )

    assert moved == replace(running, attempt=2)


async def test_a_requeued_job_keeps_nothing_of_its_lease_and_its_former_owner_writes_nothing(
    store: JobStore,
) -> None:
    running = await start(store)
    changes = Changes(available_at=after(5), releases_lease=True)

    back = await store.move(an_end(running, target=State.ACCEPTED, changes=changes))

    assert back == replace(
        running, state=State.ACCEPTED, available_at=after(5), worker=None, lease_until=None
    )
    assert list(await store.extend("worker-1", [running.number], after(99))) == []
    [again] = await store.claim(a_claim(now=after(5), worker="worker-2"))
    assert (again.epoch, again.attempt, again.started_at) == (2, 2, running.started_at)
    assert await store.move(an_end(running)) is None


# ---- leases


async def test_a_worker_extends_what_it_names_and_holds_and_nothing_else(store: JobStore) -> None:
    mine = [await start(store), await start(store)]
    forgotten = await start(store)
    await keep(store)
    [other] = await store.claim(a_claim(worker="worker-2"))

    held = await store.extend("worker-1", [*(job.number for job in mine), other.number, 10**9], after(60))

    assert sorted(held, key=lambda pair: pair[0].id) == sorted(
        ((job.key, job.epoch) for job in mine), key=lambda pair: pair[0].id
    )
    extended = await store.get(mine[0].key)
    assert extended is not None
    assert extended.lease_until == after(60)
    assert await store.get(other.key) == other
    assert await store.get(forgotten.key) == forgotten


async def test_an_ended_job_is_no_longer_held(store: JobStore) -> None:
    running = await start(store)
    await store.move(an_end(running))

    assert list(await store.extend("worker-1", [running.number], after(60))) == []


async def test_a_worker_hears_which_of_its_jobs_are_to_be_cancelled(store: JobStore) -> None:
    cancelled, _ = await start(store), await start(store)
    wish = Changes(cancel_requested_at=after(1))
    await store.move(Move(key=cancelled.key, source=State.RUNNING, target=State.RUNNING, changes=wish))

    assert list(await store.cancel_requests("worker-1")) == [cancelled.key]
    assert list(await store.cancel_requests("worker-2")) == []


async def test_a_job_is_lost_when_its_lease_has_run_out_and_not_before(store: JobStore) -> None:
    running = await start(store)

    early = await store.lost(NOW + LEASE - timedelta(microseconds=1), 10)
    late = await store.lost(NOW + LEASE, 10)

    assert list(early) == []
    assert list(late) == [running]


async def test_a_job_whose_work_goes_on_elsewhere_is_adopted_and_never_lost(store: JobStore) -> None:
    running = await start(store, when_lost=WhenLost.ADOPT)
    now = NOW + LEASE
    adoption = a_claim(
        source=State.RUNNING, worker="worker-2", now=now, lease_until=now + LEASE, starts=False
    )

    lost = await store.lost(now, 10)
    adopted = await store.adopt(adoption)

    assert list(lost) == []
    expected = replace(running, worker="worker-2", lease_until=now + LEASE, epoch=running.epoch + 1)
    assert list(adopted) == [expected]
    assert await store.get(running.key) == expected
    assert await store.move(an_end(running)) is None


@pytest.mark.parametrize(
    "other",
    [{"source": State.DISPATCHING}, {"queue": "workload"}, {"now": after(29)}],
    ids=lambda other: str(next(iter(other))),
)
async def test_an_adoption_takes_only_what_it_names(store: JobStore, other: dict[str, object]) -> None:
    running = await start(store, when_lost=WhenLost.ADOPT)
    adoption = a_claim(source=State.RUNNING, now=NOW + LEASE, worker="worker-2", starts=False)

    assert list(await store.adopt(replace(adoption, **other))) == []  # type: ignore[arg-type] # any field
    assert await store.get(running.key) == running


async def test_a_job_that_is_not_to_be_adopted_is_not(store: JobStore) -> None:
    await start(store, when_lost=WhenLost.RESTART)

    adopted = await store.adopt(a_claim(source=State.RUNNING, now=NOW + LEASE, worker="worker-2"))

    assert list(adopted) == []


@pytest.mark.parametrize("limit", [1, 2])
async def test_no_more_jobs_are_lost_or_adopted_than_asked_for(store: JobStore, limit: int) -> None:
    for when_lost in (WhenLost.FAIL, WhenLost.ADOPT) * 3:
        await start(store, when_lost=when_lost)
    now = NOW + LEASE

    lost = await store.lost(now, limit)
    adopted = await store.adopt(a_claim(source=State.RUNNING, now=now, limit=limit))

    assert len(lost) == len(adopted) == limit


async def test_all_leases_end_at_once(store: JobStore) -> None:
    first, second = await start(store), await start(store)
    await keep(store)

    ended = await store.expire_leases(after(1))

    assert ended == 2
    lost = await store.lost(after(1), 10)
    assert sorted(job.number for job in lost) == [first.number, second.number]


# ---- prune


async def test_jobs_that_ended_before_are_pruned_oldest_first(store: JobStore) -> None:
    for seconds in (3, 1, 2):
        await store.insert(an_ended_job(key=JobKey(SCOPE, f"e{seconds}"), ended_at=after(seconds)))
    await keep(store, key=JobKey(SCOPE, "live"), submitted_at=after(-1000))

    pruned = [await store.prune(after(3), 1) for _ in range(3)]

    assert pruned == [1, 1, 0]
    assert {job.key.id for job in await store.page(SCOPE, before=None, limit=9)} == {"e3", "live"}


async def test_a_pruned_job_takes_its_lines_and_payload_along(store: JobStore) -> None:
    running = await start(store, payload=b"x" * 5_000)
    await store.add_lines(running.key, running.epoch, [LogLine(1, NOW, "INFO", "text")])
    await store.move(an_end(running))

    await store.prune(after(100), 10)

    assert await store.get(running.key) is None
    assert list(await store.lines(running.key, after=0, limit=10)) == []
    anew = await keep(store, key=running.key)
    assert await store.get(running.key) == anew
    assert list(await store.lines(running.key, after=0, limit=10)) == []


async def test_ended_jobs_beyond_the_newest_of_their_scope_are_pruned(store: JobStore) -> None:
    for scope in ("core/w/a", "core/w/b"):
        for number in range(4):
            await store.insert(an_ended_job(key=JobKey(scope, f"{number}")))
            await keep(store, key=JobKey(scope, f"live{number}"))
    await store.insert(an_ended_job(key=JobKey("core/w/c", "0")))
    await store.insert(an_ended_job(key=JobKey("other", "0"), queue="workload"))
    await store.insert(an_ended_job(key=JobKey("other", "1"), queue="workload"))
    await store.insert(an_ended_job(key=JobKey("other", "2"), queue="workload"))

    pruned = [await store.prune_beyond(QUEUE, 2, 3) for _ in range(3)]

    assert pruned == [3, 1, 0]
    for scope, left in (("core/w/a", {"2", "3"}), ("core/w/c", {"0"}), ("other", {"0", "1", "2"})):
        jobs = await store.page(scope, before=None, limit=20)
        assert {job.key.id for job in jobs if job.is_final} == left
    assert len(await store.live("core/w")) == 8


async def test_the_jobs_that_ended_last_stay_whenever_they_were_submitted(store: JobStore) -> None:
    for id, ended_after in (("long", 90), ("short", 10), ("twin", 10), ("middle", 50)):
        await store.insert(an_ended_job(key=JobKey(SCOPE, id), ended_at=after(ended_after)))

    left = []
    for most in (3, 2, 1):
        assert await store.prune_beyond(QUEUE, most, 10) == 1
        left.append({job.key.id for job in await store.page(SCOPE, before=None, limit=10)})

    assert left == [{"long", "middle", "twin"}, {"long", "middle"}, {"long"}]


async def test_jobs_that_end_by_a_move_count_for_pruning(store: JobStore) -> None:
    for _ in range(3):
        running = await start(store)
        await store.move(an_end(running))

    assert await store.prune_beyond(QUEUE, 1, 10) == 2
    assert await store.prune_beyond(QUEUE, 1, 10) == 0
    assert await store.prune_beyond(QUEUE, 0, 10) == 1


async def test_jobs_that_a_repeated_request_must_find_are_not_pruned_beyond_a_number(store: JobStore) -> None:
    for id, fingerprint in (("old", b"f"), ("plain", b""), ("new", b"f")):
        job = an_ended_job(key=JobKey(SCOPE, id), fingerprint=fingerprint)
        await store.insert(job if id == "old" else replace(job, submitted_at=after(60)))

    pruned = [await store.prune_beyond(QUEUE, 0, 10, spared_since=after(59)) for _ in range(2)]

    assert pruned == [2, 0]
    assert [job.key.id for job in await store.page(SCOPE, before=None, limit=10)] == ["new"]


async def test_jobs_of_many_lines_are_all_pruned_but_not_in_one_go(store: JobStore) -> None:
    lines = [LogLine(number, NOW, "INFO", "text") for number in range(1, 9_001)]
    for _ in range(5):
        running = await start(store)
        await store.add_lines(running.key, running.epoch, lines)
        await store.move(an_end(running))

    by_age = await store.prune(after(100), 10)
    beyond = await store.prune_beyond(QUEUE, 0, 10)

    assert (by_age, beyond) == (3, 2)
    assert await store.prune(after(100), 10) == 0


# ---- progress and lines


async def test_progress_is_kept_for_the_owner(store: JobStore) -> None:
    running = await start(store)

    await store.note_progress(running.key, running.epoch, Progress(1, 3, "one of three"))
    await store.note_progress(running.key, running.epoch + 1, Progress(9, 9, "not the owner"))

    assert await store.get(running.key) == replace(running, progress=Progress(1, 3, "one of three"))


async def test_progress_and_lines_of_an_ended_job_are_dropped(store: JobStore) -> None:
    running = await start(store)
    ended = await store.move(an_end(running))

    await store.note_progress(running.key, running.epoch, Progress(1, 3, "late"))
    await store.add_lines(running.key, running.epoch, [LogLine(1, NOW, "INFO", "late")])

    assert await store.get(running.key) == ended
    assert list(await store.lines(running.key, after=0, limit=10)) == []


async def test_lines_are_kept_in_order_and_read_on_from_a_number(store: JobStore) -> None:
    running = await start(store)
    lines = [LogLine(number, after(number), "INFO", f"line {number}") for number in range(1, 6)]

    await store.add_lines(running.key, running.epoch, lines[:2])
    await store.add_lines(running.key, running.epoch, lines[2:])

    assert list(await store.lines(running.key, after=0, limit=10)) == lines
    assert list(await store.lines(running.key, after=2, limit=2)) == lines[2:4]


async def test_lines_of_a_former_owner_are_dropped(store: JobStore) -> None:
    running = await start(store)

    await store.add_lines(running.key, running.epoch - 1, [LogLine(1, NOW, "INFO", "late")])

    assert list(await store.lines(running.key, after=0, limit=10)) == []


async def test_lines_of_a_later_attempt_follow_those_of_the_first(store: JobStore) -> None:
    running = await start(store)
    await store.add_lines(running.key, running.epoch, [LogLine(1, NOW, "INFO", "first attempt")])
    await store.move(an_end(running, target=State.ACCEPTED, changes=Changes(releases_lease=True)))
    [again] = await store.claim(a_claim())

    await store.add_lines(again.key, again.epoch, [LogLine(1, NOW, "INFO", "second attempt")])

    lines = await store.lines(running.key, after=0, limit=10)
    assert [(line.number, line.text) for line in lines] == [(1, "first attempt"), (2, "second attempt")]


async def test_a_job_keeps_a_bounded_number_of_lines_and_the_last_says_so(store: JobStore) -> None:
    running = await start(store)
    lines = [LogLine(number, NOW, "INFO", "text") for number in range(1, 10_002)]

    await store.add_lines(running.key, running.epoch, lines)
    await store.add_lines(running.key, running.epoch, lines)

    last = await store.lines(running.key, after=9_998, limit=10)
    assert [(line.number, line.level) for line in last] == [(9_999, "INFO"), (10_000, "WARNING")]
    assert "dropped" in last[1].text


async def test_a_long_line_is_cut_between_two_characters(store: JobStore) -> None:
    running = await start(store)

    await store.add_lines(running.key, running.epoch, [LogLine(1, NOW, "INFO", "a" + "€" * 10_000)])

    [line] = await store.lines(running.key, after=0, limit=10)
    assert line.text == "a" + "€" * 5_461


async def test_text_that_utf_8_cannot_hold_does_not_lose_the_line(store: JobStore) -> None:
    running = await start(store)

    await store.add_lines(running.key, running.epoch, [LogLine(1, NOW, "INFO", "a\ud800\x00b")])
    await store.note_progress(running.key, running.epoch, Progress(1, 2, "a\ud800b"))

    [line] = await store.lines(running.key, after=0, limit=10)
    job = await store.get(running.key)
    assert line.text == "a?\x00b"
    assert job is not None
    assert job.progress == Progress(1, 2, "a?b")


# ---- count


async def test_jobs_are_counted_by_state(store: JobStore) -> None:
    await start(store)
    await keep(store)
    await keep(store)
    await keep(store, queue="workload")
    await store.insert(an_ended_job())

    counted = await store.count(QUEUE)

    assert {state: jobs for state, jobs in counted.items() if jobs} == {
        State.ACCEPTED: 2,
        State.RUNNING: 1,
        State.COMPLETED: 1,
    }
    assert set(counted) == set(State)
