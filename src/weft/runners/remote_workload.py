"""The caller: runs a job by asking the workload that owns it, and watches it there until it has ended.

The life of a job, with the rules t4 to t18 of the state table: create calls until one is answered, then
reads at an interval and, once a cancel is wanted, cancel calls, until the workload or a rule names an end.

What a face must know of a `JobError` from here: *code* is either one of the platform's own names
(`FailureCode`), to be shown as the failure's code as it is, or the workload's own errorCode ("" where it
gave none), to be shown as JobInstanceStatusFailed with this error's code and message as its first detail. An
empty *message* means that the workload gave no reason. *parameters*, *details*, *source* and *is_permanent*
are the workload's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from weft.contracts.core import FailureCode
from weft.contracts.workload import Status
from weft.engine.crash import crash_point
from weft.engine.jobs import Completed, Failed, Job, JobError, Outcome, Stopped
from weft.engine.lifecycle import State
from weft.engine.ports import Clock, Run
from weft.runners.workload_answers import (
    CONTRACT_ERROR,
    UNREACHABLE,
    Accepted,
    Answer,
    Faulty,
    Missing,
    Refused,
    Reported,
    Silence,
    trouble,
    wait_asked_for,
)
from weft.runners.workload_client import WorkloadClient
from weft.runners.workload_endpoint import Credentials, Directory, Leftovers, Nobody
from weft.runners.workload_line import Line
from weft.runners.workload_pace import Backoff
from weft.settings import CallerSettings

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

DEAD_LETTERED = FailureCode.DEAD_LETTERED.value
NOT_FOUND = FailureCode.NOT_FOUND.value
UNKNOWN_ERROR = FailureCode.UNKNOWN_ERROR_OCCURED.value

NEVER_STARTED = "WorkloadNeverStarted"
RAN_TOO_LONG = "LongestRunExceeded"

FIRST_READ_SHARE = 0.1
"""The first read comes after this share of the interval: many jobs are short."""

READ_SECONDS_WHERE_TOLD = 10.0
"""How often a job is read, at most, whose every move is told: a thousand that run cost little then."""

FIRST_READ_AFTER_CANCEL_SECONDS = 0.1
CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""A workload's instant that lies further outside the job's life is not believed."""


class Hints(Protocol):
    """How a server that also hosts the workload tells its caller that a job has moved there."""

    async def wait(self, job: Job, seconds: float) -> None:
        """Return after *seconds*, or early where the job has moved; a move since the last call counts."""

    def tell_of(self, job: Job) -> bool:
        """Return whether every move of the job is told: reads at an interval are a safety net then."""


class Calls(Protocol):
    """The calls of the contract; each is over at loop time *by* and tells trouble as an answer."""

    async def create(self, job: Job, *, by: float) -> Answer: ...

    async def read(self, job: Job, *, by: float) -> Answer: ...

    async def cancel(self, job: Job, *, by: float) -> Answer: ...


