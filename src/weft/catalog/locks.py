"""Locks by name: who changes the same thing takes turns."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from weakref import WeakValueDictionary


class Locks:
    """A lock is kept for as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: Hashable) -> asyncio.Lock:
        lock = self._known.get(name)
        if lock is None:
            lock = self._known[name] = asyncio.Lock()
        return lock
