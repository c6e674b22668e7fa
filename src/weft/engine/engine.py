"""The engine: everything that can be asked of a job, each answered after its commit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from weft.engine.errors import (
    JobConflict,
    JobEnded,
    JobNotEnded,
    JobNotFound,
    LeaseLost,
    ScopeBusy,
    StoreUnavailable,
)
from weft.engine.events import Events
from weft.engine.jobs import (
    Again,
    Changes,
    Completed,
    ErrorDetail,
    Failed,
    Job,
    JobError,
    JobKey,
    LogLine,
    Move,
    NewJob,
    Outcome,
    Progress,
    Room,
    Stopped,
    WhenLost,
)
from weft.engine.lifecycle import Event, State, next_state, sources
from weft.engine.ports import Claim, Clock, JobStore
from weft.engine.schedules import Fate, Firing, Occurrence, Schedule, ScheduleStore

WORKER_LOST = JobError(
    "WorkerLost",
    "The process that ran the job is gone: its server ended or lost its lease.",
    is_permanent=False,
)


CANCELLED_AT_ONCE = 100
"""Of jobs that are stopped together: the store writes them in few commits."""

DEDUPED = "JobInstanceStatusDeduped"
"""The error code of a duplicate; its only detail names the job that lives in its place."""

MOST_RESTARTS = 10
"""How often a job is started again whose process or server was lost: it may be what they died of."""


class Engine:
    """*clock* says when things happen. *steady*, which nobody moves, is what leases are reckoned in."""

    def __init__(self, store: JobStore, clock: Clock, events: Events, *, steady: Clock | None = None) -> None:
        self.store = store
        self.clock = clock
        self.steady = steady or clock
        self.events = events

    # ---- for those who want work done

    async def submit(self, new: NewJob, *, room: Room | None = None) -> Job:
        """Keep a job; the same id with the same request again gives the job that is known.

        Where another job of the same *unique* has not ended, this one is kept as its duplicate: it has ended.
        Raises NoRoom before all else, JobConflict for another request under a known id, and ScopeClosed.
        """
        return await self._insert(new, Event.SUBMIT, room=room)

    async def get(self, key: JobKey) -> Job:
        """Raises JobNotFound."""
        job = await self.store.get(key)
        if job is None:
            raise JobNotFound(key)
        return job

    async def list(self, scope: str, *, before: int | None = None, limit: int = 100) -> Sequence[Job]:
        """Return jobs of *scope*, newest first, below number *before*."""
        return await self.store.page(scope, before=before, limit=limit)

    async def oldest_first(self, scope: str, *, after: int = 0, limit: int = 100) -> Sequence[Job]:
        """Return jobs of *scope*, oldest first, above number *after*."""
        return await self.store.oldest_first(scope, after=after, limit=limit)

    async def cancel(self, key: JobKey, *, by: str = "") -> Job:
        """Note durably that the job is to be cancelled; return it as it is after that commit.

        A job that has not begun is cancelled at once. Raises JobNotFound, and JobEnded where it has ended.
        """
        while True:
            job = await self.get(key)
            if job.is_final:
                raise JobEnded(job)
            if job.cancel_requested:
                return job
            now = self.clock.now()
            wish = Changes(cancel_requested_at=now, cancel_requested_by=by)
            moved = await self._move(job, Event.CANCEL, wish, at=now, owned=False)
            if moved is not None:
                return moved

    async def bury(self, new: NewJob, *, by: str = "", family: str) -> Job:
        """Cancel a job that may not have been submitted yet, so that a late submit never runs it.

        Raises JobEnded where the job is known and has ended, and JobNotFound where another scope below
        *family* has a job of this id: to say that it is cancelled would not be true of that one.
        """
        try:
            return await self.cancel(new.key, by=by)
        except JobNotFound:
            # It may have been submitted right now under this very key: then it is there to be cancelled.
            others = set(await self.store.scopes(new.key.id)) - {new.key.scope}
            if any(scope.startswith(f"{family}/") for scope in others):
                raise
            buried = await self._insert(replace(new, fingerprint=b""), Event.BURY, by=by)
        return buried if buried.is_final else await self.cancel(new.key, by=by)

    async def wait(self, key: JobKey, *, seconds: float) -> Job:
        """Return the job once it has ended, or as it is after *seconds*. Raises JobNotFound."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        with self.events.watch(key) as changed:
            job = await self.get(key)
            while not job.is_final and (left := until - loop.time()) > 0:
                try:
                    async with asyncio.timeout(left):
                        await changed.wait()
                except TimeoutError:
                    break
                changed.clear()
                job = await self.get(key)
        return job

    async def close(self, scope: str, *, by: str = "", seconds: float) -> None:
        """Take no more jobs in *scope* and below, cancel those that live, and wait until all have stopped.

        Raises ScopeBusy where one has not stopped after *seconds*; closing can then be repeated.
        """
        await self.store.close_scope(scope)
        await self.stop(scope, by=by, seconds=seconds)

    async def stop(self, scope: str, *, by: str = "", seconds: float) -> None:
        """Cancel the jobs that live in *scope* and below, and wait until all have stopped.

        Raises ScopeBusy where one has not stopped after *seconds*.
        """
        live = await self.store.live(scope)
        for first in range(0, len(live), CANCELLED_AT_ONCE):
            together = live[first : first + CANCELLED_AT_ONCE]
            await asyncio.gather(*(self._cancel_quietly(job.key, by=by) for job in together))
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        for job in live:
            try:
                last = await self.wait(job.key, seconds=max(0.0, until - loop.time()))
            except JobNotFound:
                continue  # it ended, and was pruned before we looked
            if not last.is_final:
                raise ScopeBusy(scope, last)

    async def delete(self, key: JobKey) -> None:
        """Delete a job that has ended, and free its id. Raises JobNotFound, JobNotEnded."""
        if await self.store.delete(key):
            return
        job = await self.get(key)
        if not job.is_final:
            raise JobNotEnded(job)
        await self.delete(key)  # it ended between the two looks

    async def lines(self, key: JobKey, *, after: int = 0, limit: int = 1000) -> Sequence[LogLine]:
        return await self.store.lines(key, after=after, limit=limit)

    # ---- for workers, who hold a job under its epoch

    async def claim(
        self, queue: str, event: Event, *, worker: str, limit: int, lease: timedelta
    ) -> Sequence[Job]:
        """Give up to *limit* waiting jobs to *worker*; *event* is START or DISPATCH."""
        now = self.clock.now()
        claim = Claim(
            queue=queue,
            source=State.ACCEPTED,
            target=next_state(State.ACCEPTED, event),
            worker=worker,
            now=now,
            lease_until=self.steady.now() + lease,
            limit=limit,
            starts=event is Event.START,
        )
        jobs = await self.store.claim(claim)
        for job in jobs:
            self.events.emit(event, job)
        return jobs

    async def adopt(
        self, queue: str, *, worker: str, limit: int, lease: timedelta, as_of: datetime
    ) -> Sequence[Job]:
        """Give jobs that another worker left behind by *as_of*, and that go on elsewhere, to *worker*."""
        adopted: list[Job] = []
        for state in sources(Event.ADOPT):
            claim = Claim(
                queue=queue,
                source=state,
                target=next_state(state, Event.ADOPT),
                worker=worker,
                now=as_of,
                lease_until=self.steady.now() + lease,
                limit=limit - len(adopted),
                starts=False,
            )
            if claim.limit <= 0:
                break
            try:
                adopted += await self.store.adopt(claim)
            except StoreUnavailable:
                if not adopted:
                    raise
                break  # what has been adopted must reach its worker
        for job in adopted:
            self.events.emit(Event.ADOPT, job)
        return adopted

    async def heartbeat(
        self, worker: str, jobs: Sequence[Job], *, lease: timedelta
    ) -> Sequence[tuple[JobKey, int]]:
        """Extend the leases of *jobs* and return what *worker* still holds; what is missing has been lost."""
        return await self.store.extend(worker, [job.number for job in jobs], self.steady.now() + lease)

    async def cancel_requests(self, worker: str) -> Sequence[JobKey]:
        return await self.store.cancel_requests(worker)

    async def send(self, job: Job, *, until: datetime) -> Job | None:
        """Note another call that may start the job's work elsewhere, over by *until*; None: it is cancelled.

        Raises LeaseLost.
        """
        changes = Changes(send_deadline=until, adds_attempt=True)
        moved = await self._move(job, Event.DISPATCH, changes, at=None, owned=True, cancel_requested=False)
        if moved is None:
            await self._still_held(job)
        return moved

    async def started(self, job: Job, at: datetime) -> Job:
        """Note that the work elsewhere has begun. Raises LeaseLost."""
        moved = await self._move(job, Event.START, Changes(started_at=at), at=None, owned=True)
        if moved is None:
            raise LeaseLost(job)
        return moved

    async def finish(self, job: Job, outcome: Outcome, *, cancel_wins: bool) -> Job:
        """Write the end of a held job.

        *cancel_wins*: a cancel that was durable before the end makes the job cancelled, whatever the work
        returned after it; no job that is to be cancelled starts again in any case. Raises LeaseLost, and the
        end is then dropped.
        """
        now = self.clock.now()
        cancel_wins = cancel_wins or isinstance(outcome, Again)
        held = job
        while True:
            wants_cancel = cancel_wins and held.cancel_requested
            event = Event.STOP if wants_cancel else _EVENTS[type(outcome)]
            moved = await self._move(
                held,
                event,
                _changes_of(outcome, event, now),
                at=now,
                owned=True,
                cancel_requested=held.cancel_requested if cancel_wins else None,
            )
            if moved is not None:
                return moved
            held = await self._still_held(job)

    async def give_up(self, job: Job, *, is_loss: bool = False) -> Job | None:
        """End, or put back, a job whose worker is gone and whose work has surely stopped.

        *is_loss*: nobody meant to end that worker, and after MOST_RESTARTS such losses the job fails.
        Returns None where it has another owner or has ended meanwhile.
        """
        now = self.clock.now()
        held = job
        while True:
            event = _event_of_loss(held, is_loss=is_loss)
            changes = Changes(error=WORKER_LOST if event is Event.LOSE else None, adds_loss=is_loss)
            moved = await self._move(
                held, event, changes, at=now, owned=True, cancel_requested=held.cancel_requested
            )
            if moved is not None:
                return moved
            try:
                held = await self._still_held(job)
            except LeaseLost:
                return None

    async def note_progress(self, job: Job, progress: Progress) -> None:
        await self.store.note_progress(job.key, job.epoch, progress)

    async def add_lines(self, job: Job, lines: Sequence[LogLine]) -> None:
        await self.store.add_lines(job.key, job.epoch, lines)

    # ---- for the scheduler

    async def fire(
        self,
        schedules: ScheduleStore,
        schedule: Schedule,
        firing: Firing,
        *,
        due: datetime,
        next_due: datetime | None,
    ) -> Job | None:
        """Keep the job of the occurrence *due*, or its duplicate, or, with an error, that it may not run.

        None where somebody else was quicker, to fire it or to change the schedule; see ScheduleStore.fire.
        """
        event = Event.SUBMIT if firing.error is None else Event.REFUSE
        job = _job_from(firing.new, next_state(None, event), self.clock.now(), cancelled_by=None)
        fired = Occurrence(due=due, fate=Fate.FIRED, job=job.key.id)
        kept = await schedules.fire(
            schedule, [fired], next_due, replace(job, error=firing.error), _duplicate_of
        )
        if kept is not None:
            self.events.emit(event if kept.state is job.state else Event.DUPLICATE, kept)
        return kept

    # ---- for the loops that keep the store in order

    async def rescue(self, *, as_of: datetime | None = None, limit: int = 100) -> int:
        """Give up jobs whose lease had run out by *as_of*, else by now; return how many were."""
        lost = await self.store.lost(as_of or self.steady.now(), limit)
        rescued = [await self.give_up(job, is_loss=True) for job in lost]
        return sum(job is not None for job in rescued)

    async def prune(self, *, older_than: timedelta, limit: int = 1000) -> int:
        return await self.store.prune(self.clock.now() - older_than, limit)

    # ---- the one place where a job changes

    async def _insert(
        self, new: NewJob, event: Event, *, by: str | None = None, room: Room | None = None
    ) -> Job:
        job = _job_from(new, next_state(None, event), self.clock.now(), cancelled_by=by)
        kept = await self.store.insert(job, room, _duplicate_of)
        if kept is not None:
            self.events.emit(event if kept.state is job.state else Event.DUPLICATE, kept)
            return kept
        known = await self.get(new.key)
        if new.fingerprint and known.fingerprint and known.fingerprint != new.fingerprint:
            raise JobConflict(known)
        return known

    async def _move(
        self,
        job: Job,
        event: Event,
        changes: Changes,
        *,
        at: datetime | None,
        owned: bool,
        cancel_requested: bool | None = None,
    ) -> Job | None:
        target = next_state(job.state, event)
        changes = replace(changes, releases_lease=target.is_final or target is State.ACCEPTED)
        if target.is_final:
            changes = replace(changes, ended_at=changes.ended_at or at)
        move = Move(
            key=job.key,
            source=job.state,
            target=target,
            epoch=job.epoch if owned else None,
            cancel_requested=cancel_requested,
            changes=changes,
        )
        moved = await self.store.move(move)
        if moved is not None:
            self.events.emit(event, moved)
        return moved

    async def _still_held(self, job: Job) -> Job:
        held = await self.store.get(job.key)
        if held is None or held.is_final or held.epoch != job.epoch or held.worker != job.worker:
            raise LeaseLost(job)
        return held

    async def _cancel_quietly(self, key: JobKey, *, by: str) -> None:
        try:
            await self.cancel(key, by=by)
        except (JobEnded, JobNotFound):
            return  # it ended while we looked: nothing is left to cancel


