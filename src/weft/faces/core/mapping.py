"""Where Core's words and the engine's meet: jobs, workspaces and items as the contract shows them."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET

from weft.catalog.model import Item, Workspace
from weft.contracts import core as wire
from weft.engine.jobs import Job, JobError
from weft.engine.lifecycle import State

STATUS = {
    State.ACCEPTED: wire.Status.NOT_STARTED,
    State.DISPATCHING: wire.Status.NOT_STARTED,
    State.RUNNING: wire.Status.IN_PROGRESS,
    State.COMPLETED: wire.Status.COMPLETED,
    State.FAILED: wire.Status.FAILED,
    State.CANCELLED: wire.Status.CANCELLED,
    State.DEDUPED: wire.Status.DEDUPED,
}

FAILED = wire.FailureCode.FAILED.value
NO_DETAIL = "Job instance failed without detail error"

# The platform's own codes; any other is the workload's, and is shown under JobInstanceStatusFailed.
PLATFORM_CODES = frozenset(code.value for code in wire.FailureCode)


def job_instance(job: Job, request_id: str) -> wire.ItemJobInstance:
    """Return *job* as Core shows it; *request_id* is that of the call that shows it."""
    labels = job.labels
    return wire.ItemJobInstance(
        id=job.key.id,
        item_id=labels["item"],
        job_type=job.kind,
        invoke_type=labels["invoke_type"],
        status=STATUS[job.state],
        failure_reason=None if job.error is None else failure_reason(job.error, request_id),
        root_activity_id=labels["request_id"],
        # The service shows a start from the first moment on: when the job was asked for.
        start_time_utc=utc(job.started_at or job.submitted_at),
        end_time_utc=None if job.ended_at is None else utc(job.ended_at),
    )


def failure_reason(error: JobError, request_id: str) -> wire.ErrorResponse:
    details = [wire.ErrorResponseDetails(detail.code, detail.message) for detail in error.details]
    if error.code and error.code not in PLATFORM_CODES:
        details.insert(0, wire.ErrorResponseDetails(error.code, error.message))
    return wire.ErrorResponse(
        request_id=request_id,
        error_code=error.code if error.code in PLATFORM_CODES else FAILED,
        more_details=details or UNSET,
        message=error.message or NO_DETAIL,
        is_retriable=error.is_permanent is False,
    )


def workspace(known: Workspace) -> wire.Workspace:
    return wire.Workspace(
        id=known.id,
        display_name=known.display_name,
        description=UNSET if known.description is None else known.description,
    )


def item(known: Item) -> wire.Item:
    return wire.Item(
        id=known.id,
        type=known.type,
        display_name=known.display_name,
        description=UNSET if known.description is None else known.description,
        workspace_id=known.workspace,
    )


def utc(instant: datetime) -> str:
    """Return *instant* as the service writes it: no zone, the fraction without trailing zeros."""
    whole, _, fraction = instant.replace(tzinfo=None).isoformat(timespec="microseconds").partition(".")
    digits = fraction.rstrip("0")
    return f"{whole}.{digits}" if digits else whole
