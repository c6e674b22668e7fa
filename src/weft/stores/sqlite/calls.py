"""Calls that wait for a thread of the store, and their answers on the way back to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar, TypeVarTuple

import apsw

from weft.engine.errors import StoreUnavailable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Work = Callable[[apsw.Connection, *Ts], T]

# What says nothing about the call itself, but that the file cannot be read or written now.
UNAVAILABLE = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ReadOnlyError,
)


class Call(NamedTuple):
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    future: asyncio.Future[Any]


class Answer(NamedTuple):
    """*error*, where there is one, is raised in the caller."""

    future: asyncio.Future[Any]
    result: Any
    error: Exception | None = None


class Calls:
    """A queue from event loops to one thread, which takes what waits in one go."""

    def __init__(self, most_at_once: int) -> None:
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._most = most_at_once
        self._closed = False

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def put(self, work: Work[*Ts, T], *arguments: *Ts) -> asyncio.Future[T]:
        """Return the future of *work*'s result. To be called on an event loop."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(Call(work, arguments, future))
        return future

    def close(self) -> None:
        """Take no more calls; the thread ends when it has done those that wait."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)

    def take(self) -> list[Call]:
        """Wait for a call; return it and those that wait behind it, or nothing after the last one."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        for _ in range(min(self._queue.qsize(), self._most - 1)):
            call = self._queue.get()
            if call is None:
                self._queue.put(None)
                break
            batch.append(call)
        return batch


def deliver(answers: list[Answer]) -> None:
    """Give the answers to their callers, with one wake-up of each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
    for answer in answers:
        loops.setdefault(answer.future.get_loop(), []).append(answer)
    for loop, its_answers in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_settle, its_answers)


def _settle(answers: list[Answer]) -> None:
    for future, result, error in answers:
        if future.done():
            continue  # its caller was cancelled
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
