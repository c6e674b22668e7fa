"""Between rows and what they stand for: jobs, lines, workspaces, items; instants are whole microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Any

import msgspec

from weft.catalog.model import Item, Workspace
from weft.engine.jobs import Changes, Job, JobError, JobKey, LogLine, Move, Progress, WhenLost
from weft.engine.lifecycle import State
from weft.engine.ports import Claim

Row = tuple[Any, ...]
Bindings = dict[str, int | float | str | bytes | None]

# A payload up to this size lies in the row of its job: one page then still holds several jobs.
INLINE_BYTES = 1024

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STATES = {state.value: state for state in State}
_WHEN_LOST = {when.value: when for when in WhenLost}
_encode = msgspec.json.Encoder().encode
_labels_of = msgspec.json.Decoder(dict[str, str]).decode
_error_of = msgspec.json.Decoder(JobError).decode


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _micros(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def _instant(at: int | None) -> datetime | None:
    return None if at is None else _EPOCH + timedelta(microseconds=at)


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
        labels=_labels_of(labels),
        fingerprint=fingerprint,
        submitted_by=submitted_by,
        when_lost=_WHEN_LOST[when_lost],
        state=_STATES[state],
        submitted_at=instant(submitted_at),
        available_at=instant(available_at),
        number=number,
        started_at=_instant(started_at),
        ended_at=_instant(ended_at),
        cancel_requested_at=_instant(cancel_requested_at),
        cancel_requested_by=cancel_requested_by,
        attempt=attempt,
        epoch=epoch,
        worker=worker,
        lease_until=_instant(lease_until),
        send_deadline=_instant(send_deadline),
        result=result,
        error=None if error is None else _error_of(error),
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
        "started_at": _micros(job.started_at),
        "ended_at": _micros(job.ended_at),
        "cancel_requested_at": _micros(job.cancel_requested_at),
        "cancel_requested_by": job.cancel_requested_by,
        "attempt": job.attempt,
        "epoch": job.epoch,
        "worker": job.worker,
        "lease_until": _micros(job.lease_until),
        "send_deadline": _micros(job.send_deadline),
        "when_lost": job.when_lost,
        "submitted_by": job.submitted_by,
        "fingerprint": job.fingerprint,
        "labels": _labels_text(job.labels),
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
        "started_at": _micros(changes.started_at),
        "ended_at": _micros(changes.ended_at),
        "cancel_requested_at": _micros(changes.cancel_requested_at),
        "cancel_requested_by": changes.cancel_requested_by,
        "available_at": _micros(changes.available_at),
        "send_deadline": _micros(changes.send_deadline),
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


def json_array(values: Iterable[str] | Iterable[int]) -> str:
    """Return what `json_each` of SQLite lists."""
    return _encode(list(values)).decode()


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


def _labels_text(labels: Mapping[str, str]) -> str:
    return _encode(dict(labels)).decode()


def _error_text(error: JobError | None) -> str | None:
    return None if error is None else _encode(error).decode()


def _number(value: float | None) -> float:
    return nan if value is None else value  # SQLite keeps NaN as NULL
