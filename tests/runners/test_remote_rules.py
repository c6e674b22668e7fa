"""The rules of a job at its workload, in virtual time: hours pass in milliseconds, restarts included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import BEGINNING, VirtualClock, virtually
from weft.contracts.workload import Status
from weft.engine.clock import AdjustableClock
from weft.engine.engine import Engine
from weft.engine.events import Events
from weft.engine.jobs import ErrorDetail, Job, JobError, JobKey, NewJob, WhenLost
from weft.engine.lifecycle import Event, State
from weft.engine.ports import Clock
from weft.engine.worker import Habits, Worker
from weft.runners.remote_workload import DEAD_LETTERED, NOT_FOUND, UNKNOWN_ERROR, Hints, Watching
from weft.runners.workload_answers import (
    Accepted,
    Answer,
    Busy,
    Faulty,
    Missing,
    Refused,
    Reported,
    Silence,
)
from weft.settings import CallerSettings

KEY = JobKey("core/w/i", "job")
SETTINGS = CallerSettings()
POLL = timedelta(seconds=10)
HABITS = Habits(
    queue="core",
    slots=9,
    begins=Event.DISPATCH,
    cancel_wins=False,
    adopts=True,
    # Everything here is told by events: a worker that seldom looks lets days pass quickly.
    lease=timedelta(hours=12),
    heartbeat=timedelta(hours=6),
    look_again=timedelta(hours=1),
)

IN_PROGRESS = Reported(Status.IN_PROGRESS)
NOT_STARTED = Reported(Status.NOT_STARTED)
COMPLETED = Reported(Status.COMPLETED)
CANCELLED = Reported(Status.CANCELLED)
RESET = Silence("reset")
NOT_CONNECTED = Silence("refused", arrived=False)

Answers = list[Answer]


class Script:
    """A workload that gives the answers of a list, the last one again and again, and notes its calls."""

    def __init__(self, *, create: Answers, read: Answers, cancel: Answers | None = None) -> None:
        self.answers = {"create": create, "read": read, "cancel": cancel or [Missing()]}
        self.asked: list[tuple[str, float]] = []
        self.takes_seconds = {"create": 0.0, "read": 0.0, "cancel": 0.0}
        self.when: dict[str, Callable[[], None]] = {}

    async def create(self, job: Job, *, by: float) -> Answer:
        return await self._answer("create", by)

    async def read(self, job: Job, *, by: float) -> Answer:
        return await self._answer("read", by)

    async def cancel(self, job: Job, *, by: float) -> Answer:
        return await self._answer("cancel", by)

    def times(self, call: str) -> list[float]:
        return [at for asked, at in self.asked if asked == call]

    async def _answer(self, call: str, by: float) -> Answer:
        loop = asyncio.get_running_loop()
        self.asked.append((call, loop.time()))
        answers = self.answers[call]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        takes = self.takes_seconds[call]
        await asyncio.sleep(min(takes, by - loop.time()))
        return answer if loop.time() < by else Silence("timeout")


class Stage:
    """A server's core queue over *store*, whose workload follows *script*."""

    def __init__(
        self,
        store: DirectStore,
        script: Script,
        settings: CallerSettings = SETTINGS,
        hints: Hints | None = None,
        clock: Clock | None = None,
        poll: timedelta = POLL,
    ) -> None:
        self.engine = Engine(store, clock or VirtualClock(), Events(), steady=VirtualClock())
        runner = Watching(
            settings,
            poll=poll,
            clock=self.engine.clock,
            steady=self.engine.steady,
            calls=script,
            hints=hints,
            chance=lambda: 0.5,
        )
        self._working = asyncio.create_task(Worker(self.engine, runner, HABITS).work())

    async def submit(self) -> None:
        await self.engine.submit(NewJob(key=KEY, queue="core", kind="k", when_lost=WhenLost.ADOPT))

    async def end(self, *, within: timedelta = timedelta(days=3)) -> Job:
        job = await self.engine.wait(KEY, seconds=within.total_seconds())
        await self.stop()
        assert job.is_final, f"the job hangs in {job.state}"
        return job

    async def after(self, seconds: float) -> Job:
        await asyncio.sleep(seconds)
        return await self.engine.get(KEY)

    async def stop(self) -> None:
        """Stop as a crash does: nothing more is written."""
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectStore]:
    store = DirectStore(tmp_path / "weft.db")
    yield store
    store.close()


