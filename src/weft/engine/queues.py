"""The queues of one worker: which of them may have jobs that wait, and whose turn it is to be served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Queues:
    """Remembers where jobs may wait, so that a worker with many queues asks the store for few of them.

    Who was served goes behind all others that wait: none of them starves.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._waiting = dict.fromkeys(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    @property
    def waiting(self) -> tuple[str, ...]:
        """The queues in which jobs may wait, the one that was served longest ago first."""
        return tuple(self._waiting)

    def hear(self, name: str) -> None:
        """Note that a job may wait in the queue."""
        self._waiting.setdefault(name)

    def hear_all(self) -> None:
        """Note that jobs may wait anywhere, e.g. because time has passed."""
        for name in self._names:
            self.hear(name)

    def serve(self, name: str) -> None:
        """Note that what waits is asked for now. To be called before: what comes meanwhile is then heard."""
        self._waiting.pop(name, None)
