"""What the store does with jobs: one function a verb, run inside a transaction of the writer or a reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from apsw import Connection, ConstraintError

from weft.engine.crash import crash_point
from weft.engine.errors import NoRoom, ScopeClosed
from weft.engine.jobs import Job, JobKey, LogLine, Move, Progress, Room, WhenLost
from weft.engine.lifecycle import State
from weft.engine.ports import Claim, Duplicate
from weft.stores.queries import load
from weft.stores.sqlite.rows import INLINE_BYTES, job_of, line_of, row_of, row_of_claim, row_of_move
from weft.stores.sqlite.values import Bindings, json_text, micros

SQL = load("weft.stores.sqlite", "jobs.sql")

MOST_LINES = 10_000
MOST_LINE_BYTES = 16 * 1024

# One commit prunes no further job once it has come to so many lines: others wait for the writer meanwhile.
MOST_LINES_PRUNED = 20_000

LINES_DROPPED = f"The job wrote more than {MOST_LINES - 1:,} lines: this one and all after it were dropped."

_LAST_NUMBER = _NEVER = 2**63 - 1

# ---- writes


def insert(
    db: Connection, job: Job, room: Room | None = None, duplicate: Duplicate | None = None
) -> Job | None:
    """Raises NoRoom, ScopeClosed."""
    if room is not None and _live_below(db, room.family) >= room.most:
        raise NoRoom(room)
    try:
        return _insert(db, job)
    except ConstraintError:
        twin = _living_twin(db, job) if job.unique else None
        if twin is None or duplicate is None:
            raise
        return _insert(db, duplicate(job, twin))


def _insert(db: Connection, job: Job) -> Job | None:
    if len(job.payload) <= INLINE_BYTES:
        number = _insert_row(db, job)
    else:
        with db:
            number = _insert_row(db, job)
            if number is not None:
                db.execute(SQL["insert_payload"], {"job": number, "payload": job.payload})
    return None if number is None else replace(job, number=number)


def claim(db: Connection, claim: Claim) -> Sequence[Job]:
    jobs = [job_of(row) for row in db.execute(SQL["claim"], row_of_claim(claim))]
    return sorted(jobs, key=lambda job: (job.available_at, job.number))


def adopt(db: Connection, claim: Claim) -> Sequence[Job]:
    bindings = row_of_claim(claim) | {"when_lost": WhenLost.ADOPT}
    jobs = [job_of(row) for row in db.execute(SQL["adopt"], bindings)]
    return sorted(jobs, key=lambda job: job.number)


def move(db: Connection, move: Move) -> Job | None:
    rows = db.execute(SQL["move"], row_of_move(move)).fetchall()
    return job_of(rows[0]) if rows else None


def extend(
    db: Connection, worker: str, numbers: Sequence[int], until: datetime
) -> Sequence[tuple[JobKey, int]]:
    named = json_text(numbers)
    held = db.execute(SQL["extend"], {"worker": worker, "numbers": named, "until": micros(until)})
    return [(JobKey(scope, id), epoch) for scope, id, epoch in held]


def expire_leases(db: Connection, now: datetime) -> int:
    db.execute(SQL["expire_leases"], {"now": micros(now)})
    return db.changes()


def close_scope(db: Connection, scope: str) -> None:
    bounds = reach(scope)
    with db:
        db.execute(SQL["close_scope"], {"scope": scope})
        db.execute(SQL["close_scopes_below"], {"below": bounds["below"], "after": bounds["after"]})


def delete(db: Connection, key: JobKey) -> bool:
    db.execute(SQL["delete"], _names(key))
    return db.changes() > 0


def prune(db: Connection, ended_before: datetime, limit: int) -> int:
    bounds: Bindings = {"limit": limit, "most_lines": MOST_LINES_PRUNED}
    db.execute(SQL["prune"], bounds | {"ended_before": micros(ended_before)})
    crash_point("store.mid-prune")
    return db.changes()


def prune_beyond(db: Connection, queue: str, keep: int, limit: int, spared_since: datetime | None) -> int:
    since = _NEVER if spared_since is None else micros(spared_since)
    bounds: Bindings = {"limit": limit, "most_lines": MOST_LINES_PRUNED, "spared_since": since}
    db.execute(SQL["prune_beyond"], bounds | {"queue": queue, "keep": keep})
    crash_point("store.mid-prune")
    return db.changes()


def note_progress(db: Connection, key: JobKey, epoch: int, progress: Progress) -> None:
    noted: Bindings = {"done": progress.done, "total": progress.total, "text": _storable(progress.text)}
    db.execute(SQL["note_progress"], _names(key) | {"epoch": epoch} | noted)


def add_lines(db: Connection, key: JobKey, epoch: int, lines: Sequence[LogLine]) -> None:
    """Number the lines on from the last one that is kept: a later attempt does not start again at 1."""
    job = db.execute(SQL["held"], _names(key) | {"epoch": epoch}).get
    if job is None:
        return
    last: int = db.execute(SQL["last_line"], {"job": job}).get
    with db:
        db.executemany(SQL["insert_line"], [_line_row(job, line) for line in _bounded(lines, last)])


# ---- reads


def get(db: Connection, key: JobKey) -> Job | None:
    rows = db.execute(SQL["get"], _names(key)).fetchall()
    return job_of(rows[0]) if rows else None


def scopes(db: Connection, id: str) -> Sequence[str]:
    return [name for (name,) in db.execute(SQL["scopes"], {"id": id})]


def page(db: Connection, scope: str, before: int | None, limit: int) -> Sequence[Job]:
    bound = _LAST_NUMBER if before is None else before
    rows = db.execute(SQL["page"], {"scope": scope, "before": bound, "limit": limit})
    return [job_of(row) for row in rows]


def oldest_first(db: Connection, scope: str, after: int, limit: int) -> Sequence[Job]:
    rows = db.execute(SQL["oldest_first"], {"scope": scope, "after": after, "limit": limit})
    return [job_of(row) for row in rows]


def live(db: Connection, scope: str) -> Sequence[Job]:
    rows = db.execute(SQL["live"], reach(scope))
    return [job_of(row) for row in rows]


def cancel_requests(db: Connection, worker: str) -> Sequence[JobKey]:
    return [JobKey(scope, id) for scope, id in db.execute(SQL["cancel_requests"], {"worker": worker})]


def lost(db: Connection, now: datetime, limit: int) -> Sequence[Job]:
    rows = db.execute(SQL["lost"], {"now": micros(now), "when_lost": WhenLost.ADOPT, "limit": limit})
    return [job_of(row) for row in rows]


def lines(db: Connection, key: JobKey, after: int, limit: int) -> Sequence[LogLine]:
    rows = db.execute(SQL["lines"], _names(key) | {"after": after, "limit": limit})
    return [line_of(row) for row in rows]


def count(db: Connection, queue: str) -> dict[State, int]:
    counted = {State(state): jobs for state, jobs in db.execute(SQL["count"], {"queue": queue})}
    return {state: counted.get(state, 0) for state in State}


# ---- helpers


def _living_twin(db: Connection, job: Job) -> JobKey | None:
    """Return the key of the job that lives in the place of *job*."""
    rows = db.execute(SQL["living_twin"], {"unique_key": job.unique})
    found = [JobKey(scope, id) for scope, id in rows]
    return found[0] if found else None


def _live_below(db: Connection, family: str) -> int:
    return int(db.execute(SQL["live_below"], reach(family)).get)


def _insert_row(db: Connection, job: Job) -> int | None:
    """Return the job's number, or None where its key is taken."""
    row = row_of(job)
    db.execute(SQL["insert"], row)
    if not db.changes() and _open_for(db, job):
        db.execute(SQL["insert"], row)
    return db.last_insert_rowid() if db.changes() else None