def at(seconds: float) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)


def run_to_end(
    store: DirectStore,
    script: Script,
    *,
    cancel_after: float | None = None,
    settings: CallerSettings = SETTINGS,
) -> Job:
    async def main() -> Job:
        stage = Stage(store, script, settings)
        await stage.submit()
        if cancel_after is not None:
            await asyncio.sleep(cancel_after)
            await stage.engine.cancel(KEY)
        return await stage.end()

    return virtually(main())


def code_of(job: Job) -> str:
    assert job.error is not None
    return job.error.code


def waits_of(script: Script, call: str) -> list[float]:
    return [later - sooner for sooner, later in pairwise(script.times(call))]


# ---- creating


def test_create_is_repeated_with_growing_waits_until_it_is_answered(store: DirectStore) -> None:
    script = Script(create=[RESET, Busy(500, JobError("", "")), NOT_CONNECTED, Accepted()], read=[COMPLETED])

    job = run_to_end(store, script)

    assert job.state is State.COMPLETED
    assert job.attempt == 4
    assert waits_of(script, "create") == pytest.approx([1, 2, 4])


def test_retry_after_is_kept_but_not_beyond_the_longest_backoff(store: DirectStore) -> None:
    busy = JobError("", "busy")
    script = Script(create=[Busy(503, busy, 7), Busy(429, busy, 10**9), Accepted()], read=[COMPLETED])

    run_to_end(store, script)

    first, second, third = script.times("create")
    assert second - first == pytest.approx(7)
    assert third - second == pytest.approx(SETTINGS.backoff_most.total_seconds() * 1.2)


def test_a_deadline_is_durable_before_its_create_call_is_sent(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[COMPLETED])
    script.takes_seconds["create"] = 5

    async def main() -> Job:
        stage = Stage(store, script)
        await stage.submit()
        under_way = await stage.after(1)
        await stage.end()
        return under_way

    under_way = virtually(main())

    assert under_way.send_deadline is not None
    assert under_way.send_deadline - SETTINGS.call_timeout == at(script.times("create")[0])


def test_a_refused_create_fails_the_job_with_its_error(store: DirectStore) -> None:
    refusal = Refused(400, JobError("InvalidPayload", "no"))

    job = run_to_end(store, Script(create=[refusal], read=[Missing()]))

    assert job.state is State.FAILED
    assert job.error == refusal.error


def test_a_refused_repeat_does_not_deny_what_the_first_call_began(store: DirectStore) -> None:
    script = Script(
        create=[RESET, Refused(409, JobError("Exists", "it exists"))], read=[IN_PROGRESS, COMPLETED]
    )

    job = run_to_end(store, script)

    assert job.state is State.COMPLETED


def test_calls_that_never_connected_fail_the_job_without_a_read(store: DirectStore) -> None:
    script = Script(create=[NOT_CONNECTED], read=[Missing()])

    job = run_to_end(store, script)

    assert code_of(job) == "WorkloadUnreachable"
    assert script.times("read") == []


def test_unanswered_calls_are_decided_by_a_404_after_their_deadline(store: DirectStore) -> None:
    script = Script(create=[RESET], read=[Missing()])

    job = run_to_end(store, script)

    last_create = script.times("create")[-1]
    assert job.state is State.FAILED
    assert job.ended_at is not None
    assert job.ended_at > at(last_create) + SETTINGS.call_timeout
    assert job.ended_at < at(last_create) + SETTINGS.call_timeout + timedelta(seconds=1)


def test_unanswered_calls_that_had_arrived_are_found_by_a_read(store: DirectStore) -> None:
    script = Script(create=[RESET], read=[Missing(), IN_PROGRESS, COMPLETED])

    job = run_to_end(store, script)

    assert job.state is State.COMPLETED


# ---- cancelling


def test_no_create_is_sent_after_a_cancel(store: DirectStore) -> None:
    script = Script(create=[RESET], read=[Missing()], cancel=[Missing()])

    run_to_end(store, script, cancel_after=0.5)

    assert len(script.times("create")) == 1


