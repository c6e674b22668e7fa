"""When a failed job starts again, and after how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.runners.support import a_job
from weft.engine.engine import MOST_RESTARTS
from weft.engine.jobs import Again, Failed, Job, JobError, RunPolicy
from weft.runners.attempts import judged, timed_out, told, wait_after

BROKE = Failed(JobError("Broke", "it broke"))
TWICE = RunPolicy(retries=2)
RESUMABLE = RunPolicy(resumable=True)


def at(attempt: int, losses: int = 0) -> Job:
    return replace(a_job("k", None, "T"), attempt=attempt, losses=losses)


def verdict(job: Job, policy: RunPolicy, failed: Failed = BROKE, *, lost: bool = False) -> str:
    found = judged(job, failed, policy, lost=lost)
    assert found.error == failed.error
    return "failed" if isinstance(found, Failed) else "lost" if found.lost else "again"


def test_a_job_fails_at_once_where_its_type_says_nothing() -> None:
    assert verdict(at(1), RunPolicy()) == "failed"
    assert verdict(at(1), RunPolicy(), lost=True) == "failed"


def test_a_job_starts_again_as_often_as_its_type_says() -> None:
    assert [verdict(at(attempt), TWICE) for attempt in (1, 2, 3, 4)] == ["again", "again", "failed", "failed"]


@pytest.mark.parametrize(("is_permanent", "found"), [(True, "failed"), (False, "again"), (None, "again")])
def test_an_error_that_stays_is_not_tried_again(is_permanent: bool | None, found: str) -> None:
    assert verdict(at(1), TWICE, Failed(JobError("E", "e", is_permanent=is_permanent))) == found


def test_a_process_that_died_is_a_failed_attempt_where_the_job_is_not_resumable() -> None:
    assert [verdict(at(n), TWICE, lost=True) for n in (1, 2, 3)] == ["again", "again", "failed"]


def test_a_resumable_job_is_started_again_when_it_was_lost_but_not_for_ever() -> None:
    found = [verdict(at(losses + 1, losses), RESUMABLE, lost=True) for losses in range(MOST_RESTARTS + 2)]

    assert found == [*["lost"] * MOST_RESTARTS, "failed", "failed"]
    assert verdict(at(1), RESUMABLE) == "failed"


def test_attempts_that_were_lost_are_none_that_failed() -> None:
    both = replace(TWICE, resumable=True)

    assert verdict(at(7, losses=5), both) == "again"
    assert verdict(at(8, losses=5), both) == "failed"
    assert verdict(at(12, losses=MOST_RESTARTS), both, lost=True) == "again"


def test_waits_double_up_to_the_most_however_many_failures_there_were() -> None:
    policy = RunPolicy(backoff_first=timedelta(seconds=0.5), backoff_most=timedelta(seconds=3))

    waits = [wait_after(failures, policy).total_seconds() for failures in (1, 2, 3, 4, 5, 10_000)]

    assert waits == [0.5, 1, 2, 3, 3, 3]


def test_the_first_wait_is_no_longer_than_the_most_and_may_be_nothing() -> None:
    long = RunPolicy(backoff_first=timedelta(hours=1), backoff_most=timedelta(seconds=3))
    none = RunPolicy(backoff_first=timedelta(0), backoff_most=timedelta(0))

    assert wait_after(1, long) == timedelta(seconds=3)
    assert wait_after(100, none) == timedelta(0)


def test_an_attempt_waits_by_how_many_failed_before_it() -> None:
    policy = RunPolicy(retries=5, resumable=True)

    failed = judged(at(6, losses=3), BROKE, policy, lost=False)
    lost = judged(at(6, losses=3), BROKE, policy, lost=True)

    assert failed == Again(BROKE.error, timedelta(seconds=4))
    assert lost == Again(BROKE.error, timedelta(seconds=8), lost=True)


def test_words_say_what_went_wrong_and_when_the_job_goes_on() -> None:
    again = Again(BROKE.error, timedelta(seconds=2))

    assert told(at(1), again) == "attempt 1 failed: Broke: it broke; next in 2 s"
    assert told(at(3), replace(again, lost=True)) == "attempt 3 was lost: Broke: it broke; next in 2 s"
    assert timed_out(timedelta(seconds=90)).message == "The job ran longer than 90 s and was stopped."
    assert timed_out(timedelta(milliseconds=250)).message == "The job ran longer than 0.25 s and was stopped."
    assert timed_out(timedelta(days=24)).message == "The job ran longer than 2073600 s and was stopped."
