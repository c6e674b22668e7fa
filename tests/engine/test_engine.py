"""What can be asked of the engine, over the real statements of the store and in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import BEGINNING, VirtualClock, virtually
from weft.engine.engine import CANCELLED_AT_ONCE, DEDUPED, MOST_RESTARTS, WORKER_LOST, Engine
from weft.engine.errors import (
    JobConflict,
    JobEnded,
    JobNotEnded,
    JobNotFound,
    LeaseLost,
    NoRoom,
    ScopeBusy,
    ScopeClosed,
    StoreUnavailable,
)
from weft.engine.events import Events, Happened
from weft.engine.jobs import (
    Again,
    Completed,
    Failed,
    Job,
    JobError,
    JobKey,
    Move,
    NewJob,
    Outcome,
    Room,
    Stopped,
    WhenLost,
)
from weft.engine.lifecycle import Event, IllegalMove, State
from weft.engine.ports import Claim

TENANT = "workload/t"
KEY = JobKey(f"{TENANT}/w/T/i/k", "job")
NEW = NewJob(key=KEY, queue="q", kind="k", payload=b"{}", fingerprint=b"one")
LEASE = timedelta(seconds=30)
BROKE = JobError("Broke", "it broke")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    store = DirectStore(tmp_path / "weft.db")
    yield Engine(store, VirtualClock(), Events())
    store.close()


async def begun(engine: Engine, new: NewJob = NEW, event: Event = Event.START) -> Job:
    await engine.submit(new)
    (job,) = await engine.claim("q", event, worker="worker", limit=1, lease=LEASE)
    return job


# ---- submit


def test_submitting_again_gives_the_job_that_is_known(engine: Engine) -> None:
    async def main() -> None:
        first = await engine.submit(NEW)

        second = await engine.submit(NEW)

        assert second == first
        assert first.state is State.ACCEPTED
        assert len(await engine.list(KEY.scope)) == 1

    virtually(main())


def test_another_request_under_a_known_id_is_a_conflict_that_changes_nothing(engine: Engine) -> None:
    async def main() -> None:
        first = await engine.submit(NEW)

        with pytest.raises(JobConflict) as conflict:
            await engine.submit(replace(NEW, fingerprint=b"two", payload=b"[]"))

        assert conflict.value.known == first
        assert await engine.get(KEY) == first

    virtually(main())


def test_a_submit_without_room_changes_nothing_whatever_its_id(engine: Engine) -> None:
    async def main() -> None:
        await engine.submit(NEW)
        room = Room(TENANT, 1)

        for id in (KEY.id, "other"):
            with pytest.raises(NoRoom):
                await engine.submit(replace(NEW, key=JobKey(KEY.scope, id)), room=room)

        assert len(await engine.oldest_first(KEY.scope)) == 1
        await engine.cancel(KEY)
        other = await engine.submit(replace(NEW, key=JobKey(KEY.scope, "other")), room=room)
        assert other.state is State.ACCEPTED

    virtually(main())


ONE_AT_A_TIME = replace(NEW, unique="one at a time")


def the_other(id: str = "other") -> NewJob:
    return replace(ONE_AT_A_TIME, key=JobKey(KEY.scope, id))


def test_a_job_of_which_another_lives_is_its_duplicate_and_names_it(engine: Engine) -> None:
    async def main() -> None:
        told: list[Event] = []
        engine.events.subscribe(lambda happened: told.append(happened.event))
        await engine.submit(ONE_AT_A_TIME)
        await asyncio.sleep(5)

        duplicate = await engine.submit(the_other())

        assert duplicate.state is State.DEDUPED
        assert duplicate.ended_at == BEGINNING + timedelta(seconds=5)
        assert duplicate.error is not None
        assert duplicate.error.code == DEDUPED
        assert "job had not ended" in duplicate.error.message
        assert duplicate.error.details[0].extra == (("jobInstanceId", KEY.id),)
        assert told == [Event.SUBMIT, Event.DUPLICATE]
        assert await engine.get(duplicate.key) == duplicate
        assert await engine.submit(the_other()) == duplicate

    virtually(main())


def test_what_is_submitted_again_is_no_duplicate_of_itself(engine: Engine) -> None:
    async def main() -> None:
        first = await engine.submit(ONE_AT_A_TIME)

        assert await engine.submit(ONE_AT_A_TIME) == first
        with pytest.raises(JobConflict):
            await engine.submit(replace(ONE_AT_A_TIME, fingerprint=b"two"))

        held = await begun(engine, ONE_AT_A_TIME)
        await engine.finish(held, Completed(), cancel_wins=False)
        assert (await engine.submit(ONE_AT_A_TIME)).state is State.COMPLETED

    virtually(main())


@pytest.mark.parametrize("outcome", [Completed(), Failed(BROKE), Stopped()])
def test_the_next_job_runs_when_the_one_before_has_ended(engine: Engine, outcome: Outcome) -> None:
    async def main() -> None:
        held = await begun(engine, ONE_AT_A_TIME)
        assert (await engine.submit(the_other("too early"))).state is State.DEDUPED

        await engine.finish(held, outcome, cancel_wins=True)

        assert (await engine.submit(the_other("in time"))).state is State.ACCEPTED

    virtually(main())


def test_a_duplicate_never_runs_and_cannot_be_cancelled(engine: Engine) -> None:
    async def main() -> None:
        await engine.submit(ONE_AT_A_TIME)
        duplicate = await engine.submit(the_other())

        with pytest.raises(JobEnded):
            await engine.cancel(duplicate.key)
        claimed = await engine.claim("q", Event.START, worker="w", limit=9, lease=LEASE)

        assert [job.key for job in claimed] == [KEY]

    virtually(main())


def test_of_many_submits_at_once_one_is_accepted_and_all_others_name_it(engine: Engine) -> None:
    async def main() -> None:
        jobs = await asyncio.gather(*(engine.submit(the_other(f"j{number}")) for number in range(20)))

        [winner] = [job for job in jobs if job.state is State.ACCEPTED]
        errors = [job.error for job in jobs if job.state is State.DEDUPED]
        assert len(errors) == 19
        assert {error and error.details[0].extra for error in errors} == {(("jobInstanceId", winner.key.id),)}

    virtually(main())


def test_only_an_ended_job_can_be_deleted_and_then_it_is_unknown(engine: Engine) -> None:
    async def main() -> None:
        await begun(engine)
        with pytest.raises(JobNotEnded):
            await engine.delete(KEY)
        assert (await engine.get(KEY)).state is State.RUNNING

        job = await engine.get(KEY)
        await engine.finish(job, Completed(), cancel_wins=False)
        await engine.delete(KEY)

        for look in (engine.get, engine.delete):
            with pytest.raises(JobNotFound):
                await look(KEY)

    virtually(main())


def test_an_unknown_job_is_not_found(engine: Engine) -> None:
    async def main() -> None:
        with pytest.raises(JobNotFound):
            await engine.get(KEY)
        with pytest.raises(JobNotFound):
            await engine.cancel(KEY)
        with pytest.raises(JobNotFound):
            await engine.wait(KEY, seconds=1)

    virtually(main())


# ---- cancel


def test_a_waiting_job_is_cancelled_at_once_and_never_claimed(engine: Engine) -> None:
    async def main() -> None:
        await engine.submit(NEW)

        job = await engine.cancel(KEY, by="somebody")

        assert (job.state, job.ended_at) == (State.CANCELLED, BEGINNING)
        assert job.cancel_requested_by == "somebody"
        assert await engine.claim("q", Event.START, worker="w", limit=9, lease=LEASE) == []

    virtually(main())


@pytest.mark.parametrize("event", [Event.START, Event.DISPATCH])
def test_a_cancel_of_what_has_begun_is_noted_once(engine: Engine, event: Event) -> None:
    async def main() -> None:
        held = await begun(engine, event=event)

        first = await engine.cancel(KEY, by="first")
        await asyncio.sleep(1)
        second = await engine.cancel(KEY, by="second")

        assert first == second
        assert first.state is held.state
        assert (first.cancel_requested_by, first.cancel_requested_at) == ("first", BEGINNING)
        assert await engine.cancel_requests("worker") == [KEY]

    virtually(main())


@pytest.mark.parametrize("outcome", [Completed(), Failed(BROKE), Stopped()])
def test_what_has_ended_cannot_be_cancelled(engine: Engine, outcome: Outcome) -> None:
    async def main() -> None:
        ended = await engine.finish(await begun(engine), outcome, cancel_wins=False)

        with pytest.raises(JobEnded) as refused:
            await engine.cancel(KEY)

        assert refused.value.job == ended
        assert await engine.get(KEY) == ended

    virtually(main())


# ---- bury


def test_a_buried_job_never_runs_whoever_submits_it_later(engine: Engine) -> None:
    async def main() -> None:
        buried = await engine.bury(NEW, by="somebody", family=TENANT)

        late = await engine.submit(replace(NEW, fingerprint=b"whatever"))

        assert (buried.state, late) == (State.CANCELLED, buried)
        assert await engine.claim("q", Event.START, worker="w", limit=9, lease=LEASE) == []

    virtually(main())


def test_burying_what_runs_cancels_it(engine: Engine) -> None:
    async def main() -> None:
        await begun(engine)

        job = await engine.bury(NEW, family=TENANT)

        assert (job.state, job.cancel_requested) == (State.RUNNING, True)

    virtually(main())


def test_burying_what_has_ended_is_told(engine: Engine) -> None:
    async def main() -> None:
        await engine.finish(await begun(engine), Completed(), cancel_wins=True)

        with pytest.raises(JobEnded):
            await engine.bury(NEW, family=TENANT)

    virtually(main())


def test_a_job_that_the_tenant_has_at_another_place_is_not_called_cancelled(engine: Engine) -> None:
    async def main() -> None:
        await engine.submit(replace(NEW, key=JobKey(f"{TENANT}/w/T/another/k", KEY.id)))

        with pytest.raises(JobNotFound):
            await engine.bury(NEW, family=TENANT)

        with pytest.raises(JobNotFound):
            await engine.get(KEY)

    virtually(main())


def test_a_job_submitted_while_it_is_buried_is_cancelled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = DirectStore.scopes

    async def submitted_meanwhile(store: DirectStore, id: str) -> Sequence[str]:
        await engine.submit(NEW)
        return await scopes(store, id)

    monkeypatch.setattr(DirectStore, "scopes", submitted_meanwhile)

    async def main() -> None:
        buried = await engine.bury(NEW, family=TENANT)

        assert buried.state is State.CANCELLED

    virtually(main())


# ---- send and started


def test_a_send_is_counted_and_its_deadline_kept(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine, event=Event.DISPATCH)

        sent = await engine.send(held, until=BEGINNING + LEASE)

        assert sent is not None
        assert (sent.attempt, sent.send_deadline) == (1, BEGINNING + LEASE)
        assert sent.state is State.DISPATCHING

    virtually(main())


def test_nothing_is_sent_after_a_cancel(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine, event=Event.DISPATCH)
        await engine.cancel(KEY)

        sent = await engine.send(held, until=BEGINNING + LEASE)

        assert sent is None
        assert (await engine.get(KEY)).attempt == 0

    virtually(main())


async def _send(engine: Engine, job: Job) -> object:
    return await engine.send(job, until=BEGINNING)


async def _start(engine: Engine, job: Job) -> object:
    return await engine.started(job, BEGINNING)


async def _finish(engine: Engine, job: Job) -> object:
    return await engine.finish(job, Completed(), cancel_wins=False)


async def _finish_or_stop(engine: Engine, job: Job) -> object:
    return await engine.finish(job, Completed(), cancel_wins=True)


@pytest.mark.parametrize("write", [_send, _start, _finish, _finish_or_stop])
def test_a_former_owner_writes_nothing(
    engine: Engine, write: Callable[[Engine, Job], Awaitable[object]]
) -> None:
    async def main() -> None:
        held = await begun(engine, replace(NEW, when_lost=WhenLost.ADOPT), Event.DISPATCH)
        later = BEGINNING + 2 * LEASE
        (adopted,) = await engine.adopt("q", worker="other", limit=1, lease=LEASE, as_of=later)

        with pytest.raises(LeaseLost):
            await write(engine, held)

        assert await engine.get(KEY) == adopted

    virtually(main())


# ---- finish


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Completed(b"1"), State.COMPLETED), (Failed(BROKE), State.FAILED), (Stopped(), State.CANCELLED)],
)
def test_an_outcome_ends_the_job_and_its_lease(engine: Engine, outcome: Outcome, state: State) -> None:
    async def main() -> None:
        held = await begun(engine)
        await asyncio.sleep(5)

        ended = await engine.finish(held, outcome, cancel_wins=True)

        assert (ended.state, ended.ended_at) == (state, BEGINNING + timedelta(seconds=5))
        assert (ended.worker, ended.lease_until) == (None, None)
        assert (ended.result, ended.error) == (
            b"1" if state is State.COMPLETED else None,
            BROKE if state is State.FAILED else None,
        )

    virtually(main())


# ---- again

AGAIN = Again(BROKE, timedelta(seconds=7))


def test_a_failed_attempt_waits_for_the_next_and_keeps_its_first_start(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine)
        await asyncio.sleep(5)

        waiting = await engine.finish(held, AGAIN, cancel_wins=True)
        early = await engine.claim("q", Event.START, worker="worker", limit=1, lease=LEASE)
        await asyncio.sleep(7)
        [again] = await engine.claim("q", Event.START, worker="worker", limit=1, lease=LEASE)

        assert (waiting.state, waiting.available_at) == (State.ACCEPTED, BEGINNING + timedelta(seconds=12))
        assert (waiting.worker, waiting.lease_until, waiting.ended_at) == (None, None, None)
        assert (waiting.error, waiting.result, waiting.losses) == (None, None, 0)
        assert early == []
        assert (again.state, again.attempt, again.epoch) == (State.RUNNING, 2, 2)
        assert again.started_at == BEGINNING

    virtually(main())


def test_the_end_of_a_former_attempt_is_dropped(engine: Engine) -> None:
    async def main() -> None:
        first = await begun(engine)
        await engine.finish(first, replace(AGAIN, after=timedelta(0)), cancel_wins=True)
        [second] = await engine.claim("q", Event.START, worker="worker", limit=1, lease=LEASE)

        for late in (Completed(b"1"), AGAIN):
            with pytest.raises(LeaseLost):
                await engine.finish(first, late, cancel_wins=True)

        assert await engine.get(KEY) == second

    virtually(main())


@pytest.mark.parametrize("cancel_wins", [True, False])
def test_a_job_that_is_to_be_cancelled_does_not_start_again(engine: Engine, *, cancel_wins: bool) -> None:
    async def main() -> None:
        held = await begun(engine)
        await engine.cancel(KEY)

        ended = await engine.finish(held, AGAIN, cancel_wins=cancel_wins)

        assert (ended.state, ended.ended_at, ended.error) == (State.CANCELLED, BEGINNING, None)

    virtually(main())


def test_a_cancel_between_two_attempts_is_carried_out_at_once(engine: Engine) -> None:
    async def main() -> None:
        await engine.finish(await begun(engine), AGAIN, cancel_wins=True)
        await asyncio.sleep(1)

        cancelled = await engine.cancel(KEY)
        await asyncio.sleep(60)

        assert cancelled.state is State.CANCELLED
        assert (cancelled.started_at, cancelled.ended_at) == (BEGINNING, BEGINNING + timedelta(seconds=1))
        assert await engine.claim("q", Event.START, worker="worker", limit=1, lease=LEASE) == []

    virtually(main())


def test_a_cancel_at_the_moment_of_a_retry_ends_the_job_either_way(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = DirectStore.move

    async def cancelled_just_before(store: DirectStore, wanted: Move) -> Job | None:
        monkeypatch.undo()
        await engine.cancel(KEY)
        return await move(store, wanted)

    async def main() -> None:
        held = await begun(engine)
        monkeypatch.setattr(DirectStore, "move", cancelled_just_before)

        ended = await engine.finish(held, AGAIN, cancel_wins=False)

        assert ended.state is State.CANCELLED

    virtually(main())


def test_a_job_that_is_lost_again_and_again_fails_in_the_end(engine: Engine) -> None:
    async def main() -> None:
        await engine.submit(replace(NEW, when_lost=WhenLost.RESTART))
        states = []
        for _ in range(MOST_RESTARTS + 1):
            await engine.claim("q", Event.START, worker="worker", limit=1, lease=LEASE)
            await asyncio.sleep(LEASE.total_seconds())
            await engine.rescue()
            states.append((await engine.get(KEY)).state)

        job = await engine.get(KEY)
        assert states == [*[State.ACCEPTED] * MOST_RESTARTS, State.FAILED]
        assert (job.error, job.attempt, job.losses) == (WORKER_LOST, MOST_RESTARTS + 1, MOST_RESTARTS + 1)

    virtually(main())


def test_a_worker_that_is_told_to_end_is_no_loss_to_its_jobs(engine: Engine) -> None:
    async def main() -> None:
        await engine.submit(replace(NEW, when_lost=WhenLost.RESTART))

        for _ in range(MOST_RESTARTS + 1):
            [job] = await engine.claim("q", Event.START, worker="worker", limit=1, lease=LEASE)
            await engine.give_up(job)

        job = await engine.get(KEY)
        assert (job.state, job.losses) == (State.ACCEPTED, 0)

    virtually(main())


@pytest.mark.parametrize("outcome", [Completed(b"1"), Failed(BROKE)])
def test_a_durable_cancel_wins_over_a_later_end_where_it_is_to(engine: Engine, outcome: Outcome) -> None:
    async def main() -> None:
        held = await begun(engine)
        await engine.cancel(KEY)

        ended = await engine.finish(held, outcome, cancel_wins=True)

        assert (ended.state, ended.result, ended.error) == (State.CANCELLED, None, None)

    virtually(main())


def test_an_end_told_by_another_system_wins_over_a_cancel(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine)
        await engine.cancel(KEY)

        ended = await engine.finish(held, Completed(b"1"), cancel_wins=False)

        assert (ended.state, ended.result) == (State.COMPLETED, b"1")

    virtually(main())


def test_an_end_is_written_once(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine)
        ended = await engine.finish(held, Completed(b"1"), cancel_wins=True)

        with pytest.raises(LeaseLost):
            await engine.finish(held, Failed(BROKE), cancel_wins=True)

        assert await engine.get(KEY) == ended

    virtually(main())


def test_work_that_has_started_elsewhere_cannot_start_again(engine: Engine) -> None:
    async def main() -> None:
        started = await engine.started(await begun(engine, event=Event.DISPATCH), BEGINNING)

        with pytest.raises(IllegalMove):
            await engine.started(started, BEGINNING)

    virtually(main())


# ---- giving up and rescue


@pytest.mark.parametrize(
    ("when_lost", "cancelled", "state"),
    [
        (WhenLost.FAIL, False, State.FAILED),
        (WhenLost.FAIL, True, State.CANCELLED),
        (WhenLost.RESTART, False, State.ACCEPTED),
        (WhenLost.RESTART, True, State.CANCELLED),
    ],
)
def test_a_lost_job_is_given_up_as_it_was_declared(
    engine: Engine, when_lost: WhenLost, *, cancelled: bool, state: State
) -> None:
    async def main() -> None:
        held = await begun(engine, replace(NEW, when_lost=when_lost))
        if cancelled:
            await engine.cancel(KEY)

        given_up = await engine.give_up(held)

        assert given_up is not None
        assert (given_up.state, given_up.worker, given_up.lease_until) == (state, None, None)
        assert given_up.error == (WORKER_LOST if state is State.FAILED else None)

    virtually(main())


def test_a_job_with_another_owner_is_not_given_up(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine, replace(NEW, when_lost=WhenLost.RESTART))
        await engine.give_up(held)
        (again,) = await engine.claim("q", Event.START, worker="other", limit=1, lease=LEASE)

        given_up = await engine.give_up(held)

        assert given_up is None
        assert await engine.get(KEY) == again
        assert again.attempt == 2

    virtually(main())


def test_rescue_takes_only_what_was_lost_by_then(engine: Engine) -> None:
    async def main() -> None:
        await begun(engine)

        assert await engine.rescue(as_of=BEGINNING + LEASE - timedelta(seconds=1)) == 0
        assert await engine.rescue(as_of=BEGINNING + LEASE) == 1
        assert (await engine.get(KEY)).state is State.FAILED

    virtually(main())


def test_a_heartbeat_keeps_a_job_from_being_rescued(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine)
        await asyncio.sleep(29)

        kept = await engine.heartbeat("worker", [held], lease=LEASE)
        await asyncio.sleep(29)

        assert kept == [(KEY, held.epoch)]
        assert await engine.rescue() == 0

    virtually(main())


def test_work_that_goes_on_elsewhere_is_adopted_and_not_rescued(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine, replace(NEW, when_lost=WhenLost.ADOPT), Event.DISPATCH)
        later = BEGINNING + LEASE

        rescued = await engine.rescue(as_of=later)
        (adopted,) = await engine.adopt("q", worker="other", limit=1, lease=LEASE, as_of=later)

        assert rescued == 0
        assert (adopted.worker, adopted.epoch, adopted.state) == ("other", held.epoch + 1, State.DISPATCHING)

    virtually(main())


def test_prune_deletes_what_ended_long_ago_and_nothing_that_lives(engine: Engine) -> None:
    async def main() -> None:
        await engine.finish(await begun(engine), Completed(), cancel_wins=True)
        await engine.submit(replace(NEW, key=JobKey(KEY.scope, "live")))
        await asyncio.sleep(60)

        pruned = await engine.prune(older_than=timedelta(seconds=59))

        assert pruned == 1
        assert [job.key.id for job in await engine.list(KEY.scope)] == ["live"]

    virtually(main())


# ---- waiting and closing


def test_a_wait_ends_with_the_job(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine)
        loop = asyncio.get_running_loop()
        waiting = asyncio.create_task(engine.wait(KEY, seconds=60))
        await asyncio.sleep(7)
        await engine.finish(held, Completed(), cancel_wins=True)

        job = await waiting

        assert job.state is State.COMPLETED
        assert loop.time() == pytest.approx(7)

    virtually(main())


def test_a_wait_gives_the_job_as_it_is_when_its_time_is_over(engine: Engine) -> None:
    async def main() -> None:
        await begun(engine)

        job = await engine.wait(KEY, seconds=3)

        assert job.state is State.RUNNING
        assert asyncio.get_running_loop().time() == pytest.approx(3)

    virtually(main())


def test_a_closed_scope_takes_no_jobs_there_and_below_and_cancels_those_it_has(engine: Engine) -> None:
    async def main() -> None:
        await engine.submit(NEW)

        await engine.close("workload/t/w", seconds=1)

        assert (await engine.get(KEY)).state is State.CANCELLED
        for scope in ("workload/t/w", KEY.scope):
            with pytest.raises(ScopeClosed):
                await engine.submit(replace(NEW, key=JobKey(scope, "late")))
        await engine.submit(replace(NEW, key=JobKey("workload/t/w2", "other")))

    virtually(main())


def test_closing_waits_until_what_runs_has_stopped(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine)
        closing = asyncio.create_task(engine.close("workload/t", by="somebody", seconds=60))
        await asyncio.sleep(5)
        assert not closing.done()

        await engine.finish(held, Stopped(), cancel_wins=True)
        await closing

        assert (await engine.get(KEY)).cancel_requested_by == "somebody"

    virtually(main())


def test_closing_tells_what_has_not_stopped_and_can_be_repeated(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine)

        with pytest.raises(ScopeBusy) as busy:
            await engine.close(KEY.scope, seconds=3)

        assert busy.value.job.key == KEY
        await engine.finish(held, Stopped(), cancel_wins=True)
        await engine.close(KEY.scope, seconds=3)

    virtually(main())


def test_closing_cancels_many_jobs_together(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        for number in range(CANCELLED_AT_ONCE * 2):
            await engine.submit(replace(NEW, key=JobKey(KEY.scope, f"job {number}")))
        move = engine.store.move

        async def move_slowly(wanted: Move) -> Job | None:
            await asyncio.sleep(1)  # as a disk that syncs each commit
            return await move(wanted)

        monkeypatch.setattr(engine.store, "move", move_slowly)
        began_at = asyncio.get_running_loop().time()

        await engine.close(KEY.scope, seconds=1)

        assert asyncio.get_running_loop().time() - began_at == pytest.approx(2)
        jobs = await engine.oldest_first(KEY.scope, limit=CANCELLED_AT_ONCE * 2)
        assert {job.state for job in jobs} == {State.CANCELLED}

    virtually(main())


def test_a_stop_cancels_what_lives_and_lets_further_jobs_in(engine: Engine) -> None:
    async def main() -> None:
        held = await begun(engine)

        with pytest.raises(ScopeBusy):
            await engine.stop("workload/t", by="somebody", seconds=3)
        await engine.finish(held, Stopped(), cancel_wins=True)
        await engine.stop("workload/t", seconds=3)

        assert (await engine.get(KEY)).cancel_requested_by == "somebody"
        further = await engine.submit(replace(NEW, key=JobKey(KEY.scope, "further")))
        assert not further.cancel_requested

    virtually(main())


def test_closing_takes_a_job_that_ended_and_was_pruned_meanwhile_as_stopped(engine: Engine) -> None:
    async def main() -> None:
        first, second = [
            await begun(engine, replace(NEW, key=JobKey(KEY.scope, id))) for id in ("first", "second")
        ]
        closing = asyncio.create_task(engine.close(KEY.scope, seconds=60))
        await asyncio.sleep(1)

        await engine.finish(second, Stopped(), cancel_wins=True)
        await asyncio.sleep(1)
        assert await engine.prune(older_than=timedelta()) == 1
        await engine.finish(first, Stopped(), cancel_wins=True)
        await closing

    virtually(main())


def test_what_was_adopted_is_given_even_where_the_disk_fills_then(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt = DirectStore.adopt

    async def main() -> None:
        for id in ("a", "b"):
            await begun(
                engine, replace(NEW, key=JobKey(KEY.scope, id), when_lost=WhenLost.ADOPT), Event.DISPATCH
            )
        await engine.started(await engine.get(JobKey(KEY.scope, "b")), BEGINNING)
        await asyncio.sleep(LEASE.total_seconds())
        calls = 0

        async def adopt_once(store: DirectStore, claim: Claim) -> Sequence[Job]:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise StoreUnavailable("the disk is full")
            return await adopt(store, claim)

        monkeypatch.setattr(DirectStore, "adopt", adopt_once)
        adopted = await engine.adopt("q", worker="other", limit=9, lease=LEASE, as_of=engine.clock.now())

        assert len(adopted) == 1
        assert await engine.get(adopted[0].key) == adopted[0]
        with pytest.raises(StoreUnavailable):
            await engine.adopt("q", worker="other", limit=9, lease=LEASE, as_of=engine.clock.now())

    virtually(main())


def test_each_commit_is_told_once_in_order(engine: Engine) -> None:
    told: list[tuple[Event, State]] = []

    def listen(happened: Happened) -> None:
        told.append((happened.event, happened.job.state))

    async def main() -> None:
        unsubscribe = engine.events.subscribe(listen)
        held = await begun(engine)
        await engine.cancel(KEY)
        await engine.finish(held, Stopped(), cancel_wins=True)
        unsubscribe()
        await engine.submit(replace(NEW, key=JobKey(KEY.scope, "other")))

    virtually(main())

    assert told == [
        (Event.SUBMIT, State.ACCEPTED),
        (Event.START, State.RUNNING),
        (Event.CANCEL, State.RUNNING),
        (Event.STOP, State.CANCELLED),
    ]
