"""Schedules at random, as plain data: what weft and the oracle are both told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from enum import Enum

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Santiago",
    "Pacific/Apia",
)

# What clocks skip, repeat or begin a day with, in one zone or another.
TRICKY_TIMES = tuple(
    time(hour, minute)
    for hour, minute in [
        (0, 0),
        (0, 30),
        (1, 30),
        (1, 45),
        (2, 0),
        (2, 15),
        (2, 30),
        (3, 0),
        (23, 30),
        (23, 59),
    ]
)
INTERVALS = (37, 60, 97, 240, 720, 1440, 10_000)


class Kind(Enum):
    INTERVAL = "interval"
    DAILY = "daily"
    WEEKLY = "weekly"
    DAY_OF_MONTH = "day of month"
    WEEKDAY_OF_MONTH = "weekday of month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """*every*: minutes of an interval, or months. *weekdays*: 0 is Monday. *number*: the day, or the week."""

    id: str
    kind: Kind
    zone: str
    starts_at: datetime
    ends_at: datetime
    every: int = 1
    times: tuple[time, ...] = ()
    weekdays: tuple[int, ...] = ()
    number: int = 1


def plans(chance: random.Random, begins: datetime, ends: datetime, many: int) -> Sequence[Plan]:
    """Return *many* plans of all kinds in all zones, and one that is due every minute for a while."""
    kinds = list(Kind)
    length = ends - begins
    made = [
        _plan(f"s{number}", kinds[number % len(kinds)], chance, begins, ends) for number in range(many - 1)
    ]
    minutely = Plan(
        id="minutely",
        kind=Kind.INTERVAL,
        zone="UTC",
        starts_at=begins,
        ends_at=_to_the_second(begins + length / 4),
    )
    return [*made, minutely]


def _plan(id: str, kind: Kind, chance: random.Random, begins: datetime, ends: datetime) -> Plan:
    length = ends - begins
    has_begun = chance.random() < 0.3
    starts_at = (
        begins
        + (chance.uniform(-1, 0) if has_begun else chance.choice([0, 0, chance.uniform(0, 0.5)])) * length
    )
    ends_at = ends + chance.choice([length, length, -chance.uniform(0, 0.4) * length])
    return Plan(
        id=id,
        kind=kind,
        zone=chance.choice(ZONES),
        starts_at=_to_the_second(starts_at),
        ends_at=_to_the_second(ends_at),
        every=chance.choice(INTERVALS) if kind is Kind.INTERVAL else chance.choice([1, 1, 1, 2, 3, 12]),
        times=_times(chance),
        weekdays=tuple(
            sorted(chance.sample(range(7), 1 if kind is Kind.WEEKDAY_OF_MONTH else chance.randint(1, 7)))
        ),
        number=chance.randint(1, 5)
        if kind is Kind.WEEKDAY_OF_MONTH
        else chance.choice([1, 15, 28, 29, 30, 31]),
    )


def _times(chance: random.Random) -> tuple[time, ...]:
    any_time = time(chance.randrange(24), chance.randrange(60))
    return tuple(sorted({any_time, *chance.sample(TRICKY_TIMES, chance.randint(1, 3))}))


def _to_the_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)
