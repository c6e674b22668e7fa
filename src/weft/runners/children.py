"""The processes that this process has started and waits for itself."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable


class Children:
    """Knows them from the moment at which anybody can see them, and in any thread."""

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._starting = threading.Lock()

    def start(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Return what *start* returns. Raises what it raises."""
        with self._starting:
            process = start()
            self._pids.add(process.pid)
            return process

    def forget(self, pid: int) -> None:
        """Call it when *pid* has been waited for."""
        self._pids.discard(pid)

    @property
    def pids(self) -> frozenset[int]:
        """Read it after a look at all processes: one that is just being started is then waited for."""
        with self._starting:
            return frozenset(self._pids)


# Of any runner in this process.
OURS = Children()
