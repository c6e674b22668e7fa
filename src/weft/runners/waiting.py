"""Ways to wait: to the very end, until somebody wants the job cancelled, or longer each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

from weft.engine.ports import Run

T = TypeVar("T")

LONGEST_WAIT_SECONDS = 60.0


class CancelWished(Exception):
    """Somebody wants the job cancelled."""


async def surely(work: Coroutine[Any, Any, T]) -> T:
    """Return what *work* returns, and not before it is done, even where the waiting task is cancelled."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as again:
            cancelled = again
    if cancelled is not None:
        raise cancelled
    return task.result()


async def before_cancel(run: Run, work: Awaitable[T]) -> T:
    """Return what *work* returns; it is cancelled where the job is to be cancelled before, or this task is.

    Raises CancelWished.
    """
    task = asyncio.ensure_future(work)
    try:
        await done_or_cancel_wished(run, task)
    finally:
        is_done = task.done()
        if not is_done:
            task.cancel()
            await asyncio.wait({task})
    if not is_done:
        raise CancelWished
    return task.result()


async def done_or_cancel_wished(run: Run, work: asyncio.Future[Any]) -> None:
    """Return when *work* is done, but at once where the job is to be cancelled. *work* goes on."""
    if run.cancel_requested.is_set():
        return
    wish = asyncio.ensure_future(run.cancel_requested.wait())
    either: set[asyncio.Future[Any]] = {work, wish}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        wish.cancel()


class Patience:
    """Counts the failures in a row: waits 1, 2, 4 .. *longest* s after them, and runs out after *seconds*."""

    def __init__(self, seconds: float = float("inf"), *, longest: float = LONGEST_WAIT_SECONDS) -> None:
        self._seconds = seconds
        self._longest = longest
        self.renew()

    def renew(self) -> None:
        """Begin anew: there was progress."""
        self.failures = 0
        self._since = 0.0

    @property
    def is_over(self) -> bool:
        return self.failures > 0 and asyncio.get_running_loop().time() - self._since >= self._seconds

    async def wait(self) -> None:
        """Wait after another failure."""
        if self.failures == 0:
            self._since = asyncio.get_running_loop().time()
        seconds = min(2.0**self.failures, self._longest)
        self.failures += 1
        await asyncio.sleep(seconds)
