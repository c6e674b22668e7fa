"""When a plan is due, by the rules and time zones of python-dateutil; nothing of weft is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time

from dateutil import tz
from dateutil.rrule import DAILY, MINUTELY, MONTHLY, WEEKLY, rrule, weekday

from tests.schedules.plans import Kind, Plan


def dues(plan: Plan, until: datetime) -> Sequence[datetime]:
    """Return all occurrences of *plan* up to *until*, in their order."""
    until = min(until, plan.ends_at)
    if until < plan.starts_at:
        return []
    if plan.kind is Kind.INTERVAL:
        starts = plan.starts_at.replace(tzinfo=None)
        found = rrule(MINUTELY, interval=plan.every, dtstart=starts, until=until.replace(tzinfo=None))
        return [due.replace(tzinfo=UTC) for due in found]
    return sorted(due for due in _shown(plan, until) if plan.starts_at <= due <= until)


def _shown(plan: Plan, until: datetime) -> Iterator[datetime]:
    zone = tz.gettz(plan.zone)
    assert zone is not None
    first = plan.starts_at.astimezone(zone).replace(tzinfo=None)
    last = until.astimezone(zone).replace(tzinfo=None)
    for at in plan.times:
        for wall in _rule(plan, at, first, last):
            if tz.datetime_exists(wall, zone):
                yield wall.replace(tzinfo=zone, fold=0).astimezone(tz.UTC).astimezone(UTC)


def _rule(plan: Plan, at: time, first: datetime, last: datetime) -> rrule:
    midnight = datetime.combine(first.date(), time())
    month = midnight.replace(day=1)
    bound = datetime.combine(last.date(), time(23, 59))
    hour, minute = at.hour, at.minute
    if plan.kind is Kind.DAILY:
        return rrule(DAILY, dtstart=midnight, until=bound, byhour=hour, byminute=minute)
    if plan.kind is Kind.WEEKLY:
        return rrule(
            WEEKLY, dtstart=midnight, until=bound, byweekday=plan.weekdays, byhour=hour, byminute=minute
        )
    if plan.kind is Kind.DAY_OF_MONTH:
        return rrule(
            MONTHLY, interval=plan.every, dtstart=month, until=bound, bymonthday=plan.number, byhour=hour,
            byminute=minute,
        )  # fmt: skip
    nth = weekday(plan.weekdays[0])(plan.number)
    return rrule(
        MONTHLY, interval=plan.every, dtstart=month, until=bound, byweekday=nth, byhour=hour, byminute=minute
    )