class NoHints:
    async def wait(self, job: Job, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def tell_of(self, job: Job) -> bool:
        return False


class RemoteWorkloadRunner:
    """A Runner whose work goes on at a workload: `start` before the first job, `close` after the last.

    Whoever else calls workloads shares its *line*.
    """

    def __init__(  # noqa: PLR0913 - the parts it is composed of
        self,
        settings: CallerSettings,
        *,
        poll: timedelta,
        directory: Directory,
        credentials: Credentials,
        clock: Clock,
        steady: Clock | None = None,
        hints: Hints | None = None,
        leftovers: Leftovers | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """*steady*: see Watching. *resolver* finds the addresses of names; None: as the machine does."""
        self.line = Line(settings, credentials=credentials, clock=steady or clock, resolver=resolver)
        calls = WorkloadClient(directory=directory, line=self.line, leftovers=leftovers or Nobody())
        self._watching = Watching(settings, poll=poll, clock=clock, steady=steady, calls=calls, hints=hints)

    async def start(self) -> None:
        await self.line.open()

    async def close(self) -> None:
        await self.line.close()

    async def run(self, run: Run) -> Outcome:
        return await self._watching.run(run)


class Watching:
    """The rules, over any `Calls`. *chance* gives numbers from 0 to 1 that spread retries.

    *clock* is that of the lives of jobs. How long calls take is reckoned in *steady*, which nobody moves;
    None: in *clock*.
    """

    def __init__(
        self,
        settings: CallerSettings,
        *,
        poll: timedelta,
        clock: Clock,
        steady: Clock | None = None,
        calls: Calls,
        hints: Hints | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.poll_seconds = poll.total_seconds()
        self.clock = clock
        self.steady = steady or clock
        self.calls = calls
        self.hints = hints or NoHints()
        self.chance = chance

    async def run(self, run: Run) -> Outcome:
        life = _Life(self, run)
        return await life.create() or await life.watch()


class _Life:
    """One job at its workload, from where its row says that it stands.

    Loop time paces; the clock is asked only where an instant of the row is concerned.
    """

    def __init__(self, watching: Watching, run: Run) -> None:
        self._watching = watching
        self._settings = watching.settings
        self._calls = watching.calls
        self._run = run
        self._loop = asyncio.get_running_loop()
        earlier_life = run.job.attempt > 0
        self._may_have_arrived = earlier_life
        self._may_be_acknowledged = earlier_life
        self._trouble: JobError | None = None
        self._read_at = self._loop.time()
        self._heeds_hints = True
        self._cancel_at: float | None = None
        self._after_cancel = self._backoff()
        self._read_pace: Backoff | None = None
        self._heard_at = self._loop.time()
        self._faults = 0
        self._missed = 0
        self._missed_since = 0.0

    @property
    def _job(self) -> Job:
        return self._run.job

    # ---- creating (t6, t7, t8)

    async def create(self) -> Outcome | None:
        """Send create calls until one is answered for good; None: from now on only reads can tell."""
        if self._job.state is not State.DISPATCHING:
            return None
        backoff = self._backoff()
        while self._job.attempt < self._settings.create_attempts:
            by = self._deadline()
            if not await self._run.send(self._watching.steady.now() + self._settings.call_timeout):
                break  # it is to be cancelled
            crash_point("caller.before-create")
            answer = await self._calls.create(self._job, by=by)
            crash_point("caller.after-create")
            if isinstance(answer, Accepted):
                self._acknowledged()
                return None
            if isinstance(answer, Refused):
                return self._refused(answer)
            self._unanswered(answer)
            if self._job.attempt < self._settings.create_attempts:
                await self._pause(backoff.seconds(wait_asked_for(answer)), asyncio.sleep)
        return self._unsent()

    def _acknowledged(self) -> None:
        self._may_have_arrived = True
        self._may_be_acknowledged = True
        self._read_at = self._loop.time() + self._watching.poll_seconds * FIRST_READ_SHARE

    def _refused(self, answer: Refused) -> Outcome | None:
        self._trouble = answer.error
        if self._may_have_arrived:
            return None  # the refusal is of the repeat: only a read can tell what became of the earlier call
        return Failed(answer.error)

    def _unanswered(self, answer: Answer) -> None:
        self._may_have_arrived |= not isinstance(answer, Silence) or answer.arrived
        self._trouble = trouble(answer)

    def _unsent(self) -> Outcome | None:
        """Decide, where no call can have reached the workload; else leave it to the reads."""
        if self._may_have_arrived:
            return None
        if self._cancel_heard:
            return Stopped()
        return Failed(self._trouble or JobError(UNREACHABLE, "The workload was never called."))

    # ---- watching (t9 to t16, t18)

    async def watch(self) -> Outcome:
        while True:
            outcome = await self._given_up() or await self._ask()
            if outcome is not None:
                return outcome
            await self._rest()

    async def _ask(self) -> Outcome | None:
        now = self._loop.time()
        if self._wants_cancel and self._cancel_at is None:
            self._begin_cancel(now)
        if self._cancel_at is not None and now >= self._cancel_at:
            return await self._ask_to_cancel()
        return await self._ask_for_state() if now >= self._read_at else None

    def _begin_cancel(self, now: float) -> None:
        self._cancel_at = now
        self._heard_at = now
        self._read_pace = Backoff(
            FIRST_READ_AFTER_CANCEL_SECONDS, self._watching.poll_seconds, self._watching.chance
        )

    async def _ask_to_cancel(self) -> Outcome | None:
        answer = await self._calls.cancel(self._job, by=self._deadline())
        crash_point("caller.after-cancel")
        self._cancel_at = self._loop.time() + self._after_cancel.seconds(wait_asked_for(answer))
        if isinstance(answer, Missing):
            self._read_at = self._loop.time()  # whether there is no such job, a read has to say
            return None
        outcome = await self._heed(answer)
        self._read_at = self._loop.time() + self._read_seconds(None)
        return outcome

    async def _ask_for_state(self) -> Outcome | None:
        began_at = self._watching.steady.now()
        knew_of_cancel = self._cancel_heard
        answer = await self._read()
        if answer is None:
            return None
        crash_point("caller.after-read")
        self._heeds_hints = isinstance(answer, Reported)
        self._read_at = self._loop.time() + self._read_seconds(wait_asked_for(answer))
        if isinstance(answer, Missing):
            self._faults = 0
            return self._not_there(began_at, knew_of_cancel=knew_of_cancel)
        return await self._heed(answer)

    async def _read(self) -> Answer | None:
        """Read the state; None where a cancel was wanted meanwhile: a read that hangs must not delay it."""
        reading = self._calls.read(self._job, by=self._deadline())
        if self._cancel_heard:
            return await reading
        return await _first(reading, self._run.cancel_requested.wait())

    async def _heed(self, answer: Answer) -> Outcome | None:
        if isinstance(answer, Faulty):
            return self._fault(answer)
        if not isinstance(answer, Reported):
            return None
        self._faults = 0
        self._missed = 0
        self._heard_at = self._loop.time()
        if answer.status is Status.IN_PROGRESS and self._job.state is State.DISPATCHING:
            now = self._watching.clock.now()
            await self._run.started(_within_life(answer.started_at, self._job, now) or now)
        return self._end(answer)

    def _end(self, answer: Reported) -> Outcome | None:
        started_at, ended_at = life_of(answer, self._job, self._sent_at(), self._watching.clock.now())
        if answer.status is Status.COMPLETED:
            return Completed(started_at=started_at, ended_at=ended_at)
        if answer.status is Status.FAILED:
            return Failed(answer.error or JobError("", ""), started_at=started_at, ended_at=ended_at)
        if answer.status is not Status.CANCELLED:
            return None
        if self._has_run_too_long and not self._cancel_heard:
            return Failed(self._too_long(), started_at=started_at, ended_at=ended_at)
        return Stopped(started_at=started_at, ended_at=ended_at)

    def _fault(self, answer: Faulty) -> Outcome | None:
        """t15: nothing changes, but not for ever."""
        self._faults += 1
        if self._faults < self._settings.contract_faults:
            return None
        message = (
            f"{self._faults} answers in a row broke the Workload contract, the last one: {answer.reason}."
        )
        return Failed(JobError(CONTRACT_ERROR, message, source="External"))

    def _not_there(self, began_at: datetime, *, knew_of_cancel: bool) -> Outcome | None:
        """Decide on a read, begun at *began_at*, that the workload answered with 404."""
        if self._job.state is State.DISPATCHING and (knew_of_cancel or not self._may_be_acknowledged):
            deadline = self._job.send_deadline
            if deadline is not None and began_at <= deadline:
                left = (deadline - self._watching.steady.now()).total_seconds()
                self._read_at = min(self._read_at, self._loop.time() + max(left, 0.0) + 0.01)
                return None  # a create call may still be under way
            return Stopped() if knew_of_cancel else Failed(self._never_started())
        return self._missing()

    def _missing(self) -> Outcome | None:
        """t14: a job that the workload has known is gone when it is missed often and long enough."""
        now = self._loop.time()
        self._missed += 1
        if self._missed == 1:
            self._missed_since = now
        long_enough = now - self._missed_since >= self._settings.missing_for.total_seconds()
        if self._missed < self._settings.missing_reads or not long_enough:
            return None
        return Failed(JobError(NOT_FOUND, "The workload does not know the job any more."))

    async def _given_up(self) -> Outcome | None:
        if self._is_dead_letter:
            return await self._dead_letter()
        silent_for = self._loop.time() - self._heard_at
        if self._cancel_at is not None and silent_for >= self._settings.outcome_unknown_after.total_seconds():
            message = "The workload did not answer since the cancel: outcome unknown, work may still run."
            return Failed(JobError(UNKNOWN_ERROR, message))
        return None

    async def _dead_letter(self) -> Outcome:
        """t9; a last call asks the workload not to begin any more, or tells that it has done all already."""
        answer = await self._calls.cancel(self._job, by=self._deadline())
        ended = self._end(answer) if isinstance(answer, Reported) else None
        if ended is not None and (self._cancel_heard or not isinstance(ended, Stopped)):
            return ended
        message = f"The workload did not start the job within {self._settings.dead_letter_after}."
        return Failed(JobError(DEAD_LETTERED, message))

    @property
    def _is_dead_letter(self) -> bool:
        """Whether the job has not started for too long since the last create call."""
        sent_at = self._sent_at()
        if self._job.state is not State.DISPATCHING or sent_at is None:
            return False
        return self._watching.steady.now() - sent_at >= self._settings.dead_letter_after

    @property
    def _has_run_too_long(self) -> bool:
        started_at = self._job.started_at
        return (
            self._job.state is State.RUNNING
            and started_at is not None
            and self._watching.clock.now() - started_at >= self._settings.longest_run
        )

    def _too_long(self) -> JobError:
        return JobError(
            RAN_TOO_LONG, f"The job ran longer than {self._settings.longest_run} and was stopped."
        )

    def _never_started(self) -> JobError:
        return self._trouble or JobError(NEVER_STARTED, "The workload never got the job.")

    def _sent_at(self) -> datetime | None:
        """Return when the last create call was sent: its deadline is durable, one call's time later."""
        deadline = self._job.send_deadline
        return None if deadline is None else deadline - self._settings.call_timeout

    # ---- pace

    @property
    def _cancel_heard(self) -> bool:
        return self._run.cancel_requested.is_set()

    @property
    def _wants_cancel(self) -> bool:
        return self._cancel_heard or self._has_run_too_long

    def _deadline(self) -> float:
        return self._loop.time() + self._settings.call_timeout.total_seconds()

    def _backoff(self) -> Backoff:
        first, most = self._settings.backoff_first, self._settings.backoff_most
        return Backoff(first.total_seconds(), most.total_seconds(), self._watching.chance)

    def _read_seconds(self, asked: float | None) -> float:
        """Return how long to wait for the next read: the interval, or less at first after a cancel."""
        usual = self._read_pace.seconds() if self._read_pace is not None else self._interval_seconds
        longest = max(usual, self._settings.backoff_most.total_seconds())
        return max(usual, min(asked or 0.0, longest))

    @property
    def _interval_seconds(self) -> float:
        interval = self._watching.poll_seconds
        is_told = self._heeds_hints and self._watching.hints.tell_of(self._job)
        return max(interval, READ_SECONDS_WHERE_TOLD) if is_told else interval

    async def _rest(self) -> None:
        """Wait for the next call that is due, a cancel, or a hint: not where the last read was in vain.

        The move that a hint tells of is then known already, and it is the workload that needs time.
        """
        if self._wants_cancel and self._cancel_at is None:
            return  # it came while the last answer was noted
        due = self._read_at if self._cancel_at is None else min(self._read_at, self._cancel_at)
        left = due - self._loop.time()
        if left > 0:
            await self._pause(left, self._for_hint if self._heeds_hints else asyncio.sleep)

    async def _for_hint(self, seconds: float) -> None:
        due = self._loop.time() + seconds
        await self._watching.hints.wait(self._job, seconds)
        if self._loop.time() < due:
            self._read_at = self._loop.time()

    async def _pause(self, seconds: float, wait: Callable[[float], Coroutine[Any, Any, None]]) -> None:
        if self._cancel_heard:
            await wait(seconds)
        else:
            await _first(wait(seconds), self._run.cancel_requested.wait())


def life_of(
    answer: Reported, job: Job, sent_at: datetime | None, now: datetime
) -> tuple[datetime | None, datetime]:
    """Return start and end of an ended job: the workload's where they make sense, else ours.

    A start that nobody named is that of the create call; an end never lies before the start.
    """
    ended_at = _within_life(answer.ended_at, job, now) or now
    started_at = job.started_at or _within_life(answer.started_at, job, now)
    if started_at is None and answer.status is not Status.CANCELLED:
        started_at = min(max(sent_at or job.submitted_at, job.submitted_at), ended_at)
    return started_at, max(ended_at, started_at or ended_at)


def _within_life(at: datetime | None, job: Job, now: datetime) -> datetime | None:
    """Return *at* moved into the job's life as our clock has it, or None where it is too far outside."""
    if at is None or not job.submitted_at - CLOCKS_DIFFER_BY <= at <= now + CLOCKS_DIFFER_BY:
        return None
    return min(max(at, job.submitted_at), now)


T = TypeVar("T")


async def _first(work: Coroutine[Any, Any, T], signal: Coroutine[Any, Any, object]) -> T | None:
    """Await *work*; give it up and return None where *signal* ends first."""
    tasks = asyncio.ensure_future(work), asyncio.ensure_future(signal)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