def _job_from(new: NewJob, state: State, now: datetime, *, cancelled_by: str | None) -> Job:
    ended_at = now if state.is_final else None
    return Job(
        key=new.key,
        queue=new.queue,
        kind=new.kind,
        payload=new.payload,
        labels=new.labels,
        fingerprint=new.fingerprint,
        submitted_by=new.submitted_by,
        when_lost=new.when_lost,
        unique=new.unique,
        family=new.family,
        state=state,
        submitted_at=now,
        available_at=now,
        ended_at=ended_at,
        cancel_requested_at=None if cancelled_by is None else now,
        cancel_requested_by=cancelled_by,
    )


def _duplicate_of(job: Job, winner: JobKey) -> Job:
    error = JobError(
        DEDUPED,
        f"The job did not run: job {winner.id} had not ended.",
        is_permanent=False,
        details=(
            ErrorDetail(DEDUPED, f"Duplicate of job {winner.id}.", extra=(("jobInstanceId", winner.id),)),
        ),
    )
    state = next_state(None, Event.DUPLICATE)
    return replace(job, state=state, ended_at=job.submitted_at, error=error)


_EVENTS: Mapping[type[Outcome], Event] = {
    Completed: Event.COMPLETE,
    Failed: Event.FAIL,
    Stopped: Event.STOP,
    Again: Event.RETRY,
}


def _event_of_loss(job: Job, *, is_loss: bool) -> Event:
    if job.cancel_requested:
        return Event.STOP
    may_start_again = job.when_lost is WhenLost.RESTART and not (is_loss and job.losses >= MOST_RESTARTS)
    return Event.REQUEUE if may_start_again else Event.LOSE


def _changes_of(outcome: Outcome, event: Event, now: datetime) -> Changes:
    if isinstance(outcome, Again):
        return Changes(
            available_at=now + outcome.after if event is Event.RETRY else None, adds_loss=outcome.lost
        )
    return Changes(
        started_at=outcome.started_at,
        ended_at=outcome.ended_at or now,
        result=outcome.result if event is Event.COMPLETE and isinstance(outcome, Completed) else None,
        error=outcome.error if event is Event.FAIL and isinstance(outcome, Failed) else None,
    )
