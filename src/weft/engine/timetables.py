"""When a schedule is due: intervals and calendars, in a time zone, between a start and an end."""

from __future__ import annotations

import calendar
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo


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


def next_after(timetable: Timetable, instant: datetime) -> datetime | None:
    """Return the first occurrence later than *instant*, UTC; None: there is none."""
    after = max(instant, _just_before(timetable.starts_at))
    if after >= timetable.ends_at:
        return None
    if isinstance(timetable.pattern, Every):
        return _next_of_interval(timetable, timetable.pattern, after)
    wall = _wall(after, timetable.zone)
    for day in _days(timetable, wall.date(), _wall(timetable.ends_at, timetable.zone).date()):
        times = timetable.pattern.times
        # What was shown up to now is over, also where the clock shows it a second time.
        passed = bisect_right(times, wall.time()) if day == wall.date() else 0
        for at in times[passed:]:
            due = _shown_first(day, at, timetable.zone)
            if due is not None and due > after:
                return due if due <= timetable.ends_at else None
    return None


def upcoming(timetable: Timetable, after: datetime, limit: int) -> Sequence[datetime]:
    """Return the first *limit* occurrences later than *after*, the next one first."""
    return list(islice(_from(timetable, after), limit))


def count_between(timetable: Timetable, after: datetime, before: datetime) -> int:
    """Return how many occurrences are later than *after* and earlier than *before*."""
    after, before = _within(timetable, after, before)
    if before <= after:
        return 0
    if isinstance(timetable.pattern, Every):
        step = timedelta(minutes=timetable.pattern.minutes)
        return _ceil(before - timetable.starts_at, step) - (after - timetable.starts_at) // step - 1
    first, last = _wall(after, timetable.zone).date(), _wall(before, timetable.zone).date()
    return sum(
        len(timetable.pattern.times)
        if first < day < last and not _changes_offset(day, timetable.zone)
        else sum(after < due < before for due in _dues(timetable.pattern.times, day, timetable.zone))
        for day in _days(timetable, first, last)
    )


def latest_between(timetable: Timetable, after: datetime, before: datetime, limit: int) -> Sequence[datetime]:
    """Return the last *limit* occurrences later than *after* and earlier than *before*, in their order."""
    after, before = _within(timetable, after, before)
    backwards = _backwards(timetable, before)
    latest: list[datetime] = []
    while len(latest) < limit and (due := next(backwards, after)) > after:
        latest.append(due)
    return latest[::-1]


# ---- helpers

# The calendar repeats after so long: what is never due in it never will be.
_MONTHS_OF_CYCLE = 400 * 12

_FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)


def _from(timetable: Timetable, after: datetime) -> Iterator[datetime]:
    due = next_after(timetable, after)
    while due is not None:
        yield due
        due = next_after(timetable, due)


def _backwards(timetable: Timetable, before: datetime) -> Iterator[datetime]:
    """Give the occurrences earlier than *before*, the latest first."""
    if before <= timetable.starts_at:
        return
    if isinstance(timetable.pattern, Every):
        step = timedelta(minutes=timetable.pattern.minutes)
        place = _ceil(before - timetable.starts_at, step) - 1
        yield from (timetable.starts_at + step * back for back in range(place, -1, -1))
        return
    first, last = _wall(timetable.starts_at, timetable.zone).date(), _wall(before, timetable.zone).date()
    for day in _days_backwards(timetable, first, last):
        dues = _dues(timetable.pattern.times, day, timetable.zone)
        yield from (due for due in reversed(dues) if timetable.starts_at <= due < before)


def _within(timetable: Timetable, after: datetime, before: datetime) -> tuple[datetime, datetime]:
    return max(after, _just_before(timetable.starts_at)), min(
        before, timetable.ends_at + timedelta.resolution
    )


def _just_before(instant: datetime) -> datetime:
    """Return the instant before it, for what is later than that; none is before the first that there is."""
    return max(instant, _FIRST_INSTANT + timedelta.resolution) - timedelta.resolution


def _next_of_interval(timetable: Timetable, every: Every, after: datetime) -> datetime | None:
    step = timedelta(minutes=every.minutes)
    since_start = step * ((after - timetable.starts_at) // step + 1)
    return (
        timetable.starts_at + since_start if since_start <= timetable.ends_at - timetable.starts_at else None
    )


def _days(timetable: Timetable, first: date, last: date) -> Iterator[date]:
    """Give the days from *first* to *last* on which a calendar pattern is due."""
    pattern = timetable.pattern
    if isinstance(pattern, Monthly):
        yield from _days_of_months(timetable, pattern, first, last, backwards=False)
    else:
        yield from _days_of_weeks(pattern, range(first.toordinal(), last.toordinal() + 1))


def _days_backwards(timetable: Timetable, first: date, last: date) -> Iterator[date]:
    """Give the days from *last* back to *first* on which a calendar pattern is due."""
    pattern = timetable.pattern
    if isinstance(pattern, Monthly):
        yield from _days_of_months(timetable, pattern, first, last, backwards=True)
    else:
        yield from _days_of_weeks(pattern, range(last.toordinal(), first.toordinal() - 1, -1))


def _days_of_weeks(pattern: Every | Daily | Weekly, ordinals: range) -> Iterator[date]:
    for ordinal in ordinals:
        day = date.fromordinal(ordinal)
        if not isinstance(pattern, Weekly) or day.weekday() in pattern.weekdays:
            yield day


def _days_of_months(
    timetable: Timetable, pattern: Monthly, first: date, last: date, *, backwards: bool
) -> Iterator[date]:
    start = _month(_wall(timetable.starts_at, timetable.zone))
    low = max(0, -(-(_month(first) - start) // pattern.every))
    high = (_month(last) - start) // pattern.every
    rounds = range(high, low - 1, -1) if backwards else range(low, high + 1)
    for place in rounds[: _MONTHS_OF_CYCLE // pattern.every + 1]:
        day = _day_of_month(start + place * pattern.every, pattern.on)
        if day is not None and first <= day <= last:
            yield day


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _day_of_month(month: int, on: DayOfMonth | OrdinalWeekday) -> date | None:
    year, month = month // 12, month % 12 + 1
    weekday_of_first, length = calendar.monthrange(year, month)
    if isinstance(on, DayOfMonth):
        day = on.day
    else:
        day = 1 + (on.weekday - weekday_of_first) % 7 + (on.week - 1) * 7
    return date(year, month, day) if day <= length else None


def _dues(times: Sequence[time], day: date, zone: str) -> list[datetime]:
    shown = (_shown_first(day, at, zone) for at in times)
    return [due for due in shown if due is not None]


def _shown_first(day: date, at: time, zone: str) -> datetime | None:
    """Return when clocks of the zone show that time for the first time on that day; None: they never do."""
    there = _zone(zone)
    wall = datetime.combine(day, at, there)
    try:
        instant = wall.astimezone(UTC)
    except OverflowError:  # beyond the first or the last year that there is
        return None
    return instant if instant.astimezone(there).replace(tzinfo=None) == wall.replace(tzinfo=None) else None


def _changes_offset(day: date, zone: str) -> bool:
    there = _zone(zone)
    midnight = datetime.combine(day, time(), there)
    return midnight.utcoffset() != (midnight + timedelta(days=1)).utcoffset()


def _wall(instant: datetime, zone: str) -> datetime:
    try:
        return instant.astimezone(_zone(zone)).replace(tzinfo=None)
    except OverflowError:  # beyond the first or the last year that there is
        return instant.replace(tzinfo=None)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _ceil(length: timedelta, step: timedelta) -> int:
    return -(-length // step)
