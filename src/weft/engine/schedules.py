"""Schedules: when a job is to run again and again, and what became of each occurrence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from weft.engine.errors import EngineError
from weft.engine.jobs import NO_LABELS, Job, JobError, NewJob
from weft.engine.timetables import Timetable


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
        """Return enabled schedules whose next_due is not after *until*, the first due first."""

    async def next_due(self) -> datetime | None: ...

    async def fire(
        self,
        schedule: Schedule,
        occurrences: Sequence[Occurrence],
        next_due: datetime | None,
        job: Job | None = None,
        duplicate: Callable[..., Job] | None = None,
    ) -> Job | None:
        """In one transaction: note *occurrences*, keep *job* (see JobStore.insert), set *next_due*.

        None, and nothing is kept, where the schedule is not enabled under its revision any more, or its
        next_due has moved, or an occurrence is known already. Without *job* the schedule's occurrences are
        only noted, and None is returned.
        """

    async def occurrences(
        self, scope: str, id: str, *, before: datetime | None, limit: int
    ) -> Sequence[Occurrence]:
        """Return what became of occurrences, the latest due first, due before *before*."""


class Schedules:
    """All that can be asked of schedules, each answered after its commit.

    *read* makes the timetable of a configuration. *most*: how many a scope may have.
    """

    def __init__(
        self,
        store: ScheduleStore,
        clock: object,
        *,
        read: Callable[[bytes], Timetable],
        most: int = 20,
        misfire_grace: timedelta = timedelta(minutes=5),
    ) -> None:
        self.store = store
