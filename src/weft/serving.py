"""What every server of weft does: hears signals, listens, takes back its jobs, and ends in time."""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop
from starlette.types import ASGIApp

from weft.engine.engine import Engine
from weft.engine.errors import StoreUnavailable
from weft.faces.server import serve
from weft.settings import Settings
from weft.stores.sqlite.store import SqliteStore

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(server: Coroutine[Any, Any, None]) -> int:
    """Run *server* to its end; return the exit code. Raises what it raises first."""
    # What was made until now lives as long as the server: a collection that walks it stops every request
    # for 20 to 30 ms, several times a second under load.
    gc.freeze()
    try:
        uvloop.run(server)
    except BaseExceptionGroup as group:
        raise _first(group) from group
    return 0


class Stopping:
    """When a server stops: told so, it lets its work end; told again, it ends what still runs at once."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._hurried = asyncio.Event()

    def tell(self) -> None:
        if self._told.is_set():
            self._hurried.set()
        self._told.set()

    async def wait(self) -> None:
        await self._told.wait()

    async def unless_hurried(self, work: asyncio.Future[Any]) -> bool:
        """Wait for the end of *work*, or until told again; return whether the work has ended."""
        hurried = asyncio.ensure_future(self._hurried.wait())
        either: set[asyncio.Future[Any]] = {work, hurried}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        return work.done()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.tell)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)  # all is closed: nothing is left to be hurried


async def listen(
    tasks: asyncio.TaskGroup,
    app: ASGIApp,
    settings: Settings,
    *,
    stop: asyncio.Event,
    tls: ssl.SSLContext | None = None,
    body_bytes: int | None = None,
) -> tuple[int, asyncio.Task[None]]:
    """Begin to serve *app*; return the port, and the task that serves. See `serve`."""
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = tasks.create_task(
        serve(app, settings, ready=ready.set_result, stop=stop, tls=tls, body_bytes=body_bytes)
    )
    return await ready, serving


async def take_back_jobs(engine: Engine) -> None:
    """The lock on the store proves that no other server lives: its leases are over now."""
    await engine.store.expire_leases(engine.steady.now())
    while await engine.rescue():
        pass


async def answers(store: SqliteStore) -> bool:
    """Return whether *store* can be read."""
    try:
        await store.workspace("")  # whichever: one look, whose cost does not grow with the store
    except StoreUnavailable:
        return False
    return True


def in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first failure: the parts of a server run in task groups, and the others ended with it."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
