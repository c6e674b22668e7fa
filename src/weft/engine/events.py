"""What happened to which job, told inside this process to workers, waiters and observers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from weft.engine.jobs import Job, JobKey
from weft.engine.lifecycle import Event


@dataclass(frozen=True, slots=True)
class Happened:
    """*event* has been committed, and *job* is what it left behind."""

    event: Event
    job: Job


Listener = Callable[[Happened], None]


class Events:
    """Hands each committed event to all listeners, in the order they came; a listener must not block."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._watchers: dict[JobKey, set[asyncio.Event]] = {}

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Return the call that ends the subscription."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def emit(self, event: Event, job: Job) -> None:
        happened = Happened(event, job)
        for listener in tuple(self._listeners):
            listener(happened)
        for changed in self._watchers.get(job.key, ()):
            changed.set()

    @contextmanager
    def watch(self, key: JobKey) -> Iterator[asyncio.Event]:
        """Give an asyncio event that is set each time something happens to the job."""
        changed = asyncio.Event()
        watchers = self._watchers.setdefault(key, set())
        watchers.add(changed)
        try:
            yield changed
        finally:
            watchers.discard(changed)
            if not watchers and self._watchers.get(key) is watchers:
                del self._watchers[key]
