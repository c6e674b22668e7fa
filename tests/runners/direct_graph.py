"""The real graph's statements without its threads, so that a test decides what happens when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import apsw

from tests.engine.virtual_time import VirtualClock
from weft.engine.errors import StoreUnavailable
from weft.stores.sqlite.database import open_writer
from weft.stores.sqlite.graph import bulk, reading
from weft.stores.sqlite.graph.bulk import Pace
from weft.stores.sqlite.graph.schema import GRAPH
from weft.stores.sqlite.writer import Undo
from weft.twins.errors import RowsUnfit
from weft.twins.graph import Batch, Bulk, Fence

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class DirectGraph:
    """A BulkGraph over a real SQLite file; each call is one transaction.

    A write takes *commit_seconds* of virtual time; *fails* says which numbers of `apply` end with
    StoreUnavailable, and whether the batch was kept nevertheless; *unfit* which end with RowsUnfit.
    *committed* is called after each write.
    *batches* are all that were kept.
    """

    def __init__(self, path: Path) -> None:
        self._db = open_writer(path, schema=GRAPH)
        self._db.pragma("synchronous", "off")
        self.commit_seconds = 0.0
        self.batches: list[Batch] = []
        self.fails: dict[int, bool] = {}
        self.unfit: Container[int] = ()
        self.committed: Callable[[], None] = lambda: None
        self._tries = 0

    def close(self) -> None:
        self._db.close()

    @property
    def applied(self) -> int:
        return len(self.batches)

    def counts(self) -> dict[str, int]:
        return {section.lower(): count for section, count in reading.counts(self._db).items()}

    def execute(self, statement: str, *bindings: object) -> list[tuple[object, ...]]:
        """Do, or look at, what no runner would."""
        return self._db.execute(statement, bindings).fetchall()

    async def bulk(self, job: str) -> Bulk | None:
        return bulk.bulk(self._db, job)

    async def take_over(self, fence: Fence) -> Bulk:
        return await self._write(bulk.take_over, fence)

    async def apply(self, fence: Fence, batch: Batch) -> None:
        self._tries += 1
        if batch.rows and self._tries in self.unfit:
            raise RowsUnfit("twin", 1)
        kept = self.fails.pop(self._tries, None)
        if kept is not False:
            await self._write(bulk.apply, fence, batch, self._pace())
        if kept is not None:
            raise StoreUnavailable("the disk is full")

    async def delete_some(self, fence: Fence, limit: int, batch: Batch) -> int:
        return await self._write(bulk.delete_some, fence, limit, batch)

    async def shut(self, fence: Fence) -> None:
        await self._write(bulk.shut, fence)

    async def report(self, job: str, *, offset: int, most_bytes: int) -> bytes:
        return bulk.report(self._db, job, offset, most_bytes)

    async def reported(self, fence: Fence, offset: int) -> None:
        await self._write(bulk.reported, fence, offset)

    async def forget(self, job: str) -> None:
        await self._write(bulk.forget, job)

    async def optimize(self) -> None:
        bulk.optimize(self._db)

    async def _write(self, work: Callable[[apsw.Connection, *Ts], T], *arguments: *Ts) -> T:
        await asyncio.sleep(self.commit_seconds)
        try:
            with self._db:
                written = work(self._db, *arguments)
        except Undo as undo:
            raise undo.error from undo
        self.batches += [argument for argument in arguments if isinstance(argument, Batch)]
        self.committed()
        return written

    @staticmethod
    def _pace() -> Pace:
        return Pace(VirtualClock().now(), most_new_keys=1000)
