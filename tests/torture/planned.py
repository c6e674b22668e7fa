"""Schedules under kills: when each is due by plain arithmetic, and what the server says became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.torture.ledger import Ledger

MISFIRE_GRACE = timedelta(minutes=5)
SLACK = timedelta(seconds=45)
"""What was due shortly before a kill may not have been fired; a start takes a while."""


@dataclass(frozen=True)
class Outage:
    """Nobody served while the clock went from *begun* to *over*."""

    begun: datetime
    over: datetime

    def must_miss(self, due: datetime) -> bool:
        return self.begun + SLACK < due < self.over - MISFIRE_GRACE - SLACK

    def may_miss(self, due: datetime) -> bool:
        return self.begun - SLACK <= due <= self.over - MISFIRE_GRACE + SLACK


@dataclass
class Plan:
    """A schedule that is due at *first*, and again after each *every*; *path* is where it is."""

    path: str
    first: datetime
    every: timedelta
    fired: dict[datetime, str] = field(default_factory=dict)
    missed: set[datetime] = field(default_factory=set)

    def dues(self, begin: datetime, end: datetime) -> set[datetime]:
        """Return when it is due from *begin* to *end*, both included."""
        start = max(0, -((self.first - begin) // self.every))
        stop = (end - self.first) // self.every
        return {self.first + number * self.every for number in range(start, stop + 1)}

    def open(self, now: datetime) -> set[datetime]:
        """Return the occurrences up to *now* of which nothing is known."""
        return self.dues(self.first, now) - self.fired.keys() - self.missed


@dataclass
class Book:
    """All plans, what is known of them, and while the clock went on with nobody there."""

    ledger: Ledger
    plans: list[Plan] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)

    def read(self, plan: Plan, occurrences: list[dict[str, Any]]) -> None:
        """Note what the server says became of *plan*: all that it knows."""
        fired, missed = self._told(plan, occurrences)
        for due in plan.fired.keys() - fired.keys():
            self.ledger.violation("a fired occurrence is lost", f"{plan.path} at {due}")
        for due, job in fired.items():
            if plan.fired.setdefault(due, job) != job:
                self.ledger.violation("an occurrence has another job", f"{plan.path} at {due}")
            if any(outage.must_miss(due) for outage in self.outages):
                self.ledger.violation("an occurrence was fired too late", f"{plan.path} at {due}")
        for due in plan.missed - missed:
            self.ledger.violation("a missed occurrence is lost", f"{plan.path} at {due}")
        for due in missed - plan.missed:
            if not any(outage.may_miss(due) for outage in self.outages):
                self.ledger.violation("an occurrence was missed for no reason", f"{plan.path} at {due}")
        plan.missed = missed

    def check_all_known(self, plan: Plan, now: datetime) -> None:
        """Look that each occurrence up to *now* was fired or missed, and none beside them."""
        for due in sorted(plan.open(now))[:5]:
            self.ledger.violation("an occurrence neither fired nor was missed", f"{plan.path} at {due}")
        beside = (plan.fired.keys() | plan.missed) - plan.dues(plan.first, now + timedelta(days=1))
        for due in sorted(beside)[:5]:
            self.ledger.violation("an occurrence that was never due", f"{plan.path} at {due}")

    def jobs(self) -> set[str]:
        return {job for plan in self.plans for job in plan.fired.values()}

    def check_jobs(self, before: set[str], instances: set[str]) -> None:
        """*before*: the jobs of occurrences before *instances* were listed; more may be known now."""
        for job in before - instances:
            self.ledger.violation("an occurrence has no instance", job)
        for job in instances - self.jobs():
            self.ledger.violation("an instance of no occurrence", job)

    def count(self) -> None:
        for plan in self.plans:
            self.ledger.counts["occurrences fired"] += len(plan.fired)
            self.ledger.counts["occurrences missed"] += len(plan.missed)

    def _told(
        self, plan: Plan, occurrences: list[dict[str, Any]]
    ) -> tuple[dict[datetime, str], set[datetime]]:
        fired: dict[datetime, str] = {}
        missed: set[datetime] = set()
        for one in occurrences:
            due, last = instant(one["dueUtc"]), instant(one["lastDueUtc"])
            covered = plan.dues(due, last)
            if len(covered) != one["count"] or not covered.isdisjoint(fired.keys() | missed):
                self.ledger.violation("an occurrence is counted wrongly", f"{plan.path}: {one}")
            if one["state"] == "Missed":
                missed |= covered
                continue
            if not one["jobInstanceId"] or one["jobInstanceId"] in fired.values():
                self.ledger.violation("an occurrence has no job of its own", f"{plan.path}: {one}")
            fired[due] = one["jobInstanceId"]
        return fired, missed


def instant(text: str) -> datetime:
    """Read a time as Core writes it: in UTC, without saying so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