def test_a_cancel_of_what_never_connected_needs_no_call(store: DirectStore) -> None:
    script = Script(create=[NOT_CONNECTED], read=[Missing()])

    job = run_to_end(store, script, cancel_after=0.5)

    assert job.state is State.CANCELLED
    assert job.ended_at == at(0.5)
    assert script.times("cancel") == []


def test_a_404_is_believed_only_after_the_deadline_of_the_create(store: DirectStore) -> None:
    script = Script(create=[RESET], read=[Missing()], cancel=[Missing()])

    job = run_to_end(store, script, cancel_after=0.5)

    assert job.state is State.CANCELLED
    assert job.ended_at is not None
    assert job.ended_at > at(0) + SETTINGS.call_timeout
    assert len(script.times("read")) > 3


def test_a_cancel_waits_for_the_answer_to_the_create_and_follows_at_once(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS], cancel=[CANCELLED])
    script.takes_seconds["create"] = 8

    job = run_to_end(store, script, cancel_after=1)

    assert job.state is State.CANCELLED
    assert script.times("cancel") == [pytest.approx(8)]


def test_a_read_that_hangs_does_not_hold_up_a_cancel(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS], cancel=[CANCELLED])
    script.takes_seconds["read"] = 25

    run_to_end(store, script, cancel_after=5)

    assert script.times("cancel") == [pytest.approx(5)]


def test_a_cancel_that_comes_while_the_start_is_noted_follows_at_once(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS], cancel=[CANCELLED])

    async def main() -> Job:
        stage = Stage(store, script)
        noted = stage.engine.started

        async def noted_and_cancelled(job: Job, at: datetime) -> Job:
            moved = await noted(job, at)
            await stage.engine.cancel(KEY)
            return moved

        monkeypatch.setattr(stage.engine, "started", noted_and_cancelled)
        await stage.submit()
        return await stage.end()

    job = virtually(main())

    assert job.state is State.CANCELLED
    assert script.times("cancel") == script.times("read")


def test_a_cancel_is_repeated_with_growing_waits_until_the_job_has_ended(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS], cancel=[*[IN_PROGRESS] * 9, CANCELLED])

    job = run_to_end(store, script, cancel_after=3)

    assert job.state is State.CANCELLED
    assert waits_of(script, "cancel") == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


def test_after_a_cancel_the_state_is_read_quickly_at_first(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[*[IN_PROGRESS] * 5, CANCELLED], cancel=[IN_PROGRESS])

    job = run_to_end(store, script, cancel_after=3)

    reads = [time - 3 for time in script.times("read") if time > 3]
    assert job.state is State.CANCELLED
    assert reads[:3] == pytest.approx([0.1, 0.3, 0.7], abs=0.01)


def test_completion_may_win_against_a_cancel(store: DirectStore) -> None:
    job = run_to_end(
        store, Script(create=[Accepted()], read=[IN_PROGRESS], cancel=[COMPLETED]), cancel_after=3
    )

    assert job.state is State.COMPLETED
    assert job.cancel_requested


def test_a_cancel_that_nobody_answers_ends_as_unknown_and_never_as_cancelled(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS, RESET], cancel=[RESET])

    job = run_to_end(store, script, cancel_after=3)

    assert job.state is State.FAILED
    assert code_of(job) == UNKNOWN_ERROR
    assert job.error is not None
    assert "outcome unknown, work may still run" in job.error.message
    assert job.ended_at is not None
    assert job.ended_at >= at(3) + SETTINGS.outcome_unknown_after
    assert job.ended_at < at(3) + SETTINGS.outcome_unknown_after + timedelta(minutes=2)


def test_silence_counts_from_the_cancel_and_not_from_before_it(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS, RESET], cancel=[RESET])
    hours = 5 * 3600

    job = run_to_end(store, script, cancel_after=hours)

    assert code_of(job) == UNKNOWN_ERROR
    assert job.ended_at is not None
    assert job.ended_at >= at(hours) + SETTINGS.outcome_unknown_after


def test_a_workload_that_goes_on_answering_is_waited_for_however_long_it_takes(store: DirectStore) -> None:
    settings = replace(SETTINGS, outcome_unknown_after=timedelta(minutes=20))
    reads: Answers = [*[IN_PROGRESS] * 360, CANCELLED]

    job = run_to_end(
        store, Script(create=[Accepted()], read=reads, cancel=[RESET]), cancel_after=3, settings=settings
    )

    assert job.state is State.CANCELLED
    assert job.ended_at is not None
    assert job.ended_at > at(0) + 2 * settings.outcome_unknown_after


