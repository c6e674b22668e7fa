"""Requests that wait for a job: how many of one identity may, and what ends their waiting early."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from weft.catalog.model import Principal
from weft.engine.errors import Overloaded
from weft.faces.doors import OUTSIDE

T = TypeVar("T")

RETRY_AFTER_SECONDS = 5
MOST_WAITS = 100
TICK_SECONDS = 5.0


class TooManyWaits(Overloaded):
    """*most*: how many requests of one identity may wait at once."""

    def __init__(self, most: int) -> None:
        super().__init__(RETRY_AFTER_SECONDS)
        self.most = most


class Waits:
    """All the waiting of a server; *most* of one identity at once, 0: as many as it likes."""

    def __init__(self, most: int = MOST_WAITS, *, tick_seconds: float = TICK_SECONDS) -> None:
        """*tick_seconds*: how often who follows something is looked at while nothing happens."""
        self.tick_seconds = tick_seconds
        self._most = most
        self._waiting: Counter[tuple[str, str]] = Counter()
        self._over = asyncio.Event()

    @property
    def are_over(self) -> bool:
        return self._over.is_set()

    @property
    def busy(self) -> int:
        """How many requests wait, of all identities."""
        return self._waiting.total()

    def end(self) -> None:
        """End every wait now, and let none begin: the server stops."""
        self._over.set()

    @contextmanager
    def place(self, caller: Principal) -> Iterator[None]:
        """Take a place among the waiting. Raises TooManyWaits."""
        identity = (caller.tenant, caller.id)
        if 0 < self._most <= self._waiting[identity]:
            raise TooManyWaits(self._most)
        self._waiting[identity] += 1
        try:
            yield
        finally:
            self._waiting[identity] -= 1
            if not self._waiting[identity]:
                del self._waiting[identity]

    async def until(self, event: Coroutine[Any, Any, T], request: Request) -> T | None:
        """Return what *event* comes to; None where the server stops before.

        Takes no room among the requests that are served at once: see Doors. Raises ClientDisconnect where
        nobody waits any more, and what *event* raises.
        """
        with request.scope.get(OUTSIDE, nullcontext)():
            awaited = asyncio.ensure_future(event)
            gone = asyncio.ensure_future(_gone(request))
            over = asyncio.ensure_future(self._over.wait())
            try:
                await asyncio.wait((awaited, gone, over), return_when=asyncio.FIRST_COMPLETED)
                if awaited.done():
                    return awaited.result()
                if gone.done():
                    raise ClientDisconnect
                return None
            finally:
                for task in (awaited, gone, over):
                    task.cancel()
                await asyncio.gather(awaited, gone, over, return_exceptions=True)


async def _gone(request: Request) -> None:
    """Return when the client has gone away. What else it sends is not wanted."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
