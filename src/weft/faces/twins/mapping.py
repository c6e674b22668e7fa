"""Where the words of Digital Twins and the engine's meet: bulk jobs as the contract shows them."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import UNSET, UnsetType

from weft.contracts import twins as wire
from weft.engine.jobs import Job
from weft.engine.lifecycle import State

# A bulk job begins with START and is never a duplicate: the other states cannot occur.
STATUS = {
    State.ACCEPTED: wire.Status.NOT_STARTED,
    State.RUNNING: wire.Status.RUNNING,
    State.COMPLETED: wire.Status.SUCCEEDED,
    State.FAILED: wire.Status.FAILED,
    State.CANCELLED: wire.Status.CANCELLED,
}
# The contract has no cancelled deletion, and no call that cancels one.
DELETION_STATUS = {**STATUS, State.CANCELLED: wire.Status.FAILED}


def import_job(job: Job, keeps: timedelta) -> wire.ImportJob:
    """Return *job* as the contract shows it; *keeps*: how long after its creation it is purged."""
    is_cancelled = job.state is State.CANCELLED  # as recorded: it has no finishedDateTime
    return wire.ImportJob(
        id=job.key.id,
        input_blob_uri=job.labels["input"],
        output_blob_uri=job.labels["output"],
        created_date_time=utc(job.submitted_at),
        last_action_date_time=utc(_last_action(job)),
        finished_date_time=UNSET if is_cancelled else _finished(job),
        purge_date_time=utc(job.submitted_at + keeps),
        status=_status(job),
        error=_error(job),
    )


def delete_job(job: Job, keeps: timedelta) -> wire.DeleteJob:
    return wire.DeleteJob(
        id=job.key.id,
        created_date_time=utc(job.submitted_at),
        finished_date_time=_finished(job),
        purge_date_time=utc(job.submitted_at + keeps),
        status=DELETION_STATUS[job.state],
        error=_error(job),
    )


def utc(instant: datetime) -> str:
    """Return *instant* as recorded: `Z`, and the fraction without trailing zeros."""
    whole, _, fraction = instant.replace(tzinfo=None).isoformat(timespec="microseconds").partition(".")
    digits = fraction.rstrip("0")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def _status(job: Job) -> wire.Status:
    if job.state is State.RUNNING and job.cancel_requested:
        return wire.Status.CANCELLING
    return STATUS[job.state]


def _last_action(job: Job) -> datetime:
    if job.ended_at is not None:
        return job.ended_at  # as recorded: the same as finishedDateTime
    actions = (job.submitted_at, job.started_at, job.cancel_requested_at)
    return max(action for action in actions if action is not None)


def _finished(job: Job) -> str | UnsetType:
    return UNSET if job.ended_at is None else utc(job.ended_at)


def _error(job: Job) -> wire.JobError | UnsetType:
    return UNSET if job.error is None else wire.JobError(job.error.code, job.error.message)
