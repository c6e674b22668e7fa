"""What the engine needs from outside: a store, a clock and runners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from weft.engine.jobs import Job, JobKey, LogLine, Move, Outcome, Progress, Room
from weft.engine.lifecycle import State


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the time: aware, UTC, microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's wish for up to *limit* jobs of *queue* in one of *sources*, all of which go to their target.

    Jobs that wait are due by `available_at`, or at once if they were never put off; jobs that were owned by
    the end of their lease.
    """

    queue: str
    source: State
    target: State
    worker: str
    now: datetime
    lease_until: datetime
    limit: int
    starts: bool


Duplicate = Callable[[Job, JobKey], Job]
"""Makes of a job, and of the key of the one that lives in its place, what is kept of it: it has ended."""


@dataclass(frozen=True, slots=True)
class Span:
    """The instants from *since* on and before *until*; None: without a bound."""

    since: datetime | None = None
    until: datetime | None = None


ALWAYS = Span()


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place in a search: the instant that sorts it, and its number, which tells equals apart."""

    at: datetime
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Jobs that somebody looks for: those of *families*, or where *scopes* are given those of them alone.

    Each filter that is not empty is to be met by one of its values: *kinds* in any (ASCII) case, *labels* by
    the label of each name. *text* is part of the id, the kind, a label of *text_labels*, or the error's code
    or message, in any case. *started*: when the job began, or was submitted where it has not begun.
    They are sorted by that instant, or, *by_end*, by their end: what has not ended is then left out.
    *after*: only those behind that place.
    """

    queue: str
    families: Sequence[str] = ()
    scopes: Sequence[str] | None = None
    states: frozenset[State] = frozenset()
    kinds: Sequence[str] = ()
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    text: str = ""
    text_labels: Sequence[str] = ()
    started: Span = ALWAYS
    ended: Span = ALWAYS
    by_end: bool = False
    oldest_first: bool = False
    after: Place | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search. *onward*: where the next one goes on; None: there is none.

    A page may be short, or empty, and have one behind it all the same: only so many jobs are looked at.
    """

    jobs: Sequence[Job]
    onward: Place | None


class JobStore(Protocol):
    """Durable jobs. Every write is on disk before its call returns; `tests/stores` holds the contract.

    Any call may raise StoreUnavailable, which says what may have been kept; insert may raise Overloaded, and
    nothing was kept.
    """

    async def insert(
        self, job: Job, room: Room | None = None, duplicate: Duplicate | None = None
    ) -> Job | None:
        """Keep *job* and return it with its number, or None where its key is taken.

        Where a job that has not ended has the same *unique*, what *duplicate* makes of that one's key and
        *job* is kept and returned in its place, in the same transaction.
        Raises NoRoom, whether the key is taken or not, and ScopeClosed where its scope is closed.
        """

    async def get(self, key: JobKey) -> Job | None: ...

    async def scopes(self, id: str) -> Sequence[str]:
        """Return the scopes that have a job of this id."""

    async def page(self, scope: str, *, before: int | None, limit: int) -> Sequence[Job]:
        """Return jobs of *scope*, newest first, whose number is below *before*."""

    async def oldest_first(self, scope: str, *, after: int, limit: int) -> Sequence[Job]:
        """Return jobs of *scope*, oldest first, whose number is above *after*."""

    async def search(self, search: Search) -> Found:
        """Return jobs that have a family, without their payloads and results.

        Jobs that have ended in a scope that is closed are gone for a search, as what they belonged to is.
        """

    async def known(self, keys: Sequence[JobKey]) -> Mapping[JobKey, Job]:
        """Return those jobs of *keys* that there are, without their payloads and results."""

    async def live(self, scope: str) -> Sequence[Job]:
        """Return the jobs of *scope*, and of every scope below it (`scope/...`), that have not ended."""

    async def claim(self, claim: Claim) -> Sequence[Job]:
        """Give the oldest jobs that are due to the worker, each under a new epoch."""

    async def adopt(self, claim: Claim) -> Sequence[Job]:
        """Give jobs whose lease has run out, and whose work goes on elsewhere, to the worker."""

    async def move(self, move: Move) -> Job | None:
        """Apply *move* and return the job as it is now, or None where something named no longer held."""

    async def extend(
        self, worker: str, numbers: Sequence[int], until: datetime
    ) -> Sequence[tuple[JobKey, int]]:
        """Extend the leases of those jobs of *numbers* that *worker* holds; return their keys and epochs."""

    async def cancel_requests(self, worker: str) -> Sequence[JobKey]:
        """Return the jobs held by *worker* that somebody wants cancelled."""

    async def lost(self, now: datetime, limit: int) -> Sequence[Job]:
        """Return jobs that are not to be adopted and whose lease has run out."""

    async def expire_leases(self, now: datetime) -> int:
        """End every lease: for a server that has proof that no other one lives. Return how many."""

    async def close_scope(self, scope: str) -> None:
        """Refuse all further inserts into *scope* and every scope below it."""

    async def delete(self, key: JobKey) -> bool:
        """Delete a job that has ended; return whether there was one."""

    async def prune(self, ended_before: datetime, limit: int) -> int:
        """Delete up to *limit* jobs that ended before; return how many, 0 only where none is left."""

    async def prune_beyond(
        self, queue: str, keep: int, limit: int, *, spared_since: datetime | None = None
    ) -> int:
        """Delete up to *limit* ended jobs of *queue*, but not those *keep* of a scope that ended last.

        Jobs with a fingerprint that were submitted after *spared_since* stay, too: a repeat of their request
        must find them. Return how many; see `prune`.
        """

    async def note_progress(self, key: JobKey, epoch: int, progress: Progress) -> None:
        """Keep how far a job is; dropped where the epoch is over."""

    async def add_lines(self, key: JobKey, epoch: int, lines: Sequence[LogLine]) -> None:
        """Keep log lines of a job, whose numbers grow from 1; dropped where the epoch is over."""

    async def lines(self, key: JobKey, *, after: int, limit: int) -> Sequence[LogLine]: ...

    async def count(self, queue: str) -> dict[State, int]:
        """Return how many jobs of *queue* are in each state."""


class ChangeStore(Protocol):
    """What somebody who follows jobs and was away may have missed.

    Jobs are those that have a family, one of *families*, and come without their payloads and results; those
    that have ended in a scope that is closed are gone. Any call may raise StoreUnavailable.
    """

    async def last_number(self) -> int:
        """Return the number of the newest job of all; 0: there is none."""

    async def live_numbers(self, families: Collection[str], *, limit: int) -> Sequence[int]:
        """Return the numbers of jobs that have not ended, the lowest first."""

    async def jobs_after(self, families: Collection[str], *, after: int, limit: int) -> Sequence[Job]:
        """Return jobs above number *after*, the lowest first."""

    async def jobs_among(self, families: Collection[str], numbers: Collection[int]) -> Sequence[Job]:
        """Return those of these numbers that there are, the lowest first."""


class Run(Protocol):
    """One job in the hands of a runner: what it asks and tells while it works.

    A call may raise LeaseLost: the job then has another owner, and the runner stops its work at once.
    """

    @property
    def job(self) -> Job: ...

    @property
    def cancel_requested(self) -> asyncio.Event:
        """Set once somebody wants the job cancelled, and the wish is durable."""

    async def send(self, until: datetime) -> bool:
        """Note durably that a call which may start the work is sent now and surely over at *until*.

        Returns False, and the call must not be sent, where the job is to be cancelled.
        """

    async def started(self, at: datetime) -> None: ...

    async def progress(self, progress: Progress) -> None: ...

    async def log(self, lines: Sequence[LogLine]) -> None: ...


class Runner(Protocol):
    """Who does the work of a queue."""

    async def run(self, run: Run) -> Outcome:
        """Do the job and return how it ended.

        Where the calling task is cancelled, the work is stopped before CancelledError leaves.
        """