def _open_for(db: Connection, job: Job) -> bool:
    """Return whether the job's scope or its family was not known before. Raises ScopeClosed."""
    is_new = open_scope(db, job.key.scope)
    if job.family:
        db.execute(SQL["open_family"], {"family": job.family})
        is_new = is_new or db.changes() > 0
    return is_new


def open_scope(db: Connection, scope: str) -> bool:
    """Return whether *scope* was not known before. Raises ScopeClosed where it, or one above, is closed."""
    is_closed = db.execute(SQL["is_closed"], {"scope": scope}).get
    if is_closed is None:
        above = json_text(_those_above(scope))
        db.execute(SQL["open_scope"], {"scope": scope, "above": above})
        is_closed = not db.changes()
        if not is_closed:
            return True
    if is_closed:
        raise ScopeClosed(scope)
    return False


def _names(key: JobKey) -> Bindings:
    return {"scope": key.scope, "id": key.id}


def _those_above(scope: str) -> list[str]:
    """Return "a" and "a/b" for "a/b/c"."""
    parts = scope.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def reach(scope: str) -> Bindings:
    """Return what binds a scope and those below it."""
    # "0" follows "/": all scopes below lie between the two.
    return {"scope": scope, "below": scope + "/", "after": scope + "0"}


def _bounded(lines: Sequence[LogLine], last: int) -> list[LogLine]:
    """Return *lines* numbered on from *last*; the last line a job may have says that more were dropped."""
    room = max(0, MOST_LINES - 1 - last)
    kept = [replace(line, number=last + place) for place, line in enumerate(lines[:room], start=1)]
    if len(lines) > room and last < MOST_LINES:
        kept.append(LogLine(MOST_LINES, lines[room].at, "WARNING", LINES_DROPPED))
    return kept


def _line_row(job: int, line: LogLine) -> Bindings:
    return {
        "job": job,
        "number": line.number,
        "at": micros(line.at),
        "level": _storable(line.level),
        "text": _storable(line.text),
    }


def _storable(text: str) -> str:
    """Return *text* as UTF-8 can hold it, cut to the longest line that is kept."""
    return text.encode("utf-8", "replace")[:MOST_LINE_BYTES].decode("utf-8", "ignore")
