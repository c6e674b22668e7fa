"""What a person sees of an import while it runs, on stderr: a live bar with its speed, or plain lines."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from weft.cli.output import printable, tell
from weft.client import ImportDetails, Progress

Told = Callable[[ImportDetails], None]

LINE_SECONDS = 5.0
LOOKS = 40
CHECKING = "Checking"


@contextmanager
def watching_import(job: str) -> Iterator[Told]:
    """Yield what is to be told of every look at the job."""
    if sys.stderr.isatty():
        with _bar(job) as told:
            yield told
    else:
        yield Lines(job)


@dataclass(frozen=True, slots=True)
class Speed:
    """Entities a second, and how many seconds are left at that; None where nothing can be said yet."""

    per_second: float | None = None
    left_seconds: float | None = None

    def __str__(self) -> str:
        if self.per_second is None:
            return ""
        left = "" if self.left_seconds is None else f", {_clock(self.left_seconds)} left"
        return f"{self.per_second:,.0f} entities/s{left}"


class Meter:
    """Tells the speed over the last looks. The first pass over the file counts no entities and has none."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=LOOKS)

    def hear(self, progress: Progress | None, now: float) -> Speed:
        """*now* in seconds, from any beginning."""
        if progress is None or progress.text.startswith(CHECKING):
            return Speed()
        if self._seen and progress.done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, progress.done))
        (began, first), (last, done) = self._seen[0], self._seen[-1]
        if last <= began or done <= first:
            return Speed()
        per_second = (done - first) / (last - began)
        return Speed(per_second, (progress.total - done) / per_second if progress.total else None)


class Lines:
    """Tells a line when the status changes, and now and then how far it is."""

    def __init__(self, job: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        self._clock = clock
        self._meter = Meter()
        self._status: str | None = None
        self._told_at = 0.0
        self._last = ""

    def __call__(self, details: ImportDetails) -> None:
        now = self._clock()
        speed = self._meter.hear(details.progress, now)
        if details.status == self._status and now < self._told_at + LINE_SECONDS:
            return
        how_far = [] if details.has_ended else [told_progress(details), str(speed)]
        line = " ".join(filter(None, (self._job, details.status, *how_far)))
        if line != self._last:
            tell(line)
        self._status, self._told_at, self._last = details.status, now, line


@contextmanager
def _bar(job: str) -> Iterator[Told]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415

    # What may be long comes last, so that only it is cut.
    columns = (
        SpinnerColumn(),
        BarColumn(24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    meter = Meter()
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task(job, total=None)

        def told(details: ImportDetails) -> None:
            progress = details.progress
            speed = meter.hear(progress, time.monotonic())
            text = "  ".join(filter(None, (_shown_status(details), told_progress(details), str(speed))))
            done, total = (progress.done, progress.total or None) if progress else (0, None)
            bar.update(shown, description=escape(printable(text)), completed=done, total=total)

        yield told


def _shown_status(details: ImportDetails) -> str:
    return "" if details.status == "running" and details.progress else details.status


def told_progress(details: ImportDetails) -> str:
    """Return how far the job is; nothing at its end, when what was told last is no longer true."""
    return "" if details.progress is None or details.has_ended else details.progress.text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
