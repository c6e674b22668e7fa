"""What the store does with schedules: one function a verb, in a transaction of the writer or a reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from apsw import Connection

from weft.engine.crash import crash_point
from weft.engine.errors import JobConflict
from weft.engine.jobs import Job
from weft.engine.ports import Duplicate
from weft.engine.schedules import Fate, Occurrence, Schedule, TooManySchedules
from weft.stores.queries import load
from weft.stores.sqlite import jobs
from weft.stores.sqlite.values import (
    Bindings,
    Row,
    instant,
    instant_or_none,
    json_text,
    labels_of,
    micros,
    micros_or_none,
)

SQL = load("weft.stores.sqlite", "schedules.sql")

_LAST_INSTANT = 2**63 - 1
_FATES = {fate.value: fate for fate in Fate}

# ---- writes


def add_schedule(db: Connection, schedule: Schedule, most: int) -> Schedule:
    """Raises TooManySchedules, ScopeClosed."""
    row = _row_of(schedule) | {"most": most}
    db.execute(SQL["add_schedule"], row)
    if not db.changes() and jobs.open_scope(db, schedule.scope):
        db.execute(SQL["add_schedule"], row)
    if not db.changes():
        raise TooManySchedules(schedule.scope, most)
    return replace(schedule, number=db.last_insert_rowid())


def change_schedule(db: Connection, schedule: Schedule) -> Schedule | None:
    db.execute(SQL["change_schedule"], _row_of(schedule))
    return replace(schedule, revision=schedule.revision + 1) if db.changes() else None


def delete_schedule(db: Connection, scope: str, id: str) -> bool:
    db.execute(SQL["delete_schedule"], {"scope": scope, "id": id})
    return bool(db.changes())


def close_scope(db: Connection, scope: str) -> None:
    """Refuse all further jobs and schedules of *scope* and every scope below it, and forget its schedules."""
    with db:
        jobs.close_scope(db, scope)
        db.execute(SQL["delete_schedules_of_scopes"], jobs.reach(scope))


def fire(
    db: Connection,
    schedule: Schedule,
    occurrences: Sequence[Occurrence],
    next_due: datetime | None,
    job: Job | None,
    duplicate: Duplicate | None,
) -> Job | None:
    """Raises ScopeClosed, JobConflict."""
    kept = None
    with db:
        if _go_on(db, schedule, next_due) and _note(db, schedule, occurrences) and job is not None:
            kept = jobs.insert(db, job, None, duplicate)
            if kept is None:
                raise JobConflict(jobs.get(db, job.key) or job)
            crash_point("schedule.in-tx")
    return kept


def prune_occurrences(db: Connection, due_before: datetime, limit: int) -> int:
    db.execute(SQL["prune_occurrences"], {"due_before": micros(due_before), "limit": limit})
    return db.changes()


# ---- reads


def schedule(db: Connection, scope: str, id: str) -> Schedule | None:
    rows = db.execute(SQL["schedule"], {"scope": scope, "id": id}).fetchall()
    return _schedule_of(rows[0]) if rows else None


def schedules(db: Connection, scope: str, kind: str | None, after: int, limit: int) -> Sequence[Schedule]:
    wanted: Bindings = {"scope": scope, "kind": kind, "after": after, "limit": limit}
    return [_schedule_of(row) for row in db.execute(SQL["schedules"], wanted)]


def due_schedules(db: Connection, until: datetime, limit: int) -> Sequence[Schedule]:
    rows = db.execute(SQL["due_schedules"], {"until": micros(until), "limit": limit})
    return [_schedule_of(row) for row in rows]


def next_due(db: Connection) -> datetime | None:
    return instant_or_none(db.execute(SQL["next_due"]).get)


def occurrences(
    db: Connection, scope: str, id: str, before: datetime | None, limit: int
) -> Sequence[Occurrence]:
    bound = _LAST_INSTANT if before is None else micros(before)
    rows = db.execute(SQL["occurrences"], {"scope": scope, "id": id, "before": bound, "limit": limit})
    return [_occurrence_of(row) for row in rows]


# ---- helpers


def _go_on(db: Connection, schedule: Schedule, next_due: datetime | None) -> bool:
    db.execute(
        SQL["go_on"],
        {
            "number": schedule.number,
            "revision": schedule.revision,
            "due": micros_or_none(schedule.next_due),
            "next_due": micros_or_none(next_due),
        },
    )
    return bool(db.changes())


def _note(db: Connection, schedule: Schedule, occurrences: Sequence[Occurrence]) -> bool:
    """Return whether none of *occurrences* was known."""
    are_new = True
    for occurrence in occurrences:
        db.execute(SQL["note_occurrence"], _row_of_occurrence(schedule, occurrence))
        are_new = are_new and bool(db.changes())
    return are_new


def _row_of(schedule: Schedule) -> Bindings:
    return {
        "scope": schedule.scope,
        "id": schedule.id,
        "kind": schedule.kind,
        "enabled": schedule.enabled,
        "configuration": schedule.configuration,
        "payload": schedule.payload,
        "owner": schedule.owner,
        "labels": json_text(dict(schedule.labels)),
        "created_at": micros(schedule.created_at),
        "next_due": micros_or_none(schedule.next_due),
        "revision": schedule.revision,
    }


def _schedule_of(row: Row) -> Schedule:
    (
        scope, id, kind, enabled, configuration, payload, owner, labels, created_at, next_due, revision,
        number,
    ) = row  # fmt: skip
    return Schedule(
        scope=scope,
        kind=kind,
        id=id,
        enabled=bool(enabled),
        configuration=configuration,
        payload=payload,
        owner=owner,
        labels=labels_of(labels),
        created_at=instant(created_at),
        next_due=instant_or_none(next_due),
        revision=revision,
        number=number,
    )


def _row_of_occurrence(schedule: Schedule, occurrence: Occurrence) -> Bindings:
    return {
        "schedule": schedule.number,
        "due": micros(occurrence.due),
        "fate": occurrence.fate,
        "job": occurrence.job,
        "count": occurrence.count,
        "last": micros_or_none(occurrence.last),
    }


def _occurrence_of(row: Row) -> Occurrence:
    due, fate, job, count, last = row
    return Occurrence(due=instant(due), fate=_FATES[fate], job=job, count=count, last=instant_or_none(last))