# ---- what goes wrong while it runs


def test_a_job_that_does_not_start_for_two_hours_is_a_dead_letter(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[NOT_STARTED], cancel=[NOT_STARTED])

    job = run_to_end(store, script)

    assert (job.state, code_of(job)) == (State.FAILED, DEAD_LETTERED)
    assert job.ended_at is not None
    assert timedelta() <= job.ended_at - at(0) - SETTINGS.dead_letter_after <= POLL
    assert len(script.times("cancel")) == 1


def test_a_dead_letter_that_had_ended_after_all_keeps_its_end(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[RESET], cancel=[COMPLETED])

    job = run_to_end(store, script)

    assert job.state is State.COMPLETED


@pytest.mark.parametrize("answer", [NOT_STARTED, IN_PROGRESS, Missing()], ids=["waits", "runs", "not there"])
def test_a_clock_that_is_moved_on_for_days_ends_no_job(
    tmp_path: Path, store: DirectStore, answer: Answer
) -> None:
    """Only real time counts for what a workload takes: a jump of the clock is none."""
    script = Script(create=[Accepted()], read=[answer])

    async def main() -> Job:
        clock = AdjustableClock.open(tmp_path / "clock", VirtualClock())
        stage = Stage(store, script, clock=clock)
        await stage.submit()
        await asyncio.sleep(15)
        clock.move_on(clock.now() + timedelta(days=3))
        assert not (await stage.after(15)).is_final
        script.answers["read"] = [COMPLETED]
        return await stage.end()

    job = virtually(main())

    assert job.state is State.COMPLETED
    assert job.ended_at is not None
    assert job.ended_at - job.submitted_at > timedelta(days=3)


def test_a_running_job_is_gone_after_three_misses_over_three_minutes(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS, Missing()])

    job = run_to_end(store, script)

    first_miss = script.times("read")[1]
    assert (job.state, code_of(job)) == (State.FAILED, NOT_FOUND)
    assert job.ended_at is not None
    assert timedelta() <= job.ended_at - at(first_miss) - SETTINGS.missing_for <= POLL


def test_misses_that_are_not_in_a_row_are_forgotten(store: DirectStore) -> None:
    reads: Answers = [IN_PROGRESS]
    for _ in range(10):
        reads += [*[Missing()] * 15, IN_PROGRESS]

    job = run_to_end(store, Script(create=[Accepted()], read=[*reads, COMPLETED]))

    assert job.state is State.COMPLETED


def test_ten_faulty_answers_in_a_row_are_a_contract_error(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS, Faulty("unknown status 'Paused'")])

    job = run_to_end(store, script)

    assert (job.state, code_of(job)) == (State.FAILED, "WorkloadContractError")
    assert job.error is not None
    assert "'Paused'" in job.error.message
    assert len(script.times("read")) == 1 + SETTINGS.contract_faults


def test_faulty_answers_change_nothing_while_good_ones_come_between(store: DirectStore) -> None:
    nine: Answers = [Faulty("?")] * 9
    reads: Answers = [*nine, IN_PROGRESS, *nine, IN_PROGRESS, *nine, COMPLETED]

    job = run_to_end(store, Script(create=[Accepted()], read=reads))

    assert job.state is State.COMPLETED


def test_a_workload_that_is_away_for_a_day_does_not_fail_a_running_job(store: DirectStore) -> None:
    refused = Refused(401, JobError("AuthError", "expired"))
    reads: Answers = [IN_PROGRESS, *[RESET] * 4000, *[refused] * 4640, COMPLETED]

    job = run_to_end(store, Script(create=[Accepted()], read=reads))

    assert job.state is State.COMPLETED
    assert job.ended_at is not None
    assert job.ended_at > at(0) + timedelta(hours=23)


def test_a_job_that_runs_too_long_is_stopped_and_failed(store: DirectStore) -> None:
    settings = replace(SETTINGS, longest_run=timedelta(hours=1))
    script = Script(create=[Accepted()], read=[IN_PROGRESS], cancel=[IN_PROGRESS, CANCELLED])

    job = run_to_end(store, script, settings=settings)

    assert (job.state, code_of(job)) == (State.FAILED, "LongestRunExceeded")
    assert not job.cancel_requested
    assert script.times("cancel")[0] >= 3600


