"""Answers that come twice, late or never, in virtual time: the newest stands, and nothing hangs for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.direct_store import DirectStore
from tests.engine.virtual_time import virtually
from tests.runners.test_remote_rules import (
    COMPLETED,
    IN_PROGRESS,
    KEY,
    NOT_CONNECTED,
    NOT_STARTED,
    RESET,
    SETTINGS,
    Answers,
    Script,
    Stage,
    at,
    code_of,
    run_to_end,
)
from weft.contracts.workload import Status
from weft.engine.jobs import Job, JobError
from weft.engine.lifecycle import State
from weft.runners.remote_workload import UNKNOWN_ERROR
from weft.runners.workload_answers import Accepted, Answer, Busy, Refused, Reported, Silence


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectStore]:
    store = DirectStore(tmp_path / "weft.db")
    yield store
    store.close()


def running_since(seconds: float) -> Reported:
    return Reported(Status.IN_PROGRESS, started_at=at(seconds))


def test_an_old_answer_after_a_newer_one_takes_nothing_back(store: DirectStore) -> None:
    script = Script(
        create=[Accepted()], read=[running_since(1), NOT_STARTED, running_since(15), NOT_STARTED, COMPLETED]
    )
    seen: list[State] = []

    async def main() -> Job:
        stage = Stage(store, script)
        await stage.submit()
        for _ in range(4):
            seen.append((await stage.after(10)).state)
        return await stage.end()

    job = virtually(main())

    assert seen == [State.RUNNING] * 4
    assert job.state is State.COMPLETED
    assert job.started_at == at(1)


def test_the_same_answer_again_and_again_changes_nothing(store: DirectStore) -> None:
    script = Script(create=[Accepted()], read=[*[running_since(1)] * 50, COMPLETED])

    job = run_to_end(store, script)

    assert (job.state, job.started_at) == (State.COMPLETED, at(1))
    assert job.attempt == 1


@pytest.mark.parametrize(
    "late", [Reported(Status.FAILED, error=JobError("E", "m")), Reported(Status.CANCELLED), IN_PROGRESS]
)
def test_a_job_that_has_ended_is_asked_nothing_more(store: DirectStore, late: Answer) -> None:
    script = Script(create=[Accepted()], read=[IN_PROGRESS, COMPLETED, late], cancel=[late])

    async def main() -> Job:
        stage = Stage(store, script)
        await stage.submit()
        ended = await stage.engine.wait(KEY, seconds=3600)
        asked = len(script.asked)
        await stage.after(3 * 86_400)
        assert len(script.asked) == asked
        assert await stage.engine.get(KEY) == ended
        await stage.stop()
        return ended

    assert virtually(main()).state is State.COMPLETED


def test_a_read_that_was_overtaken_by_a_cancel_is_not_heeded(store: DirectStore) -> None:
    """The read hangs while the cancel is sent: what it would have said is older than the cancel's answer."""
    script = Script(
        create=[Accepted()],
        read=[IN_PROGRESS, COMPLETED],
        cancel=[Reported(Status.CANCELLED, ended_at=at(12))],
    )

    async def main() -> Job:
        stage = Stage(store, script)
        await stage.submit()
        await asyncio.sleep(5)
        script.takes_seconds["read"] = 20
        await asyncio.sleep(7)  # the second read has begun and hangs
        await stage.engine.cancel(KEY)
        return await stage.end()

    job = virtually(main())

    assert len(script.times("read")) == 2
    assert (job.state, job.ended_at) == (State.CANCELLED, at(12))


NOBODY_HOME: list[Answer] = [
    RESET,
    NOT_CONNECTED,
    Silence("no endpoint was resolved: it answered 503", arrived=False, retry_after=7),
    Busy(503, JobError("", "busy"), 7),
    Busy(500, JobError("", "boom")),
    Refused(401, JobError("AuthError", "who?")),
]


@pytest.mark.parametrize("answer", NOBODY_HOME, ids=str)
@pytest.mark.parametrize("before", [[IN_PROGRESS], [NOT_STARTED]], ids=["running", "not started"])
def test_a_cancel_that_nobody_answers_has_an_end_whatever_nobody_says(
    store: DirectStore, before: Answers, answer: Answer
) -> None:
    script = Script(create=[Accepted()], read=[*before, answer], cancel=[answer])

    job = run_to_end(store, script, cancel_after=3)

    assert job.state is State.FAILED
    assert job.cancel_requested
    assert job.ended_at is not None
    waited = job.ended_at - at(3)
    if before == [IN_PROGRESS]:
        assert code_of(job) == UNKNOWN_ERROR
        assert (
            SETTINGS.outcome_unknown_after <= waited < SETTINGS.outcome_unknown_after + timedelta(minutes=2)
        )
    else:
        assert waited < SETTINGS.dead_letter_after + timedelta(minutes=2)


def test_an_answer_in_time_is_heeded_even_after_hours_of_silence(store: DirectStore) -> None:
    minutes = SETTINGS.outcome_unknown_after / timedelta(minutes=1) - 5
    script = Script(create=[Accepted()], read=[IN_PROGRESS, RESET], cancel=[RESET])

    async def main() -> Job:
        stage = Stage(store, script)
        await stage.submit()
        await asyncio.sleep(3)
        await stage.engine.cancel(KEY)
        await asyncio.sleep(minutes * 60)
        script.answers["read"] = [Reported(Status.CANCELLED)]
        return await stage.end()

    assert virtually(main()).state is State.CANCELLED


def test_a_service_that_says_when_to_ask_again_is_heeded(store: DirectStore) -> None:
    unresolved = Silence("no endpoint was resolved", arrived=False, retry_after=20)
    script = Script(create=[unresolved, Accepted()], read=[COMPLETED])

    job = run_to_end(store, script)

    first, second = script.times("create")
    assert second - first == pytest.approx(20)
    assert job.state is State.COMPLETED


def test_an_endpoint_that_is_never_resolved_fails_the_job_before_anything_was_sent(
    store: DirectStore,
) -> None:
    unresolved = Silence("no endpoint was resolved", arrived=False)
    script = Script(create=[unresolved], read=[COMPLETED])

    job = run_to_end(store, script)

    assert (job.state, code_of(job)) == (State.FAILED, "WorkloadUnreachable")
    assert script.times("read") == []
