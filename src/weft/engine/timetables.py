"""When a schedule is due: intervals and calendars, in a time zone, between a start and an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time


@dataclass(frozen=True, slots=True)
class Every:
    """Due at the start, and every so many minutes after it, whatever clocks on walls do."""

    minutes: int


@dataclass(frozen=True, slots=True)
class Daily:
    """*times* are wall times, ascending, each once."""

    times: tuple[time, ...]


@dataclass(frozen=True, slots=True)
class Weekly:
    """*weekdays*: 0 is Monday."""

    times: tuple[time, ...]
    weekdays: frozenset[int]


@dataclass(frozen=True, slots=True)
class DayOfMonth:
    """A month without that day is passed over."""

    day: int


@dataclass(frozen=True, slots=True)
class OrdinalWeekday:
    """*week* 1 to 5: the first to the fifth such weekday; a month without a fifth is passed over."""

    week: int
    weekday: int


@dataclass(frozen=True, slots=True)
class Monthly:
    """*every* so many months, counted from the month of the start in the timetable's zone."""

    times: tuple[time, ...]
    every: int
    on: DayOfMonth | OrdinalWeekday


Pattern = Every | Daily | Weekly | Monthly


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """*starts_at* and *ends_at* are aware, UTC, both included; *zone* is an IANA name, of wall times only.

    A wall time that a clock skips is passed over; one that it shows twice is due the first time only.
    """

    pattern: Pattern
    starts_at: datetime
    ends_at: datetime
    zone: str
