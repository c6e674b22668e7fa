"""An event loop whose time is virtual: it jumps to the next timer as soon as nothing is left to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

BEGINNING = datetime(2026, 3, 1, 12, tzinfo=UTC)


class NothingWillHappen(Exception):
    """Everybody waits, and for nothing that a timer would bring."""


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.elapsed = 0.0
        super().__init__(_NoWaiting(self))
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.elapsed


class VirtualClock:
    """The clock that shows a virtual loop's time."""

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=asyncio.get_running_loop().time())


def virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* on a virtual loop: hours take milliseconds, and the same thing happens each time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class _NoWaiting(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingWillHappen
        self._loop.elapsed += max(timeout, 0.0)
        return []