# ---- times


def reported_life(store: DirectStore, started_at: datetime | None, ended_at: datetime | None) -> Job:
    answer = Reported(Status.COMPLETED, started_at=started_at, ended_at=ended_at)
    script = Script(create=[Accepted()], read=[*[NOT_STARTED] * 6, answer])
    return run_to_end(store, script)


def test_times_of_the_workload_are_copied(store: DirectStore) -> None:
    job = reported_life(store, at(10), at(20))

    assert (job.started_at, job.ended_at) == (at(10), at(20))


@pytest.mark.parametrize(
    ("started_at", "ended_at"),
    [
        (at(20), at(10)),
        (datetime(9999, 12, 31, tzinfo=BEGINNING.tzinfo), datetime(9999, 12, 31, tzinfo=BEGINNING.tzinfo)),
        (datetime(1, 1, 1, tzinfo=BEGINNING.tzinfo), datetime(1, 1, 1, tzinfo=BEGINNING.tzinfo)),
        (None, None),
        (at(-100), at(100)),
    ],
)
def test_times_that_make_no_sense_are_replaced(
    store: DirectStore, started_at: datetime | None, ended_at: datetime | None
) -> None:
    job = reported_life(store, started_at, ended_at)

    assert job.started_at is not None
    assert job.ended_at is not None
    assert at(0) <= job.started_at <= job.ended_at <= at(62)


# ---- hints


class Bell:
    def __init__(self, *, tells: bool = False) -> None:
        self.rung = asyncio.Event()
        self._tells = tells

    def tell_of(self, job: Job) -> bool:
        return self._tells

    async def wait(self, job: Job, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.rung.wait(), seconds)
            self.rung.clear()
        except TimeoutError:
            return


def test_a_hint_brings_the_next_read_forward(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS, COMPLETED])

    async def main() -> Job:
        bell = Bell()
        stage = Stage(store, script, hints=bell)
        await stage.submit()
        asyncio.get_running_loop().call_later(3.5, bell.rung.set)
        return await stage.end()

    job = virtually(main())

    assert job.state is State.COMPLETED
    assert script.times("read")[1] == pytest.approx(3.5)


def test_a_job_whose_every_move_is_told_is_read_seldom(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS, IN_PROGRESS, RESET, IN_PROGRESS, COMPLETED])

    async def main() -> Job:
        stage = Stage(store, script, hints=Bell(tells=True), poll=timedelta(seconds=2))
        await stage.submit()
        return await stage.end()

    job = virtually(main())

    assert job.state is State.COMPLETED
    assert waits_of(script, "read") == pytest.approx([10, 10, 2, 10])  # 2: after an answer that told nothing


class Ringing:
    """Hints of a job that has ended at its workload: there is no wait any more."""

    def tell_of(self, job: Job) -> bool:
        return False

    async def wait(self, job: Job, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


@pytest.mark.parametrize(
    ("trouble", "wait"),
    [
        (Busy(429, JobError("", "busy"), 30), 30),
        (Refused(401, JobError("", "who?")), 10),
        (Missing(), 10),
        (RESET, 10),
    ],
)
def test_a_hint_does_not_hurry_a_read_that_was_in_vain(
    store: DirectStore, trouble: Answer, wait: float
) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS, trouble, COMPLETED])

    async def main() -> Job:
        stage = Stage(store, script, hints=Ringing())
        await stage.submit()
        return await stage.end()

    job = virtually(main())

    assert job.state is State.COMPLETED
    assert waits_of(script, "read") == pytest.approx([0.01, wait])


# ---- a restart at each stage


def restarted(
    store: DirectStore,
    before: Script,
    after: Script,
    *,
    stops_after: float,
    down_for: timedelta = timedelta(seconds=5),
    cancelled: bool = False,
) -> Job:
    async def main() -> Job:
        first = Stage(store, before)
        await first.submit()
        await asyncio.sleep(stops_after)
        if cancelled:
            await first.engine.cancel(KEY)
        await first.stop()
        await asyncio.sleep(down_for.total_seconds())
        await store.expire_leases(VirtualClock().now())
        return await Stage(store, after).end()

    return virtually(main())


