"""From the configuration of a schedule, as it is sent, to the engine's timetable: every member checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from tzlocal.windows_tz import win_tz

from weft.contracts import core as wire
from weft.engine import timetables
from weft.engine.timetables import Daily, Every, Monthly, Pattern, Timetable, Weekly
from weft.faces.http import Refused, bad_body, shown

# Windows ids without an entry in CLDR, from which that table is made.
LEGACY_ZONES: Final = {
    "Kamchatka Standard Time": "Asia/Kamchatka",
    "Mid-Atlantic Standard Time": "Etc/GMT+2",
}
NO_ZONE: Final = "Factory"  # an IANA name that stands for none

# The service is not asked for more: years in which any interval can be added to any instant.
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 9000

# The service writes no `Z`, one client sends always one, another never: it means UTC in any case.
_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,7}))?Z?", re.ASCII)
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_WEEKDAYS: Final = tuple(wire.Weekday)
_WEEKS: Final = tuple(wire.WeekIndex)
_CONFIGURATION: Final = msgspec.json.Decoder(wire.AnyScheduleConfig)


def timetable_of(configuration: bytes) -> Timetable:
    """Return the timetable of a configuration that was accepted once."""
    return timetable(_CONFIGURATION.decode(configuration))


def timetable(configuration: wire.AnyScheduleConfig) -> Timetable:
    """Raises Refused, whose field begins with `configuration`."""
    starts_at = _instant(configuration.start_date_time, "configuration.startDateTime")
    ends_at = _instant(configuration.end_date_time, "configuration.endDateTime")
    if ends_at <= starts_at:
        raise _bad(
            "configuration.endDateTime",
            f"must be after startDateTime, {shown(configuration.start_date_time)}, "
            f"and is {shown(configuration.end_date_time)}",
        )
    return Timetable(
        pattern=_pattern(configuration),
        starts_at=starts_at,
        ends_at=ends_at,
        zone=_zone(configuration.local_time_zone_id),
    )


def as_shown(raw: bytes) -> bytes:
    """Return the JSON object *raw* as it is, but with its member `type` first."""
    members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({"type": members["type"], **members})


def _pattern(configuration: wire.AnyScheduleConfig) -> Pattern:
    match configuration:
        case wire.CronScheduleConfig():
            return Every(configuration.interval)
        case wire.DailyScheduleConfig():
            return Daily(_times(configuration.times))
        case wire.WeeklyScheduleConfig():
            days = frozenset(_WEEKDAYS.index(weekday) for weekday in configuration.weekdays)
            return Weekly(_times(configuration.times), days)
        case wire.MonthlyScheduleConfig():
            return Monthly(
                _times(configuration.times), configuration.recurrence, _days(configuration.occurrence)
            )


def _days(
    occurrence: wire.DayOfMonth | wire.OrdinalWeekday,
) -> timetables.DayOfMonth | timetables.OrdinalWeekday:
    match occurrence:
        case wire.DayOfMonth():
            return timetables.DayOfMonth(occurrence.day_of_month)
        case wire.OrdinalWeekday():
            week = _WEEKS.index(occurrence.week_index) + 1
            return timetables.OrdinalWeekday(week, _WEEKDAYS.index(occurrence.weekday))


def _times(given: Sequence[str]) -> tuple[time, ...]:
    """Return the times in order. One that is given twice is due once."""
    return tuple(sorted({_time(text, f"configuration.times[{at}]") for at, text in enumerate(given)}))


def _time(text: str, field: str) -> time:
    found = _TIME.fullmatch(text)
    if found is None:
        raise _bad(field, f"must be a time such as 07:30, not {shown(text)}")
    return time(int(found[1]), int(found[2]))


def _instant(text: str, field: str) -> datetime:
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise _bad(field, f"must be a time in UTC such as 2026-01-31T07:30:00Z, not {shown(text)}")
    try:
        instant = datetime.fromisoformat(found[1])
    except ValueError:
        raise _bad(field, f"is no day of the calendar: {shown(text)}") from None
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise _bad(field, f"must be from {FIRST_YEAR} to {LAST_YEAR}, not {shown(text)}")
    microsecond = int((found[2] or "").ljust(6, "0")[:6])
    return instant.replace(microsecond=microsecond, tzinfo=UTC)


def _zone(id: str) -> str:
    zone = win_tz.get(id) or LEGACY_ZONES.get(id)
    if zone is not None:
        return zone
    if id in _iana_names():
        return id
    raise _bad(
        "configuration.localTimeZoneId",
        "must be the id of a Windows time zone, such as Central Standard Time, or an IANA name, such as "
        f"America/Chicago, not {shown(id)}",
    )


@cache
def _iana_names() -> frozenset[str]:
    """Return those of the tzdata package, the same on every machine."""
    names = (files("tzdata") / "zones").read_text("ascii").split()
    return frozenset(names) - {NO_ZONE}


def _bad(field: str, message: str) -> Refused:
    return bad_body(field, f"{field} {message}")
