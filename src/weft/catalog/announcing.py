"""The loop that makes deliveries: of what happened to a job, one for each webhook that wants to hear."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from weft.catalog import scopes
from weft.catalog.webhooks import MOST_PER_WORKSPACE, QUEUE, News, Webhook, WebhookStore, scope_of
from weft.engine.crash import crash_point
from weft.engine.engine import Engine
from weft.engine.errors import Overloaded, ScopeClosed, StoreUnavailable
from weft.engine.events import Happened
from weft.engine.jobs import Job, JobKey, NewJob, WhenLost

NEWS_AT_ONCE: Final = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What a webhook is told of a job: *status* is a word of the face, *body* JSON."""

    status: str
    body: bytes


class Announcer:
    """Makes a delivery of each thing that happened, for each webhook that wants to hear of it.

    A delivery is a job whose id is derived from what it tells whom: made twice it is still one. *tells* puts
    a job into the words of a face; a status that was told already is not told again.
    """

    def __init__(
        self, engine: Engine, store: WebhookStore, tells: Callable[[Job], Told], *, every_seconds: float = 5.0
    ) -> None:
        self._engine = engine
        self._store = store
        self._tells = tells
        self._every_seconds = every_seconds
        self._wake = asyncio.Event()
        self._listens = False

    def look(self) -> None:
        """Look for news now: there may be webhooks where there were none."""
        self._listens = True
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        unsubscribe = self._engine.events.subscribe(self._hear)
        try:
            while True:
                self._wake.clear()
                try:
                    await self.once()
                    self._listens = await self._store.any_webhook()
                except (StoreUnavailable, Overloaded) as busy:
                    log.warning("webhooks wait", extra={"reason": str(busy)})
                await self._rest()
        finally:
            unsubscribe()

    async def once(self) -> int:
        """Make deliveries of all news; return of how many."""
        announced = 0
        while news := await self._store.news(NEWS_AT_ONCE):
            webhooks: dict[str, Sequence[Webhook]] = {}
            for one in news:
                if one.workspace not in webhooks:
                    webhooks[one.workspace] = await self._store.webhooks(
                        one.workspace, after=0, limit=MOST_PER_WORKSPACE
                    )
                await self._announce(one, webhooks[one.workspace])
            await self._store.forget_news(news[-1].number)
            announced += len(news)
        return announced

    async def _announce(self, news: News, webhooks: Sequence[Webhook]) -> None:
        wanted = [webhook for webhook in webhooks if webhook.wants(news.job)]
        if not wanted:
            return
        crash_point("webhooks.announced")
        try:
            told = self._tells(news.job)
        except Exception:
            # A bug with one job must not keep the others from being told, nor end the server.
            log.exception("not told", extra={"job": news.job.key.id})
            return
        for webhook in wanted:
            try:
                await self._engine.submit(_delivery(webhook, news.job, told))
            except ScopeClosed:
                continue  # it was deleted meanwhile
        crash_point("webhooks.made")

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._every_seconds):
                await self._wake.wait()
        except TimeoutError:
            return  # time to look for what no event has told

    def _hear(self, happened: Happened) -> None:
        if self._listens and happened.job.queue == scopes.CORE:
            self._wake.set()


def _delivery(webhook: Webhook, job: Job, told: Told) -> NewJob:
    what = "\n".join((webhook.id, job.key.scope, job.key.id, told.status))
    id = UUID(bytes=hashlib.sha256(what.encode()).digest()[:16], version=4)
    return NewJob(
        key=JobKey(scope_of(webhook), str(id)),
        queue=QUEUE,
        kind=told.status,
        payload=told.body,
        labels={"webhook": webhook.id, "job": job.key.id},
        when_lost=WhenLost.RESTART,
    )