def hanging(call: str) -> Script:
    script = Script(create=[Accepted()], read=[IN_PROGRESS], cancel=[IN_PROGRESS])
    script.takes_seconds[call] = 1000
    return script


def test_a_restart_while_creating_creates_again(store: DirectStore) -> None:
    after = Script(create=[Accepted()], read=[COMPLETED])

    job = restarted(store, hanging("create"), after, stops_after=2)

    assert job.state is State.COMPLETED
    assert job.attempt == 2


def test_a_restart_before_the_first_create_sends_it(store: DirectStore) -> None:
    async def main() -> Job:
        await Engine(store, VirtualClock(), Events()).submit(
            NewJob(key=KEY, queue="core", kind="k", when_lost=WhenLost.ADOPT)
        )
        engine = Engine(store, VirtualClock(), Events())
        await engine.claim("core", Event.DISPATCH, worker="gone", limit=1, lease=timedelta(seconds=1))
        await asyncio.sleep(2)
        return await Stage(store, script).end()

    script = Script(create=[Accepted()], read=[COMPLETED])

    job = virtually(main())

    assert job.state is State.COMPLETED
    assert job.attempt == 1


def test_a_cancelled_job_that_was_never_sent_is_not_sent_after_a_restart(store: DirectStore) -> None:
    async def main() -> Job:
        engine = Engine(store, VirtualClock(), Events())
        await engine.submit(NewJob(key=KEY, queue="core", kind="k", when_lost=WhenLost.ADOPT))
        await engine.claim("core", Event.DISPATCH, worker="gone", limit=1, lease=timedelta(seconds=1))
        await engine.cancel(KEY)
        await asyncio.sleep(2)
        return await Stage(store, script).end()

    script = Script(create=[Accepted()], read=[COMPLETED])

    job = virtually(main())

    assert job.state is State.CANCELLED
    assert script.asked == []


def test_a_restart_while_running_goes_on_reading(store: DirectStore) -> None:
    after = Script(create=[Refused(500, JobError("", ""))], read=[COMPLETED])

    job = restarted(store, hanging("cancel"), after, stops_after=15)

    assert job.state is State.COMPLETED
    assert after.times("create") == []
    assert job.epoch == 2


def test_a_restart_carries_an_accepted_cancel_out(store: DirectStore) -> None:
    after = Script(create=[Accepted()], read=[IN_PROGRESS], cancel=[CANCELLED])

    job = restarted(store, hanging("cancel"), after, stops_after=15, cancelled=True)

    assert job.state is State.CANCELLED
    assert [call for call, _ in after.asked] == ["cancel"]


def test_a_restart_with_a_cancel_while_creating_does_not_create_again(store: DirectStore) -> None:
    after = Script(create=[Accepted()], read=[Missing()], cancel=[Missing()])

    job = restarted(store, hanging("create"), after, stops_after=2, cancelled=True)

    assert job.state is State.CANCELLED
    assert after.times("create") == []
    assert job.ended_at is not None
    assert job.ended_at > at(0) + SETTINGS.call_timeout


def test_create_calls_of_earlier_lives_count(store: DirectStore) -> None:
    settings_spent = replace(SETTINGS, create_attempts=1)
    after = Script(create=[Accepted()], read=[Missing()])

    async def main() -> Job:
        first = Stage(store, hanging("create"), settings_spent)
        await first.submit()
        await asyncio.sleep(2)
        await first.stop()
        await store.expire_leases(VirtualClock().now())
        return await Stage(store, after, settings_spent).end()

    job = virtually(main())

    assert after.times("create") == []
    assert code_of(job) == NOT_FOUND


def test_a_server_that_was_down_for_long_asks_before_it_calls_the_outcome_unknown(store: DirectStore) -> None:
    after = Script(create=[Accepted()], read=[RESET, COMPLETED], cancel=[RESET])

    job = restarted(
        store, hanging("cancel"), after, stops_after=15, down_for=timedelta(hours=5), cancelled=True
    )

    assert job.state is State.COMPLETED


def test_an_error_keeps_its_details(store: DirectStore) -> None:
    error = JobError("E", "m", "User", True, ("p",), (ErrorDetail("d", "n"),))
    script = Script(create=[Accepted()], read=[Reported(Status.FAILED, error=error)])

    job = run_to_end(store, script)

    assert job.error == error
