"""The real store's statements without its threads, so that a test decides what happens when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

import apsw

from weft.engine.errors import StoreUnavailable
from weft.engine.jobs import Job, JobKey, LogLine, Move, Progress, Room
from weft.engine.lifecycle import State
from weft.engine.ports import Claim, Duplicate, Found, Search
from weft.stores.sqlite import jobs, searching
from weft.stores.sqlite.database import open_writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class DirectStore:
    """A JobStore over a real SQLite file; each call is one transaction, done before it returns.

    *committed* is called after each write. While *broken*, every call raises StoreUnavailable.
    """

    def __init__(self, path: Path) -> None:
        self._db = open_writer(path)
        self._db.pragma("synchronous", "off")
        self.committed: Callable[[], None] = lambda: None
        self.broken = False
        self.unawaited: asyncio.Future[None] | None = None

    def close(self) -> None:
        self._db.close()

    def row(self, key: JobKey) -> Job | None:
        return jobs.get(self._db, key)

    async def insert(
        self, job: Job, room: Room | None = None, duplicate: Duplicate | None = None
    ) -> Job | None:
        return self._write(jobs.insert, job, room, duplicate)

    async def get(self, key: JobKey) -> Job | None:
        return self._read(jobs.get, key)

    async def scopes(self, id: str) -> Sequence[str]:
        return self._read(jobs.scopes, id)

    async def page(self, scope: str, *, before: int | None, limit: int) -> Sequence[Job]:
        return self._read(jobs.page, scope, before, limit)

    async def oldest_first(self, scope: str, *, after: int, limit: int) -> Sequence[Job]:
        return self._read(jobs.oldest_first, scope, after, limit)

    async def search(self, search: Search) -> Found:
        return self._read(searching.search, search)

    async def known(self, keys: Sequence[JobKey]) -> Mapping[JobKey, Job]:
        return self._read(searching.known, keys)

    async def delete(self, key: JobKey) -> bool:
        return self._write(jobs.delete, key)

    async def live(self, scope: str) -> Sequence[Job]:
        return self._read(jobs.live, scope)

    async def claim(self, claim: Claim) -> Sequence[Job]:
        return self._write(jobs.claim, claim)

    async def adopt(self, claim: Claim) -> Sequence[Job]:
        return self._write(jobs.adopt, claim)

    async def move(self, move: Move) -> Job | None:
        return self._write(jobs.move, move)

    async def guarded_move(self, move: Move) -> Job | None:
        """Move as the real store does, also where a mutant has replaced `move`."""
        return self._write(jobs.move, move)

    def execute(self, statement: str, bindings: tuple[Any, ...]) -> None:
        """Do what no store would, for mutants."""
        self._db.execute(statement, bindings)
        self.committed()

    async def extend(
        self, worker: str, numbers: Sequence[int], until: datetime
    ) -> Sequence[tuple[JobKey, int]]:
        return self._write(jobs.extend, worker, numbers, until)

    async def cancel_requests(self, worker: str) -> Sequence[JobKey]:
        return self._read(jobs.cancel_requests, worker)

    async def lost(self, now: datetime, limit: int) -> Sequence[Job]:
        return self._read(jobs.lost, now, limit)

    async def expire_leases(self, now: datetime) -> int:
        return self._write(jobs.expire_leases, now)

    async def close_scope(self, scope: str) -> None:
        self._write(jobs.close_scope, scope)

    async def prune(self, ended_before: datetime, limit: int) -> int:
        return self._write(jobs.prune, ended_before, limit)

    async def prune_beyond(
        self, queue: str, keep: int, limit: int, *, spared_since: datetime | None = None
    ) -> int:
        return self._write(jobs.prune_beyond, queue, keep, limit, spared_since)

    async def note_progress(self, key: JobKey, epoch: int, progress: Progress) -> None:
        self._write(jobs.note_progress, key, epoch, progress)

    async def add_lines(self, key: JobKey, epoch: int, lines: Sequence[LogLine]) -> None:
        self._write(jobs.add_lines, key, epoch, lines)

    async def lines(self, key: JobKey, *, after: int, limit: int) -> Sequence[LogLine]:
        return self._read(jobs.lines, key, after, limit)

    async def count(self, queue: str) -> dict[State, int]:
        return self._read(jobs.count, queue)

    def _write(self, work: Callable[[apsw.Connection, *Ts], T], *arguments: *Ts) -> T:
        self._check()
        with self._db:
            written = work(self._db, *arguments)
        self.committed()
        return written

    def _read(self, work: Callable[[apsw.Connection, *Ts], T], *arguments: *Ts) -> T:
        self._check()
        return work(self._db, *arguments)

    def _check(self) -> None:
        if self.broken:
            raise StoreUnavailable("the disk is full")
