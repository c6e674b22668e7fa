"""Carries what a job logs and how far it is to the supervisor: in batches, bounded, from a thread."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from weft.engine.jobs import Progress
from weft.kit.outcomes import clip, clip_bytes, plain_text
from weft.runners.frames import AnyFrame, Lines, Told

_EVERY_SECONDS = 0.1
_LINES_WAITING = 2_000
_LINE_MOST_BYTES = 8 * 1024
_LEVEL_MOST_CHARS = 32
_TEXT_MOST_CHARS = 4_000
_BATCH_MOST_BYTES = 1024 * 1024
_BESIDE_TEXT_BYTES = 200  # of a line in a frame: its instant, its level and what marks them, generously

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
        self._lines.append(self._line(record))
        self._wake()

    def progress(self, progress: Progress) -> None:
        text = clip(plain_text(progress.text[: _TEXT_MOST_CHARS + 1]), _TEXT_MOST_CHARS)
        self._progress = Progress(progress.done, progress.total, text)
        self._wake()

    def send_all(self) -> None:
        """Send what waits, now."""
        with self._sending:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            dropped, self._dropped = self._dropped, 0
            for batch in _batches(lines):
                self._pass_on(Lines(self._turn, batch, 0))
            if dropped:
                self._pass_on(Lines(self._turn, (), dropped))
            progress, self._progress = self._progress, None
            if progress is not None:
                self._pass_on(Told(self._turn, progress))

    def _line(self, record: logging.LogRecord) -> _Line:
        try:
            text = self.format(record)
        except Exception as error:  # the arguments are the user's: a bad log call fails no job
            text = _unformatted(record, error)
        level = clip(plain_text(str(record.levelname).lower()), _LEVEL_MOST_CHARS)
        return float(record.created), level, clip_bytes(plain_text(text), _LINE_MOST_BYTES)

    def _pass_on(self, frame: AnyFrame) -> None:
        try:
            self._send(frame)
        except Exception:  # what cannot be sent is lost, and must take nothing else with it
            self._dropped += len(frame.lines) if isinstance(frame, Lines) else 0

    def _wake(self) -> None:
        if self._news.empty():
            self._news.put(None)

    def _work(self) -> None:
        while True:
            self._news.get()
            self.send_all()
            time.sleep(_EVERY_SECONDS)


def _unformatted(record: logging.LogRecord, error: Exception) -> str:
    try:
        return f"{record.msg!r} could not be formatted with {record.args!r}: {error}"
    except Exception:  # what they would say of themselves raises as well
        return f"a log call in {record.pathname}:{record.lineno} could not be formatted"


def _batches(lines: Iterable[_Line]) -> Iterator[tuple[_Line, ...]]:
    """Yield *lines* in parts that each fit into a frame with room to spare."""
    batch: list[_Line] = []
    size = 0
    for line in lines:
        more = len(line[2].encode()) + _BESIDE_TEXT_BYTES
        if batch and size + more > _BATCH_MOST_BYTES:
            yield tuple(batch)
            batch, size = [], 0
        batch.append(line)
        size += more
    if batch:
        yield tuple(batch)
