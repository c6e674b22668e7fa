"""Waiting for a job: looks at it again and again, and over the restarts of its server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from math import ceil
from typing import Generic, NamedTuple, Protocol, TypeVar

from weft.client.errors import ServerUnreachable, WaitTimedOut
from weft.client.transport import NO_HEADERS, Reply, Transport

SHORTEST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 60.0
LONGEST_LOOK_SECONDS = 30  # shorter than a call may take


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
    """Looks at one job, which is read as *type* at *path*.

    *long_looks*: ask the server to wait for the job's end before it answers. *is_told*: somebody wants to see
    how far the job is, so that a look must not wait for long.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        type: type[E],
        query: Mapping[str, str] | None = None,
        *,
        long_looks: bool = False,
        is_told: bool = True,
    ) -> None:
        self._transport = transport
        self._path = path
        self._type = type
        self._query = query
        self._long_looks = long_looks
        self._is_told = is_told
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
        wait = 0  # the first look is for how the job is now
        while True:
            pause = SHORTEST_POLL_SECONDS
            headers = {"Prefer": f"wait={wait}"} if wait else NO_HEADERS
            try:
                reply = await self._transport.call("GET", self._path, query=self._query, headers=headers)
            except ServerUnreachable:
                if self._given_up(patience.unreachable_seconds):
                    raise
            else:
                self._away_since = None
                yield reply.read(self._type)
                pause = _pause(reply, patience.poll_seconds)
                is_first, wait = not wait, self._next_wait(pause)
                if wait and (is_first or "Preference-Applied" in reply.headers):
                    continue  # the next look is the pause
            await asyncio.sleep(pause)

    def _next_wait(self, pause: float) -> int:
        """Return for how many seconds the next look is to wait; 0: it is to be a short one."""
        if not self._long_looks:
            return 0
        return min(ceil(pause), LONGEST_LOOK_SECONDS) if self._is_told else LONGEST_LOOK_SECONDS

    def _given_up(self, unreachable_seconds: float) -> bool:
        now = asyncio.get_running_loop().time()
        self._away_since = self._away_since or now
        return now - self._away_since >= unreachable_seconds


def _pause(reply: Reply, asked: float | None) -> float:
    if asked is None:
        asked = 1.0 if reply.retry_after_seconds is None else reply.retry_after_seconds
    return min(max(asked, SHORTEST_POLL_SECONDS), LONGEST_POLL_SECONDS)
