"""The supervisor's end of the channel to a job's process: frames over a socket that never blocks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from weft.runners.frames import AnyFrame, BadFrame, Unpacker, pack

_CHUNK_BYTES = 256 * 1024


class Channel:
    """Gives each frame to *heard* and, once, the reason why there will be no more to *broke*.

    The end of the stream is no such reason: what ends a process is its end (job_process.py), since a socket
    may be held open by what it started, or be closed by its job.
    """

    def __init__(
        self, ours: socket.socket, heard: Callable[[AnyFrame], None], broke: Callable[[str], None]
    ) -> None:
        ours.setblocking(False)
        self._socket = ours
        self._heard = heard
        self._broke = broke
        self._unpacker = Unpacker()
        self._unsent = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ours.fileno(), self._read)
        self._reads = True

    def send(self, frame: AnyFrame) -> None:
        """Send soon; what a process that is gone would have got is dropped."""
        if self._socket.fileno() < 0:
            return
        waits = bool(self._unsent)
        self._unsent += pack(frame)
        if not waits:
            self._write()

    def drain(self) -> None:
        """Take in what has been sent so far, now."""
        while self._reads and self._read():
            pass

    def close(self) -> None:
        self._stop_reading()
        if self._socket.fileno() >= 0:
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()

    def _read(self) -> bool:
        """Return whether there was something."""
        try:
            data = self._socket.recv(_CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        if not data:
            self._stop_reading()
            return False
        try:
            for frame in self._unpacker.feed(data):
                self._heard(frame)
        except BadFrame as bad:
            self._stop_reading()
            self._broke(str(bad))
            return False
        return True

    def _write(self) -> None:
        fd = self._socket.fileno()
        try:
            sent = self._socket.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._unsent.clear()
            self._loop.remove_writer(fd)
            return
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(fd, self._write)
        else:
            self._loop.remove_writer(fd)

    def _stop_reading(self) -> None:
        if self._reads:
            self._reads = False
            self._loop.remove_reader(self._socket.fileno())
