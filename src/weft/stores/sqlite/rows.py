"""Between rows and what they stand for: jobs, lines, workspaces, items."""

from __future__ import annotations

from math import nan

from weft.catalog.model import Item, Workspace
from weft.engine.jobs import Changes, Job, JobError, JobKey, LogLine, Move, Progress, WhenLost
from weft.engine.lifecycle import State
from weft.engine.ports import Claim
from weft.stores.sqlite.values import (
    Bindings,
    Row,
    error_of,
    instant,
    instant_or_none,
    json_text,
    labels_of,
    micros,
    micros_or_none,
)

# A payload up to this size lies in the row of its job: one page then still holds several jobs.
INLINE_BYTES = 1024

_STATES = {state.value: state for state in State}
_WHEN_LOST = {when.value: when for when in WhenLost}


def job_of(row: Row) -> Job:
    """Return the job of a row: all columns of `jobs`, the name of its scope, its large payload or NULL."""
    (
        number, _, id, queue, kind, state, submitted_at, available_at, started_at, ended_at,
        cancel_requested_at, cancel_requested_by, attempt, epoch, worker, lease_until, send_deadline,
        when_lost, submitted_by, fingerprint, labels, done, total, text, payload, result, error,
        unique_key, losses, family, scope, large,
    ) = row  # fmt: skip
    return Job(
        key=JobKey(scope, id),
        queue=queue,
        kind=kind,
        payload=large if payload is None else payload,
        labels=labels_of(labels),
        fingerprint=fingerprint,
        submitted_by=submitted_by,
        when_lost=_WHEN_LOST[when_lost],
        state=_STATES[state],
        submitted_at=instant(submitted_at),
        available_at=instant(available_at),
        number=number,
        started_at=instant_or_none(started_at),
        ended_at=instant_or_none(ended_at),
        cancel_requested_at=instant_or_none(cancel_requested_at),
        cancel_requested_by=cancel_requested_by,
        attempt=attempt,
        epoch=epoch,
        worker=worker,
        lease_until=instant_or_none(lease_until),
        send_deadline=instant_or_none(send_deadline),
        result=result,
        error=None if error is None else error_of(error),
        progress=None if text is None else Progress(_number(done), _number(total), text),
        unique=unique_key or "",
        family="" if family is None else above(scope),
        losses=losses,
    )


def row_of(job: Job) -> Bindings:
    """Return what `insert` binds."""
    progress = job.progress
    return {
        "scope": job.key.scope,
        "id": job.key.id,
        "queue": job.queue,
        "kind": job.kind,
        "state": job.state,
        "submitted_at": micros(job.submitted_at),
        "available_at": micros(job.available_at),
        "started_at": micros_or_none(job.started_at),
        "ended_at": micros_or_none(job.ended_at),
        "cancel_requested_at": micros_or_none(job.cancel_requested_at),
        "cancel_requested_by": job.cancel_requested_by,
        "attempt": job.attempt,
        "epoch": job.epoch,
        "worker": job.worker,
        "lease_until": micros_or_none(job.lease_until),
        "send_deadline": micros_or_none(job.send_deadline),
        "when_lost": job.when_lost,
        "submitted_by": job.submitted_by,
        "fingerprint": job.fingerprint,
        "labels": json_text(dict(job.labels)),
        "progress_done": None if progress is None else progress.done,
        "progress_total": None if progress is None else progress.total,
        "progress_text": None if progress is None else progress.text,
        "payload": job.payload if len(job.payload) <= INLINE_BYTES else None,
        "result": job.result,
        "error": _error_text(job.error),
        "unique_key": job.unique or None,
        "family": _family(job),
        "losses": job.losses,
    }


def row_of_move(move: Move) -> Bindings:
    """Return what `move` binds."""
    changes: Changes = move.changes
    return {
        "scope": move.key.scope,
        "id": move.key.id,
        "source": move.source,
        "target": move.target,
        "epoch": move.epoch,
        "cancel_requested": move.cancel_requested,
        "started_at": micros_or_none(changes.started_at),
        "ended_at": micros_or_none(changes.ended_at),
        "cancel_requested_at": micros_or_none(changes.cancel_requested_at),
        "cancel_requested_by": changes.cancel_requested_by,
        "available_at": micros_or_none(changes.available_at),
        "send_deadline": micros_or_none(changes.send_deadline),
        "adds_attempt": changes.adds_attempt,
        "adds_loss": changes.adds_loss,
        "releases_lease": changes.releases_lease,
        "result": changes.result,
        "error": _error_text(changes.error),
    }


def row_of_claim(claim: Claim) -> Bindings:
    """Return what `claim` binds, and `adopt` but for its `when_lost`."""
    return {
        "queue": claim.queue,
        "source": claim.source,
        "target": claim.target,
        "worker": claim.worker,
        "now": micros(claim.now),
        "started_at": micros(claim.now) if claim.starts else None,
        "lease_until": micros(claim.lease_until),
        "limit": claim.limit,
        "starts": claim.starts,
    }


def line_of(row: Row) -> LogLine:
    number, at, level, text = row
    return LogLine(number, instant(at), level, text)


def workspace_of(row: Row) -> Workspace:
    id, tenant, display_name, description, created_at, number, capacity = row
    return Workspace(
        id=id,
        tenant=tenant,
        display_name=display_name,
        description=description,
        created_at=instant(created_at),
        number=number,
        capacity=capacity,
    )


def item_of(row: Row) -> Item:
    id, workspace, type, display_name, description, created_at, number, folder = row
    return Item(
        id=id,
        workspace=workspace,
        type=type,
        display_name=display_name,
        description=description,
        created_at=instant(created_at),
        number=number,
        folder=folder,
    )


def above(scope: str) -> str:
    """Return "a/b" for "a/b/c"."""
    return scope.rpartition("/")[0]


def _family(job: Job) -> str | None:
    if job.family and job.family != above(job.key.scope):
        raise ValueError(f"{job.family!r} is not the scope above {job.key.scope!r}")
    return job.family or None


def _error_text(error: JobError | None) -> str | None:
    return None if error is None else json_text(error)


def _number(value: float | None) -> float:
    return nan if value is None else value  # SQLite keeps NaN as NULL
