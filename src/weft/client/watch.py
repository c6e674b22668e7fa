"""Waiting for a job: looks at it again and again, and over the restarts of its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

from weft.client.errors import ServerUnreachable, WaitTimedOut
from weft.client.transport import Reply, Transport

SHORTEST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 60.0


class Ending(Protocol):
    @property
    def has_ended(self) -> bool: ...


E = TypeVar("E", bound=Ending)


class WaitPatience(NamedTuple):
    """*poll_seconds* None: as often as the server asks for. *timeout_seconds* None: without end.

    A server that is away, as while it restarts, is waited for during *unreachable_seconds*.
    """

    timeout_seconds: float | None = None
    poll_seconds: float | None = None
    unreachable_seconds: float = 30


class Watch(Generic[E]):
    """Looks at one job, which is read as *type* at *path*."""

    def __init__(
        self, transport: Transport, path: str, type: type[E], query: Mapping[str, str] | None = None
    ) -> None:
        self._transport = transport
        self._path = path
        self._type = type
        self._query = query
        self._away_since: float | None = None

    async def until_ended(
        self, job: str, patience: WaitPatience, told: Callable[[E], None] | None = None
    ) -> E:
        """Return the job when it has ended; *told* hears of every look at it. Raises WaitTimedOut."""
        try:
            async with asyncio.timeout(patience.timeout_seconds) as limit:
                async for seen in self._looks(patience):
                    if told is not None:
                        told(seen)
                    if seen.has_ended:
                        return seen
        except TimeoutError:
            if not limit.expired():
                raise
        raise WaitTimedOut(job, patience.timeout_seconds or 0)

    async def _looks(self, patience: WaitPatience) -> AsyncIterator[E]:
        """Yield the job at each look, without end."""
        while True:
            pause = SHORTEST_POLL_SECONDS
            try:
                reply = await self._transport.call("GET", self._path, query=self._query)
            except ServerUnreachable:
                if self._given_up(patience.unreachable_seconds):
                    raise
            else:
                self._away_since = None
                yield reply.read(self._type)
                pause = _pause(reply, patience.poll_seconds)
            await asyncio.sleep(pause)

    def _given_up(self, unreachable_seconds: float) -> bool:
        now = asyncio.get_running_loop().time()
        self._away_since = self._away_since or now
        return now - self._away_since >= unreachable_seconds


def _pause(reply: Reply, asked: float | None) -> float:
    if asked is None:
        asked = 1.0 if reply.retry_after_seconds is None else reply.retry_after_seconds
    return min(max(asked, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)
