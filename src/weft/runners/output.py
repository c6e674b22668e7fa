"""What a job's process prints: read all the time, cut into lines, never more than a bounded part kept."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable, Sequence

_CHUNK_BYTES = 64 * 1024
_LINE_MOST_BYTES = 8 * 1024
_DRAIN_MOST_BYTES = 1024 * 1024


class Output:
    """Reads *pipe*, which it closes, and gives whole lines, without their ends, to *tell*."""

    def __init__(self, pipe: io.FileIO, tell: Callable[[Sequence[bytes]], None]) -> None:
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self._tell = tell
        self._partial = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe.fileno(), self._read)

    def drain(self) -> None:
        """Take in what has been printed so far, now; what has no end of line yet is a line as well."""
        left = _DRAIN_MOST_BYTES
        while left > 0 and (taken := self._read()):
            left -= taken
        if self._partial:
            partial, self._partial = self._partial, b""
            self._tell((partial,))

    def close(self) -> None:
        if not self._pipe.closed:
            self._loop.remove_reader(self._pipe.fileno())
            self._pipe.close()

    def _read(self) -> int:
        """Return how many bytes there were."""
        if self._pipe.closed:
            return 0
        try:
            data = os.read(self._pipe.fileno(), _CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return 0
        if not data:
            self.close()
            return 0
        *lines, last = data.split(b"\n")
        if lines:
            lines[0] = self._partial + lines[0]
            self._partial = last
            self._tell(lines)
        else:
            # A line that is too long loses its end, and costs no memory.
            self._partial = (self._partial + last)[: _LINE_MOST_BYTES + 1]
        return len(data)


def line_text(line: bytes) -> str:
    """Return *line* as text of bounded length."""
    text = line[:_LINE_MOST_BYTES].decode("utf-8", "replace").rstrip("\r")
    return f"{text}…" if len(line) > _LINE_MOST_BYTES else text
