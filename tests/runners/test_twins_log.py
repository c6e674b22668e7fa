"""A log whose storage fails when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from weft.blobs.ports import BlobMissing, Log
from weft.engine.ports import Run
from weft.runners.twins_log import LogWriter
from weft.twins.graph import Bulk


class Hold:
    """Nine bytes that wait to be written."""

    report_bytes = 9
    fence = SimpleNamespace(job="job")
    graph = SimpleNamespace(report=lambda *_, **__: _told(b"Models\nTw"))

    async def patiently(self, work: Callable[[], Awaitable[bytes]]) -> bytes:
        return await work()


async def _told(data: bytes) -> bytes:
    return data


async def test_a_write_that_fails_after_a_cancel_is_nobodys_failure() -> None:
    writing, may_fail = asyncio.Event(), asyncio.Event()
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
        if work.__name__ != "write":
            return work(*arguments)
        writing.set()
        await may_fail.wait()
        raise BlobMissing("http://127.0.0.1/log: the storage answered 404")

    blob = SimpleNamespace(write=_write, close=_nothing, create=_nothing)
    run = cast(Run, SimpleNamespace(cancel_requested=asyncio.Event()))
    bulk = cast(Bulk, SimpleNamespace(reported_bytes=0))
    log = LogWriter(cast(Any, Hold()), run, bulk, lambda: cast(Log, blob), in_thread)
    await log.open(anew=True)
    await writing.wait()

    closing = asyncio.ensure_future(log.close())
    await asyncio.sleep(0)
    may_fail.set()
    await closing
    del log
    gc.collect()

    assert told == []


def _write(*_: object) -> None: ...


_write.__name__ = "write"


def _nothing(*_: object) -> None: ...
