"""Brings the log of a bulk job from the graph, where it is safe, into its output blob, beside the job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from weft.blobs.ports import BlobUnavailable, Log
from weft.runners.twins_bulk import Hold
from weft.runners.waiting import Patience

CHUNK_BYTES = 1024 * 1024
STORAGE_PATIENCE_SECONDS = 600.0
CLOSE_SECONDS = 0.5

# Runs a function that blocks, in a thread, with its arguments: asyncio.to_thread.
InThread = Callable[..., Awaitable[Any]]

log = logging.getLogger(__name__)


class LogWriter:
    """Writes *blob* from *written* on; constructing it starts a task that `close` ends.

    Waiting for it raises what ended it: BlobFault, or FenceLost.
    """

    def __init__(self, hold: Hold, blob: Log, in_thread: InThread, *, written: int) -> None:
        self._hold = hold
        self._blob = blob
        self._in_thread = in_thread
        self._written = written
        self._grew = asyncio.Event()
        self._moved = asyncio.Event()
        self._call: asyncio.Future[Any] | None = None
        self._task = asyncio.ensure_future(self._write())

    def grew(self) -> None:
        """Tell it that the log in the graph has grown."""
        self._grew.set()

    async def until_behind_at_most(self, most_bytes: int) -> None:
        """Return once no more than *most_bytes* of the log are missing in the blob."""
        while self._hold.report_bytes - self._written > most_bytes:
            self._moved.clear()
            moved = asyncio.ensure_future(self._moved.wait())
            await asyncio.wait({moved, self._task}, return_when=asyncio.FIRST_COMPLETED)
            moved.cancel()
            if self._task.done():
                self._task.result()

    async def close(self) -> None:
        """Stop writing. A storage that hangs is not waited for: it can only get what it should have."""
        self._task.cancel()
        await asyncio.wait({self._task})
        if self._call is not None and not self._call.done():
            await asyncio.wait({self._call}, timeout=CLOSE_SECONDS)
        if self._call is not None and not self._call.done():
            log.warning("the output blob does not answer, and is left")
            return
        await self._in_thread(self._blob.close)

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
            self._call = asyncio.ensure_future(self._in_thread(self._blob.write, offset, data))
            try:
                return await asyncio.shield(self._call)
            except BlobUnavailable as fault:
                if patience.is_over:
                    raise
                log.warning("output blob not written; trying again", extra={"reason": fault.message})
            await patience.wait()
