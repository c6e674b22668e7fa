"""Brings the log of a bulk job from the graph, where it is safe, into its output blob, beside the job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from weft.blobs.ports import BlobUnavailable, Log
from weft.engine.ports import Run
from weft.runners.twins_bulk import Hold
from weft.runners.waiting import Patience, done_or_cancel_wished
from weft.twins.graph import Bulk

CHUNK_BYTES = 1024 * 1024
STORAGE_PATIENCE_SECONDS = 600.0
LAST_LINES_SECONDS = 1.0
CLOSE_SECONDS = 0.5

# Runs a function that blocks, with its arguments, in a thread: asyncio.to_thread.
InThread = Callable[..., Awaitable[Any]]

log = logging.getLogger(__name__)


class LogWriter:
    """The output blob of *run*, which `open_blob` opens, blocking; *bulk* says what it has for certain.

    Once it is open, a task writes all that comes into the log of *hold*; `close` ends it. Waiting raises
    what ended that task: BlobFault, or FenceLost.
    """

    def __init__(
        self, hold: Hold, run: Run, bulk: Bulk, open_blob: Callable[[], Log], in_thread: InThread
    ) -> None:
        self._hold = hold
        self._run = run
        self._written = bulk.reported_bytes
        self._open_blob = open_blob
        self._in_thread = in_thread
        self._blob: Log | None = None
        self._task: asyncio.Future[None] | None = None
        self._opening: asyncio.Future[Log] | None = None
        self._call: asyncio.Future[Any] | None = None
        self._grew = asyncio.Event()
        self._moved = asyncio.Event()
        self._seconds_left = LAST_LINES_SECONDS

    async def open(self, *, anew: bool) -> None:
        """Open the blob; make it, or empty it, where it is *anew*. Raises BlobFault."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._in_thread(_open, self._open_blob, anew))
        try:
            self._blob = await asyncio.shield(self._opening)
        except asyncio.CancelledError:
            # It might empty the log of whoever comes next. Nobody does after a job that is to be cancelled.
            await self._done_or_late(self._opening)
            raise
        if self._task is None:
            self._task = asyncio.ensure_future(self._write())

    @property
    def is_made(self) -> bool:
        """Whether the blob was opened, and so made where it was to be."""
        opening = self._opening
        return opening is not None and opening.done() and opening.exception() is None

    def grew(self) -> None:
        """Tell it that there is more to write."""
        self._grew.set()

    async def until_behind_at_most(self, most_bytes: int) -> None:
        """Return once no more than *most_bytes* of the log are missing in the blob."""
        self._raise_its_end()
        while self._hold.report_bytes - self._written > most_bytes:
            self._moved.clear()
            moved = asyncio.ensure_future(self._moved.wait())
            news: set[asyncio.Future[Any]] = {moved} if self._task is None else {moved, self._task}
            try:
                await asyncio.wait(news, return_when=asyncio.FIRST_COMPLETED)
            finally:
                moved.cancel()
            self._raise_its_end()

    async def finish(self, *, is_cancelled: bool) -> bool:
        """Return whether all is written; where the job *is_cancelled*, or is to be, only a moment is left."""
        if self._hold.report_bytes == self._written:
            return True
        finishing = asyncio.ensure_future(self._finish())
        try:
            await self._done_or_late(finishing, is_cancelled=is_cancelled)
        finally:
            if not finishing.done():
                finishing.cancel()
                await asyncio.wait({finishing})
        if finishing.cancelled():
            return False
        finishing.result()
        return True

    async def close(self) -> None:
        """Stop writing. A storage that hangs is not waited for: it can only get what it should have."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        closing = asyncio.ensure_future(self._close_after_its_calls())
        if (await asyncio.wait({closing}, timeout=CLOSE_SECONDS))[1]:
            log.warning("the output blob does not answer, and is left")

    async def _close_after_its_calls(self) -> None:
        """Close the blob, however late its storage answers: as long as it is open no other import has it."""
        calls = {call for call in (self._opening, self._call) if call is not None}
        # Gathered, not waited for: what a call that nobody awaits any more raises is nobody's failure.
        await asyncio.gather(*calls, return_exceptions=True)
        if self._opening is not None and self._opening.exception() is None:
            await self._in_thread(self._opening.result().close)

    async def _done_or_late(self, work: asyncio.Future[Any], *, is_cancelled: bool = False) -> None:
        """Return when *work* is done; all waiting after a cancel has LAST_LINES_SECONDS together."""
        if not is_cancelled:
            await done_or_cancel_wished(self._run, work)
        now = asyncio.get_running_loop().time
        began = now()
        await asyncio.wait({work}, timeout=self._seconds_left)
        self._seconds_left = max(0.0, self._seconds_left - (now() - began))

    async def _finish(self) -> None:
        await self.open(anew=False)
        self.grew()
        await self.until_behind_at_most(0)

    def _raise_its_end(self) -> None:
        if self._task is not None and self._task.done():
            self._task.result()

    # ---- the task

    async def _write(self) -> None:
        while True:
            self._grew.clear()
            while self._written < self._hold.report_bytes:
                await self._write_chunk()
            await self._grew.wait()

    async def _write_chunk(self) -> None:
        hold, offset = self._hold, self._written
        data = await hold.patiently(
            lambda: hold.graph.report(hold.fence.job, offset=offset, most_bytes=CHUNK_BYTES)
        )
        await self._write_patiently(offset, data)
        self._written = offset + len(data)
        self._moved.set()
        await hold.patiently(lambda: hold.graph.reported(hold.fence, self._written))

    async def _write_patiently(self, offset: int, data: bytes) -> None:
        patience = Patience(STORAGE_PATIENCE_SECONDS)
        while True:
            try:
                return await self._write_once(offset, data)
            except BlobUnavailable as fault:
                if patience.is_over:
                    raise
                log.warning("output blob not written; trying again", extra={"reason": fault.message})
            await patience.wait()

    async def _write_once(self, offset: int, data: bytes) -> None:
        if self._blob is None:
            raise RuntimeError("the output blob is not open")
        self._call = asyncio.ensure_future(self._in_thread(self._blob.write, offset, data))
        await asyncio.shield(self._call)


def _open(open_blob: Callable[[], Log], anew: bool) -> Log:
    blob = open_blob()
    if anew:
        try:
            blob.create()
        except BaseException:
            blob.close()
            raise
    return blob
