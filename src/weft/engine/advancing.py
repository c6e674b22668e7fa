"""Moving a server's clock on, for tests: schedules fire on the way, and quick jobs end before it goes on."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final, Self

from weft.engine.clock import LATEST, AdjustableClock, ClockTooFar
from weft.engine.errors import StoreUnavailable
from weft.engine.events import Events, Happened
from weft.engine.jobs import JobKey
from weft.engine.lifecycle import Event
from weft.engine.scheduler import Scheduler

SETTLES_WITHIN_IN_ALL: Final = timedelta(seconds=20)
"""How long a move waits for jobs, however many instants lie on its way."""


class Advancing:
    """Moves *clock*, which is that of the *scheduler*'s engine.

    *settles_within*: how long it waits for the jobs of one instant; those that take longer run on.
    """

    def __init__(
        self,
        clock: AdjustableClock,
        scheduler: Scheduler,
        events: Events,
        *,
        settles_within: timedelta = timedelta(seconds=2),
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._events = events
        self._settles_within = settles_within
        self._moving = asyncio.Lock()

    def now(self) -> datetime:
        return self._clock.now()

    @property
    def moved_by(self) -> timedelta:
        """How far ahead of the time the clock is."""
        return self._clock.offset

    async def advance(self, by: timedelta) -> int:
        """Return how many occurrences of schedules fired on the way.

        Raises ClockTooFar and TooFarAhead, and nothing has happened then, and StoreUnavailable.
        """
        async with self._moving:
            now = self._clock.now()
            if by > LATEST - now:
                raise ClockTooFar(f"the clock cannot be moved beyond {LATEST.isoformat()}")
            with Settling(self._events, self._settles_within) as settling:
                try:
                    return await self._scheduler.advance(now + by, self._clock.move_on, settling.settle)
                except OSError as failed:
                    raise StoreUnavailable(f"the clock cannot be kept: {failed}") from None


class Settling:
    """Waits for the jobs that were submitted since it was entered, as long as it has patience."""

    def __init__(self, events: Events, within: timedelta) -> None:
        self._events = events
        self._within_seconds = within.total_seconds()
        self._live: set[JobKey] = set()
        self._ended = asyncio.Event()
        self._left_seconds = SETTLES_WITHIN_IN_ALL.total_seconds()

    def __enter__(self) -> Self:
        self._leave = self._events.subscribe(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    async def settle(self) -> None:
        """Return when the jobs have ended, or after a while; those that have not are not waited for again."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        try:
            async with asyncio.timeout(min(self._left_seconds, self._within_seconds)):
                while self._live:
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            self._live.clear()  # they run on, as jobs do
        self._left_seconds = max(0.0, self._left_seconds - (loop.time() - began_at))

    def _hear(self, happened: Happened) -> None:
        job = happened.job
        if job.is_final:
            self._live.discard(job.key)
            self._ended.set()
        elif happened.event is Event.SUBMIT:
            self._live.add(job.key)
