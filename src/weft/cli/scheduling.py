"""What a schedule is to be, as a person says it in options, and as it is told to a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from weft.cli.errors import Misused
from weft.cli.options import whole
from weft.cli.payload import read_payload
from weft.contracts.core import Weekday, WeekIndex

FOREVER_YEARS = 10
NEAR = timedelta(seconds=5)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class When:
    """The options that say when a schedule is due."""

    cron: Annotated[int | None, Parameter(name="--cron", converter=whole, help="Every so many minutes.")] = (
        None
    )
    daily: Annotated[
        str | None, Parameter(name="--daily", help="Every day at these times, as 07:00,19:00.")
    ] = None
    weekly: Annotated[
        str | None, Parameter(name="--weekly", help="On these days, as mon,fri, --at some times.")
    ] = None
    monthly: Annotated[
        str | None,
        Parameter(name="--monthly", help="On this day, as 31 or second-friday, --at some times."),
    ] = None
    every: Annotated[
        int | None,
        Parameter(name="--every", converter=whole, help="With --monthly: every so many months [1]."),
    ] = None
    at: Annotated[str | None, Parameter(name="--at", help="Times of the day, as 07:00,19:00.")] = None
    config: Annotated[
        str | None,
        Parameter(name="--config", help="The contract's configuration: a JSON object, or @FILE."),
    ] = None
    zone: Annotated[
        str | None,
        Parameter(name="--zone", help="Time zone, as Europe/Berlin or a Windows id [UTC]."),
    ] = None
    start: Annotated[
        str | None,
        Parameter(name="--start", help="In UTC, as 2026-01-31T07:30:00Z [the next full minute]."),
    ] = None
    end: Annotated[str | None, Parameter(name="--end", help="In UTC [ten years after the start].")] = None

    @property
    def is_said(self) -> bool:
        return any(value is not None for value in vars(self).values())


def new_configuration(when: When, now: datetime) -> msgspec.Raw | dict[str, Any]:
    """Return the contract's configuration. Raises Misused."""
    if when.config is not None:
        return _given(when)
    pattern = _pattern(when)
    if pattern is None:
        raise Misused("one of --cron, --daily, --weekly, --monthly and --config is needed")
    start = when.start or _full_minute(now)
    return {
        "type": pattern.pop("type"),
        "startDateTime": start,
        "endDateTime": when.end or _years_after(start, now),
        "localTimeZoneId": when.zone or "UTC",
        **pattern,
    }


def changed_configuration(when: When, known: msgspec.Raw) -> msgspec.Raw | dict[str, Any]:
    """Return the configuration *known* with what is said in place of what it says. Raises Misused."""
    if when.config is not None:
        return _given(when)
    members: dict[str, Any] = msgspec.json.decode(known)
    pattern = _pattern(when)
    if pattern is not None:
        frame = ("startDateTime", "endDateTime", "localTimeZoneId")
        members = {"type": pattern.pop("type"), **{name: members[name] for name in frame}, **pattern}
    said = {"startDateTime": when.start, "endDateTime": when.end, "localTimeZoneId": when.zone}
    return {**members, **{name: value for name, value in said.items() if value is not None}}


def described(configuration: msgspec.Raw) -> str:
    """Return in words when a schedule is due, without its zone."""
    members: dict[str, Any] = msgspec.json.decode(configuration)
    times = ", ".join(members.get("times", ()))
    match members["type"]:
        case "Cron":
            return "every minute" if members["interval"] == 1 else f"every {members['interval']} minutes"
        case "Daily":
            return f"daily at {times}"
        case "Weekly":
            return f"{', '.join(members['weekdays'])} at {times}"
        case "Monthly":
            return f"{_day(members['occurrence'])} of {_months(members['recurrence'])} at {times}"
        case other:
            return str(other)


def _given(when: When) -> msgspec.Raw:
    others = [name for name, value in vars(when).items() if value is not None and name != "config"]
    if others:
        raise Misused(f"--config says it all: --{others[0]} does not go with it")
    return read_payload(when.config or "", "--config")


def _pattern(when: When) -> dict[str, Any] | None:
    """Return type and members of the kind of schedule that is said; None: none is. Raises Misused."""
    kinds = [name for name in ("cron", "daily", "weekly", "monthly") if getattr(when, name) is not None]
    if len(kinds) > 1:
        raise Misused(f"--{kinds[0]} and --{kinds[1]} exclude one another")
    kind = kinds[0] if kinds else None
    _check_goes_with(when, kind)
    if when.cron is not None:
        return {"type": "Cron", "interval": when.cron}
    if when.daily is not None:
        return {"type": "Daily", "times": _words(when.daily)}
    if when.weekly is not None:
        days = [_weekday(word, "--weekly") for word in _words(when.weekly)]
        return {"type": "Weekly", "times": _words(when.at or ""), "weekdays": days}
    if when.monthly is not None:
        return {
            "type": "Monthly",
            "recurrence": 1 if when.every is None else when.every,
            "occurrence": _occurrence(when.monthly),
            "times": _words(when.at or ""),
        }
    return None


def _check_goes_with(when: When, kind: str | None) -> None:
    if kind in ("weekly", "monthly") and when.at is None:
        raise Misused(f"--{kind} needs --at, as --at 07:00")
    if when.at is not None and kind not in ("weekly", "monthly"):
        raise Misused("--at goes with --weekly and --monthly")
    if when.every is not None and kind != "monthly":
        raise Misused("--every goes with --monthly")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _weekday(word: str, option: str) -> str:
    found = [day.value for day in Weekday if len(word) >= 3 and day.value.lower().startswith(word.lower())]
    if not found:
        raise Misused(f"{option}: {word!r} is no day of the week, such as mon or friday")
    return found[0]


def _occurrence(text: str) -> dict[str, Any]:
    if re.fullmatch("[0-9]{1,2}", text):
        return {"occurrenceType": "DayOfMonth", "dayOfMonth": int(text)}
    week, _, day = text.partition("-")
    weeks = [one.value for one in WeekIndex if one.value.lower() == week.lower()]
    if not weeks or not day:
        raise Misused(f"--monthly: {text!r} is neither a day such as 31 nor one such as second-friday")
    return {
        "occurrenceType": "OrdinalWeekday",
        "weekIndex": weeks[0],
        "weekday": _weekday(day, "--monthly"),
    }


def _full_minute(now: datetime) -> str:
    """Return the next one that is not too near: a start that has passed would fire at once."""
    return _written((now + NEAR).replace(second=0, microsecond=0) + timedelta(minutes=1))


def _years_after(start: str, now: datetime) -> str:
    lasts = timedelta(days=365 * FOREVER_YEARS)
    try:
        return _written(datetime.fromisoformat(start.removesuffix("Z")).replace(tzinfo=UTC) + lasts)
    except (ValueError, OverflowError):
        return _written(now + lasts)  # the server says what is wrong with the start


def _written(instant: datetime) -> str:
    return instant.replace(tzinfo=None).isoformat(timespec="seconds")


def _day(occurrence: dict[str, Any]) -> str:
    if occurrence["occurrenceType"] == "DayOfMonth":
        return f"day {occurrence['dayOfMonth']}"
    return f"{occurrence['weekIndex'].lower()} {occurrence['weekday']}"


def _months(recurrence: int) -> str:
    return "each month" if recurrence == 1 else f"every {recurrence} months"
