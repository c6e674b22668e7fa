"""The graph that the rest of weft sees: each verb goes to the writer or to a reader, and is awaited there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weft.engine.clock import SystemClock
from weft.engine.crash import crash_point
from weft.engine.errors import Overloaded
from weft.engine.ports import Clock
from weft.stores.sqlite.calls import T, Ts, Work
from weft.stores.sqlite.database import Lock, is_synchronous_full, open_reader, open_writer, store_id
from weft.stores.sqlite.graph import bulk, query, reading
from weft.stores.sqlite.graph.bulk import Pace
from weft.stores.sqlite.graph.schema import GRAPH
from weft.stores.sqlite.reader import Reader
from weft.stores.sqlite.writer import Writer
from weft.twins.graph import Batch, Bulk, Fence, Model, Relationship, Section, Twin
from weft.twins.query.selection import Selection

MOST_AT_ONCE = 8
MOST_WAITING = 16
CHECKPOINT_PAGES = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """*new_keys* stay in the small table of keys; a query may take *query_seconds*."""

    new_keys: int = 400_000
    query_seconds: float = query.MOST_SECONDS


class SqliteGraph:
    """Models, twins and relationships in one file. Implements twins.graph.Graph."""

    def __init__(self, path: Path, *, vfs: str | None, clock: Clock, limits: Limits) -> None:
        with contextlib.ExitStack() as undo:
            self._lock = Lock(path)
            undo.callback(self._lock.release)
            db = open_writer(path, vfs, GRAPH)
            undo.callback(db.close)
            one, many = open_reader(path, vfs, GRAPH), open_reader(path, vfs, GRAPH)
            self.store_id = store_id(db)
            self.synchronous_full = is_synchronous_full(db)
            undo.pop_all()
        self._clock = clock
        self._limits = limits
        self._writer = Writer(db, most_at_once=MOST_AT_ONCE, checkpoint_pages=CHECKPOINT_PAGES)
        # A long list must not keep those waiting who ask for one thing.
        self._one = Reader(one, "graph reader of one")
        # One by one: a query may take seconds, for which neither others nor the writer's log shall wait.
        self._many = Reader(many, "graph reader of many", most_at_once=1)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        vfs: str | None = None,
        clock: Clock = SystemClock(),  # noqa: B008 - it has no state
        limits: Limits = Limits(),
    ) -> SqliteGraph:
        """Return the graph in the file *path*, which is made or brought to this version. Blocks.

        Raises StoreLocked, StoreTooNew, StoreDamaged, StoreUnsafe, and StoreUnavailable where the disk fails.
        *vfs* names another file layer of SQLite.
        """
        return cls(path, vfs=vfs, clock=clock, limits=limits)

    async def close(self) -> None:
        """Write what waits, and let another server open the file."""
        # The writer last: whoever closes last brings the log into the database, and readers may not write.
        for thread in (self._one, self._many, self._writer):
            thread.stop()
            await asyncio.to_thread(thread.join)
        self._lock.release()

    # ---- bulk jobs

    async def bulk(self, job: str) -> Bulk | None:
        return await self._one.call(bulk.bulk, job)

    async def take_over(self, fence: Fence) -> Bulk:
        return await self._writer.call(bulk.take_over, fence)

    async def apply(self, fence: Fence, batch: Batch) -> None:
        """Raises FenceLost, and RowsUnfit where a row names a twin or a model that is not there."""
        await self._writer.call(bulk.apply, fence, batch, self._pace())
        crash_point("graph.after-batch")

    async def delete_some(self, fence: Fence, limit: int, batch: Batch) -> int:
        deleted = await self._writer.call(bulk.delete_some, fence, limit, batch)
        crash_point("graph.after-batch")
        return deleted

    async def shut(self, fence: Fence) -> None:
        await self._writer.call(bulk.shut, fence)

    async def report(self, job: str, *, offset: int, most_bytes: int) -> bytes:
        return await self._one.call(bulk.report, job, offset, most_bytes)

    async def reported(self, fence: Fence, offset: int) -> None:
        await self._writer.call(bulk.reported, fence, offset)

    async def forget(self, job: str) -> None:
        await self._writer.call(bulk.forget, job)

    async def optimize(self) -> None:
        await self._writer.call(bulk.optimize)

    # ---- reading

    async def model(self, id: str) -> Model | None:
        return await self._one.call(reading.model, id)

    async def models(self, *, after: int, limit: int) -> Sequence[Model]:
        return await self._call_of_many(reading.models, after, limit)

    async def twin(self, id: str) -> Twin | None:
        return await self._one.call(reading.twin, self.store_id, id)

    async def relationship(self, source: str, id: str) -> Relationship | None:
        return await self._one.call(reading.relationship, self.store_id, source, id)

    async def outgoing(
        self, source: str, *, name: str | None, after: int, limit: int
    ) -> Sequence[Relationship] | None:
        return await self._call_of_many(reading.outgoing, self.store_id, source, name, (after, limit))

    async def incoming(self, target: str, *, after: int, limit: int) -> Sequence[Relationship] | None:
        return await self._call_of_many(reading.incoming, self.store_id, target, after, limit)

    async def select(self, selection: Selection, *, after: int, limit: int) -> Sequence[Twin | Relationship]:
        seconds = self._limits.query_seconds
        return await self._call_of_many(query.select, self.store_id, selection, (after, limit), seconds)

    async def count(self, selection: Selection) -> int:
        return await self._call_of_many(query.count, selection, self._limits.query_seconds)

    async def counts(self) -> Mapping[Section, int]:
        return await self._one.call(reading.counts)

    def _call_of_many(self, work: Work[*Ts, T], *arguments: *Ts) -> asyncio.Future[T]:
        """Raises Overloaded where too many wait already: each may take seconds."""
        if self._many.waiting >= MOST_WAITING:
            raise Overloaded
        return self._many.call(work, *arguments)

    def _pace(self) -> Pace:
        return Pace(self._clock.now(), self._limits.new_keys)
