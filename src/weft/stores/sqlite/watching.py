"""What the store tells those who follow jobs and were away: one function a verb."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from apsw import Connection

from weft.engine.jobs import Job
from weft.stores.queries import load
from weft.stores.sqlite.rows import job_of
from weft.stores.sqlite.values import Bindings, json_text

SQL = load("weft.stores.sqlite", "watching.sql")


def last_number(db: Connection) -> int:
    return int(db.execute(SQL["last_number"]).get)


def live_numbers(db: Connection, families: Collection[str], limit: int) -> Sequence[int]:
    wanted: Bindings = {"families": json_text(list(families)), "limit": limit}
    return [number for (number,) in db.execute(SQL["live_numbers"], wanted)]


def jobs_after(db: Connection, families: Collection[str], after: int, limit: int) -> Sequence[Job]:
    wanted: Bindings = {"families": json_text(list(families)), "after": after, "limit": limit}
    return [job_of(row) for row in db.execute(SQL["after"], wanted)]


def jobs_among(db: Connection, families: Collection[str], numbers: Collection[int]) -> Sequence[Job]:
    wanted: Bindings = {"families": json_text(list(families)), "numbers": json_text(list(numbers))}
    return [job_of(row) for row in db.execute(SQL["among"], wanted)]
