"""The real store's statements for schedules without its threads; see direct_store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tests.engine.direct_store import DirectStore
from weft.engine.jobs import Job
from weft.engine.ports import Duplicate
from weft.engine.schedules import Occurrence, Schedule
from weft.stores.sqlite import schedules


class DirectScheduleStore(DirectStore):
    """A ScheduleStore, too."""

    async def add_schedule(self, schedule: Schedule, *, most: int) -> Schedule:
        return self._write(schedules.add_schedule, schedule, most)

    async def schedule(self, scope: str, id: str) -> Schedule | None:
        return self._read(schedules.schedule, scope, id)

    async def schedules(self, scope: str, kind: str | None, *, after: int, limit: int) -> Sequence[Schedule]:
        return self._read(schedules.schedules, scope, kind, after, limit)

    async def change_schedule(self, schedule: Schedule) -> Schedule | None:
        return self._write(schedules.change_schedule, schedule)

    async def delete_schedule(self, scope: str, id: str) -> bool:
        return self._write(schedules.delete_schedule, scope, id)

    async def due_schedules(self, until: datetime, limit: int) -> Sequence[Schedule]:
        return self._read(schedules.due_schedules, until, limit)

    async def next_due(self) -> datetime | None:
        return self._read(schedules.next_due)

    async def fire(
        self,
        schedule: Schedule,
        occurrences: Sequence[Occurrence],
        next_due: datetime | None,
        job: Job | None = None,
        duplicate: Duplicate | None = None,
    ) -> Job | None:
        return self._write(schedules.fire, schedule, occurrences, next_due, job, duplicate)

    async def occurrences(
        self, scope: str, id: str, *, before: datetime | None, limit: int
    ) -> Sequence[Occurrence]:
        return self._read(schedules.occurrences, scope, id, before, limit)

    async def prune_occurrences(self, due_before: datetime, limit: int) -> int:
        return self._write(schedules.prune_occurrences, due_before, limit)

    async def close_scope(self, scope: str) -> None:
        self._write(schedules.close_scope, scope)
