"""What becomes of a job when an attempt failed: it has failed, or it starts again after a while."""

from __future__ import annotations

from datetime import timedelta

from weft.engine.engine import MOST_RESTARTS
from weft.engine.jobs import Again, Failed, Job, JobError, RunPolicy

# Two to this power, times anything but nothing, is longer than any longest wait.
_MOST_DOUBLINGS = 64


def judged(job: Job, failed: Failed, policy: RunPolicy, *, lost: bool) -> Failed | Again:
    """Return what the failure of the attempt that *job* is in means. *lost*: its process died.

    An attempt that was lost is none that failed, where the job is resumable: they are counted apart.
    """
    if lost and policy.resumable and job.losses < MOST_RESTARTS:
        return Again(failed.error, wait_after(job.losses + 1, policy), lost=True)
    failures = job.attempt - job.losses
    if failed.error.is_permanent is not True and failures <= policy.retries:
        return Again(failed.error, wait_after(failures, policy))
    return failed


def wait_after(failures: int, policy: RunPolicy) -> timedelta:
    """Return how long a job waits after so many failures: twice as long each time, up to the most."""
    seconds = policy.backoff_first.total_seconds() * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    return timedelta(seconds=min(seconds, policy.backoff_most.total_seconds()))


def timed_out(timeout: timedelta) -> JobError:
    seconds = _said(timeout)
    return JobError("JobTimedOut", f"The job ran longer than {seconds} and was stopped.", is_permanent=False)


def told(job: Job, again: Again) -> str:
    """Return the line of the job's log that says why it starts again, and when."""
    how = "was lost" if again.lost else "failed"
    error = again.error
    return f"attempt {job.attempt} {how}: {error.code}: {error.message}; next in {_said(again.after)}"


def _said(length: timedelta) -> str:
    return f"{round(length.total_seconds(), 3):.12g} s"
