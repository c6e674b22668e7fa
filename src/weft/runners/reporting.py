"""Passes on what a job tells, in batches, and never keeps more of it than a bounded part."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime

from weft.engine.errors import StoreUnavailable
from weft.engine.jobs import LogLine, Progress
from weft.engine.ports import Run

EVERY_SECONDS = 0.1
LINES_WAITING = 1_000
LINES_OF_A_JOB = 100_000
CHARS_OF_A_JOB = 32 * 1024 * 1024

log = logging.getLogger(__name__)


class Reporter:
    """Tells *run* of lines and progress, soon but not one by one; `lost` is done where that raised."""

    def __init__(self, run: Run) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._run = run
        self._waiting: list[LogLine] = []
        self._progress: Progress | None = None
        self._number = 0
        self._chars = 0
        self._dropped = 0
        self._hurry = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    @property
    def room(self) -> int:
        """How many more lines would be kept now."""
        if self._chars >= CHARS_OF_A_JOB:
            return 0
        return max(0, min(LINES_WAITING - len(self._waiting), LINES_OF_A_JOB - self._number))

    def lines(self, lines: Iterable[tuple[datetime, str, str]]) -> None:
        """Take lines as instant, level and text; those beyond the room are counted and dropped."""
        for at, level, text in lines:
            if self.room:
                self._add(at, level, text)
            else:
                self._dropped += 1
        self._wake()

    def dropped(self, count: int) -> None:
        """Note that *count* lines could not be taken."""
        self._dropped += count
        if count:
            self._wake()

    def progress(self, progress: Progress) -> None:
        self._progress = progress
        self._wake()

    async def finish(self) -> None:
        """Pass on what is left. Raises what `run` raises, e.g. LeaseLost."""
        self._hurry.set()
        if self._pump is not None:
            await self._pump
        if self.lost.done():
            self.lost.result()
        if self._dropped:
            self._say_dropped()
            await self._report()

    async def abandon(self) -> None:
        """Stop: nobody wants to know any more."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        if self.lost.done():
            self.lost.exception()

    def _add(self, at: datetime, level: str, text: str) -> None:
        self._number += 1
        self._chars += len(text)
        self._waiting.append(LogLine(self._number, at, level, text))

    def _say_dropped(self) -> None:
        dropped, self._dropped = self._dropped, 0
        self._add(datetime.now(UTC), "warning", f"({dropped} lines dropped: more than are kept)")

    def _wake(self) -> None:
        if self._pump is None and not self.lost.done():
            self._pump = asyncio.create_task(self._report_until_quiet(), name="report of a job")

    async def _report_until_quiet(self) -> None:
        try:
            while self._waiting or self._progress:
                await self._report()
                await self._rest()
        except Exception as error:
            self.lost.set_exception(error)
        finally:
            self._pump = None

    async def _report(self) -> None:
        if self._dropped and self._number < LINES_OF_A_JOB and self._chars < CHARS_OF_A_JOB:
            self._say_dropped()
        waiting, self._waiting = self._waiting, []
        progress, self._progress = self._progress, None
        if waiting:
            await _unless_unavailable(self._run.log(waiting))
        if progress is not None:
            await _unless_unavailable(self._run.progress(progress))

    async def _rest(self) -> None:
        if self._hurry.is_set():
            return
        try:
            async with asyncio.timeout(EVERY_SECONDS):
                await self._hurry.wait()
        except TimeoutError:
            return


async def say(run: Run, level: str, text: str) -> None:
    """Add a line of our own to the job's log."""
    await _unless_unavailable(run.log([LogLine(1, datetime.now(UTC), level, text)]))


async def _unless_unavailable(report: Awaitable[None]) -> None:
    try:
        await report
    except StoreUnavailable as unavailable:
        # A job must not fail because its log cannot be kept for a while.
        log.warning("report of a job lost", extra={"reason": unavailable.reason})
