"""What a person sees of a job while it is waited for, on stderr: a live bar, or plain lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from weft.cli.output import printable, tell
from weft.client import JobDetails, Progress

Told = Callable[[JobDetails], None]


@contextmanager
def watching(job_type: str) -> Iterator[Told]:
    """Yield what is to be told of every look at the job."""
    if sys.stderr.isatty():
        with _bar(job_type) as told:
            yield told
    else:
        yield _Lines(job_type)


class _Lines:
    """Tells a line whenever something has changed."""

    def __init__(self, job_type: str) -> None:
        self._job_type = job_type
        self._last = ""

    def __call__(self, details: JobDetails) -> None:
        line = f"{self._job_type} {details.status} {amount(details.progress)}".rstrip()
        if line != self._last:
            self._last = line
            tell(line)


def amount(progress: Progress | None) -> str:
    if progress is None:
        return ""
    of = f"{progress.done:g}/{progress.total:g}" if progress.total else f"{progress.done:g}"
    return f"{of} {progress.text}".rstrip()


@contextmanager
def _bar(job_type: str) -> Iterator[Told]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    # What may be long comes last, so that only it is cut.
    columns = (SpinnerColumn(), BarColumn(24), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task(job_type, total=None)

        def told(details: JobDetails) -> None:
            progress = details.progress
            text = printable(progress.text if progress else str(details.status))
            done, total = (progress.done, progress.total or None) if progress else (0, None)
            bar.update(shown, description=escape(text), completed=done, total=total)

        yield told
