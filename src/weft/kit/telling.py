"""Carries what a job logs and how far it is to the supervisor: in batches, bounded, from a thread."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable

from weft.engine.jobs import Progress
from weft.kit.outcomes import clip, plain_text
from weft.runners.frames import AnyFrame, Lines, Told

_EVERY_SECONDS = 0.1
_LINES_WAITING = 2_000
_LINE_MOST_CHARS = 8_192

_Line = tuple[float, str, str]


class Teller(logging.Handler):
    """A handler of `logging`, and the job's progress.

    The job's thread only puts things down, and never takes a lock of Python's: a cancel may interrupt it
    anywhere, and a lock it then held would never be given back.
    """

    def __init__(self, send: Callable[[AnyFrame], None]) -> None:
        super().__init__()
        self._send = send
        self._turn = 0
        self._lines: deque[_Line] = deque()
        self._dropped = 0
        self._progress: Progress | None = None
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self.setFormatter(logging.Formatter())
        threading.Thread(target=self._work, name="weft teller", daemon=True).start()

    def createLock(self) -> None:  # noqa: N802 - logging's own name
        self.lock = None

    def begin(self, turn: int) -> None:
        """From here on everything belongs to *turn*."""
        self.send_all()
        self._turn = turn

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._lines) >= _LINES_WAITING:
            self._dropped += 1
            return
        try:
            text = self.format(record)
        except Exception as error:  # the arguments are the user's: a bad log call fails no job
            text = f"{record.msg!r} could not be formatted with {record.args!r}: {error}"
        self._lines.append(
            (record.created, record.levelname.lower(), clip(plain_text(text), _LINE_MOST_CHARS))
        )
        self._wake()

    def progress(self, progress: Progress) -> None:
        self._progress = progress
        self._wake()

    def send_all(self) -> None:
        """Send what waits, now."""
        with self._sending:
            lines = tuple(self._lines.popleft() for _ in range(len(self._lines)))
            dropped, self._dropped = self._dropped, 0
            if lines or dropped:
                self._send(Lines(self._turn, lines, dropped))
            progress, self._progress = self._progress, None
            if progress is not None:
                self._send(Told(self._turn, progress))

    def _wake(self) -> None:
        if self._news.empty():
            self._news.put(None)

    def _work(self) -> None:
        while True:
            self._news.get()
            self.send_all()
            time.sleep(_EVERY_SECONDS)
