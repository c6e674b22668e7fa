"""How many requests one identity may make in a minute, and what is told to one that made too many."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final

from weft.catalog.model import Principal
from weft.engine.errors import Overloaded
from weft.engine.ports import Clock
from weft.settings import Rates

WINDOW: Final = timedelta(minutes=1)


class Kind(StrEnum):
    """What is counted by itself: the service has a quota for each."""

    REQUESTS = "requests"
    JOBS = "jobs"
    OPERATIONS = "operations"
    RUNS = "runs"


class RequestBlocked(Overloaded):
    """The caller has made all requests of its window, which ends at *until*."""

    def __init__(self, until: datetime, now: datetime) -> None:
        super().__init__(min(max(ceil((until - now).total_seconds()), 1), int(WINDOW.total_seconds())))
        self.until = until


class TooManyRuns(RequestBlocked):
    """The caller has started all jobs of its window."""


@dataclass(slots=True)
class _Window:
    begins_at: datetime
    used: int = 0

    @property
    def ends_at(self) -> datetime:
        return self.begins_at + WINDOW


class Meter:
    """Counts the requests of each identity, of each kind, in windows of a minute; a new one is full at once.

    A window begins with the first request after the one before has ended, and is forgotten after its end.
    """

    def __init__(self, rates: Rates, clock: Clock) -> None:
        self._most = {
            Kind.REQUESTS: rates.requests,
            Kind.JOBS: rates.jobs,
            Kind.OPERATIONS: rates.operations,
            Kind.RUNS: rates.runs,
        }
        self._clock = clock
        self._windows: OrderedDict[tuple[str, str, Kind], _Window] = OrderedDict()  # the oldest first

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def counts(self) -> bool:
        return any(self._most.values())

    def count(self, caller: Principal, kind: Kind) -> None:
        """Raises RequestBlocked; TooManyRuns for jobs that are started."""
        most = self._most[kind]
        if not most:
            return
        now = self._clock.now()
        window = self._window((caller.tenant, caller.id, kind), now)
        if window.used >= most:
            refusal = TooManyRuns if kind is Kind.RUNS else RequestBlocked
            raise refusal(window.ends_at, now)
        window.used += 1

    def _window(self, key: tuple[str, str, Kind], now: datetime) -> _Window:
        known = self._windows.get(key)
        if known is not None and known.begins_at <= now < known.ends_at:
            return known
        self._forget_ended(now)
        self._windows.pop(key, None)  # one that lies in the future: the clock was set back
        begun = self._windows[key] = _Window(now)
        return begun

    def _forget_ended(self, now: datetime) -> None:
        while self._windows:
            key, oldest = next(iter(self._windows.items()))
            if now < oldest.ends_at:
                return
            del self._windows[key]


def meter_of(rates: Rates, clock: Clock) -> Meter | None:
    """Return what counts requests; None where everybody may make as many as they like."""
    meter = Meter(rates, clock)
    return meter if meter.counts else None


def kind_of(path: str) -> Kind:
    """Return as what requests to the addresses *path* are counted."""
    if "/jobs/" in path:
        return Kind.JOBS
    return Kind.OPERATIONS if path.startswith("/operations/") else Kind.REQUESTS


def told(until: datetime) -> str:
    """Return an instant as the service writes it into its message: 9/2/2025 5:21:55 PM (UTC)."""
    return f"{until.month}/{until.day}/{until.year} {until.hour % 12 or 12}:{until:%M:%S %p} (UTC)"
