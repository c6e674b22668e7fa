"""Schedules: when a job is to run again and again, and what became of each occurrence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from weft.engine.errors import EngineError
from weft.engine.jobs import NO_LABELS, Job, JobError, NewJob
from weft.engine.ports import Clock, Duplicate
from weft.engine.timetables import Timetable, next_after, upcoming


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """What is known of a schedule before it is kept or changed; see Schedule."""

    scope: str
    kind: str
    id: str
    enabled: bool
    configuration: bytes
    payload: bytes = b""
    owner: str
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """*scope* and *kind* are those of the jobs that it makes; *id* is unique in its scope.

    *configuration* is what the face was given, and reads back; *payload*, JSON text, comes with each job.
    *owner* is for whom jobs run, and *labels* what is known of that person. *revision* counts its changes.
    *next_due* is the next occurrence, UTC; None: it has none (any more), or is disabled.
    """

    scope: str
    kind: str
    id: str
    enabled: bool
    configuration: bytes
    payload: bytes = b""
    owner: str
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS)
    created_at: datetime
    next_due: datetime | None = None
    revision: int = 1
    number: int = 0


class Fate(StrEnum):
    """What became of an occurrence."""

    FIRED = "fired"
    MISSED = "missed"  # no server was there within the grace: counted, and never fired


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """What became of the occurrence *due*; of *count* of them from *due* to *last* where they were missed.

    *job* is the id of the job that it made.
    """

    due: datetime
    fate: Fate
    job: str = ""
    count: int = 1
    last: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """What an occurrence becomes: a job; *error*: why it may not run, and is kept as failed at once."""

    new: NewJob
    error: JobError | None = None


class JobMaker(Protocol):
    async def firing(self, schedule: Schedule, due: datetime) -> Firing | None:
        """Return the job of the occurrence; None where what it would run on is gone, and so the schedule."""


class ScheduleNotFound(EngineError):
    def __init__(self, scope: str, id: str) -> None:
        super().__init__(f"no schedule {id!r} in {scope!r}")
        self.scope = scope
        self.id = id


class TooManySchedules(EngineError):
    """*scope* has as many schedules as it may."""

    def __init__(self, scope: str, most: int) -> None:
        super().__init__(f"{scope!r} has {most} schedules already")
        self.scope = scope
        self.most = most


class ScheduleStore(Protocol):
    """Durable schedules and their occurrences. Every write is on disk before its call returns.

    Any call may raise StoreUnavailable. `tests/stores` holds the contract.
    """

    async def add_schedule(self, schedule: Schedule, *, most: int) -> Schedule:
        """Keep it and return it with its number. Raises TooManySchedules, and ScopeClosed."""

    async def schedule(self, scope: str, id: str) -> Schedule | None: ...

    async def schedules(self, scope: str, kind: str | None, *, after: int, limit: int) -> Sequence[Schedule]:
        """Return the schedules of a scope, of one kind or (None) of all, oldest first.

        Only those above number *after*.
        """

    async def change_schedule(self, schedule: Schedule) -> Schedule | None:
        """Replace what may change if the kept revision is still *schedule.revision*; None: it is not.

        What may change: enabled, configuration, payload, owner, labels, next_due. The revision grows by one.
        """

    async def delete_schedule(self, scope: str, id: str) -> bool: ...

    async def due_schedules(self, until: datetime, limit: int) -> Sequence[Schedule]:
        """Return schedules whose next_due is not after *until*, the first due first."""

    async def next_due(self) -> datetime | None: ...

    async def fire(
        self,
        schedule: Schedule,
        occurrences: Sequence[Occurrence],
        next_due: datetime | None,
        job: Job | None = None,
        duplicate: Duplicate | None = None,
    ) -> Job | None:
        """In one transaction: note *occurrences*, keep *job* (see JobStore.insert), set *next_due*.

        None, and nothing is kept, where the schedule has another revision by now or its next_due has moved.
        None, and no job is kept but *next_due* is set, where an occurrence is known already: a clock has
        stepped back. Without *job* the occurrences are only noted, and None is returned.
        Raises ScopeClosed, and JobConflict where the job's key is taken.
        """

    async def occurrences(
        self, scope: str, id: str, *, before: datetime | None, limit: int
    ) -> Sequence[Occurrence]:
        """Return what became of occurrences, the latest due first, due before *before*."""

    async def prune_occurrences(self, due_before: datetime, limit: int) -> int:
        """Forget up to *limit* occurrences that were due before; return how many, 0 where none is left."""


class Schedules:
    """All that can be asked of schedules, each answered after its commit.

    *read* makes the timetable of a configuration. *most*: how many a scope may have. *misfire_grace*: an
    occurrence that is later than this is not fired any more, so it does not come next.
    A schedule is found under its kind in any case of letters, and reads back as it was first spelt.
    """

    def __init__(
        self,
        store: ScheduleStore,
        clock: Clock,
        *,
        read: Callable[[bytes], Timetable],
        most: int = 20,
        misfire_grace: timedelta = timedelta(minutes=5),
    ) -> None:
        self.store = store
        self.clock = clock
        self.read = read
        self._most = most
        self._misfire_grace = misfire_grace
        self._watchers: set[asyncio.Event] = set()

    async def add(self, new: NewSchedule) -> Schedule:
        """Keep a schedule; where it has begun and not ended, it is due now once, and then by its timetable.

        Raises TooManySchedules, and ScopeClosed.
        """
        now = self.clock.now()
        schedule = Schedule(
            scope=new.scope,
            kind=new.kind,
            id=new.id,
            enabled=new.enabled,
            configuration=new.configuration,
            payload=new.payload,
            owner=new.owner,
            labels=new.labels,
            created_at=now,
            next_due=_first_due(self.read(new.configuration), now) if new.enabled else None,
        )
        kept = await self.store.add_schedule(schedule, most=self._most)
        self._tell()
        return kept

    async def get(self, scope: str, kind: str, id: str) -> Schedule:
        """Raises ScheduleNotFound, also where the schedule is of another kind."""
        schedule = await self.store.schedule(scope, id)
        if schedule is None or schedule.kind.lower() != kind.lower():
            raise ScheduleNotFound(scope, id)
        return schedule

    async def list(
        self, scope: str, kind: str | None, *, after: int = 0, limit: int = 100
    ) -> Sequence[Schedule]:
        """Return schedules of a scope, of one kind or (None) of all, oldest first, above number *after*."""
        return await self.store.schedules(scope, kind, after=after, limit=limit)

    async def replace(self, new: NewSchedule) -> Schedule:
        """Replace all that may change; the schedule is next due after now. Raises ScheduleNotFound."""
        timetable = self.read(new.configuration)
        while True:
            known = await self.get(new.scope, new.kind, new.id)
            changed = replace(
                known,
                enabled=new.enabled,
                configuration=new.configuration,
                payload=new.payload,
                owner=new.owner,
                labels=new.labels,
                next_due=_due_anew(known, timetable, self.clock.now()) if new.enabled else None,
            )
            kept = await self.store.change_schedule(changed)
            if kept is not None:
                self._tell()
                return kept

    async def delete(self, scope: str, kind: str, id: str) -> None:
        """Forget a schedule and its occurrences; jobs that it made stay. Raises ScheduleNotFound."""
        await self.get(scope, kind, id)
        if not await self.store.delete_schedule(scope, id):
            raise ScheduleNotFound(scope, id)

    async def upcoming(self, scope: str, kind: str, id: str, *, limit: int = 10) -> Sequence[datetime]:
        """Return when the schedule is due next, the first first. Raises ScheduleNotFound."""
        schedule = await self.get(scope, kind, id)
        if schedule.next_due is None or limit <= 0:
            return []
        timetable = self.read(schedule.configuration)
        late = self.clock.now() - self._misfire_grace
        if schedule.next_due < late:
            return upcoming(timetable, late, limit)
        return [schedule.next_due, *upcoming(timetable, schedule.next_due, limit - 1)]

    async def occurrences(
        self, scope: str, kind: str, id: str, *, before: datetime | None = None, limit: int = 100
    ) -> Sequence[Occurrence]:
        """Return what became of occurrences, the latest due first, due before *before*.

        Raises ScheduleNotFound.
        """
        await self.get(scope, kind, id)
        return await self.store.occurrences(scope, id, before=before, limit=limit)

    async def prune(self, *, older_than: timedelta, batch: int = 1000) -> None:
        """Forget what became of occurrences that were due so long ago."""
        while await self.store.prune_occurrences(self.clock.now() - older_than, batch):
            pass  # each batch is a commit of its own, so that others are served between two

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """Give an asyncio event that is set each time a schedule is added or changed in this process."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            yield changed
        finally:
            self._watchers.discard(changed)

    def _tell(self) -> None:
        for changed in self._watchers:
            changed.set()


def _first_due(timetable: Timetable, now: datetime) -> datetime | None:
    if timetable.starts_at < now <= timetable.ends_at:
        return now
    return next_after(timetable, now - timedelta.resolution)


def _due_anew(known: Schedule, timetable: Timetable, now: datetime) -> datetime | None:
    """Return when a schedule is due that changes now.

    What is due already, and would also be due by the new timetable, is not lost for the change.
    """
    waits = known.next_due
    if waits is not None and waits <= now and next_after(timetable, waits - timedelta.resolution) == waits:
        return waits
    return next_after(timetable, now)
