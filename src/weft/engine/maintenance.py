"""The loop that keeps the store in order: rescue jobs whose lease ran out, prune what ended long ago."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from weft.engine.engine import Engine
from weft.engine.errors import StoreUnavailable
from weft.engine.worker import Worker

REPEATABLE_FOR = timedelta(hours=24)
"""For how long a job stays for sure that a repeat of its request must find."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long ended jobs stay. *keep*: for a queue, how many ended jobs of a scope stay at most."""

    length: timedelta = timedelta(days=30)
    keep: tuple[tuple[str, int], ...] = ()
    batch: int = 1000


Duty = Callable[[], Awaitable[None]]


class Maintenance:
    """*duties* are done in each round, before what ended long ago is pruned."""

    def __init__(
        self,
        engine: Engine,
        workers: Sequence[Worker],
        retention: Retention,
        *,
        every: timedelta,
        duties: Sequence[Duty] = (),
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._retention = retention
        self._every = every
        self._duties = duties

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(self._every.total_seconds())
            try:
                await self.once()
            except StoreUnavailable as unavailable:
                log.warning("maintenance put off", extra={"reason": unavailable.reason})

    async def once(self) -> None:
        # After the whole process stood still, the leases of our own live jobs have run out too: extend first.
        # The instant is taken before that, for the process can stand still here as well as anywhere.
        as_of = self._engine.steady.now()
        for worker in self._workers:
            await worker.extend()
        rescued = await self._engine.rescue(as_of=as_of)
        if rescued:
            log.warning("rescued jobs of a lost worker", extra={"jobs": rescued})
        for duty in self._duties:
            await duty()
        await self._prune()

    async def _prune(self) -> None:
        batch = self._retention.batch
        while await self._engine.prune(older_than=self._retention.length, limit=batch):
            pass  # each batch is a commit of its own, so that others are served between two
        since = self._engine.clock.now() - REPEATABLE_FOR
        for queue, keep in self._retention.keep:
            while await self._engine.store.prune_beyond(queue, keep, batch, spared_since=since):
                pass
