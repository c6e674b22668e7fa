"""What tests of schedules share: timetables as text, a maker of jobs, and a clock that is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any

from weft.engine.jobs import JobError, JobKey, NewJob
from weft.engine.schedules import Firing, NewSchedule, Schedule
from weft.engine.timetables import (
    Daily,
    DayOfMonth,
    Every,
    Monthly,
    OrdinalWeekday,
    Pattern,
    Timetable,
    Weekly,
)

SCOPE = "core/w/i"
KIND = "Forecast"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2036, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes(number: float) -> datetime:
    """Return the instant so many minutes after NOW."""
    return NOW + timedelta(minutes=number)


def timetable(
    pattern: Pattern, starts: datetime = NOW, ends: datetime = LATER, zone: str = "UTC"
) -> Timetable:
    return Timetable(pattern=pattern, starts_at=starts, ends_at=ends, zone=zone)


class Timetables:
    """Configurations are names of timetables, which are kept here."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Timetable] = {}

    def named(self, timetable: Timetable) -> bytes:
        name = repr(timetable).encode()
        self._kept[name] = timetable
        return name

    def read(self, configuration: bytes) -> Timetable:
        return self._kept[configuration]


class SetClock:
    """Shows what it was set to."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        self._now = now

    def move_on(self, **lengths: float) -> None:
        self._now += timedelta(**lengths)


class Maker:
    """Makes a job of each occurrence, whose payload says when it was due.

    *errors*, *gone* and *broken*: the ids of schedules whose jobs may not run, or for which there is nothing
    to run any more, or for which it raises.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.errors: dict[str, JobError] = {}
        self.gone: set[str] = set()
        self.broken: dict[str, Exception] = {}
        self._numbers = count(1)

    async def firing(self, schedule: Schedule, due: datetime) -> Firing | None:
        if schedule.id in self.broken:
            raise self.broken[schedule.id]
        if schedule.id in self.gone:
            return None
        new = NewJob(
            key=JobKey(schedule.scope, f"{self._prefix}{schedule.id}-{next(self._numbers)}"),
            queue="core",
            kind=schedule.kind,
            payload=due.isoformat().encode(),
            labels=labels_of(schedule),
            submitted_by=schedule.owner,
        )
        return Firing(new=new, error=self.errors.get(schedule.id))


def labels_of(schedule: Schedule) -> Mapping[str, str]:
    return {**schedule.labels, "schedule": schedule.id, "revision": str(schedule.revision)}


def a_new(configuration: bytes, id: str = "s", **given: Any) -> NewSchedule:
    new = NewSchedule(
        scope=SCOPE, kind=KIND, id=id, enabled=True, configuration=configuration, owner="u1", payload=b"{}"
    )
    return replace(new, **given)


HOURLY = Every(60)
MINUTELY = Every(1)
NOON = Daily((time(12),))
MONDAYS = Weekly((time(9), time(17, 30)), frozenset({0}))
LAST_DAYS = Monthly((time(8),), 1, DayOfMonth(31))
FIFTH_FRIDAYS = Monthly((time(8),), 1, OrdinalWeekday(5, 4))
