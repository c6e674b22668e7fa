"""The clock of a real server, and one that a test can move on."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from weft.engine.ports import Clock

LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""A clock is not moved beyond: calendars need some room."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ClockUnreadable(Exception):
    """The file of a clock says no offset. The message is for who starts a server."""


class ClockTooFar(Exception):
    """The clock would show a time after LATEST."""


class AdjustableClock:
    """Shows the time of *base* and an offset, which is kept in a file so that time never goes back."""

    def __init__(self, path: Path, base: Clock, offset: timedelta) -> None:
        self._path = path
        self._base = base
        self.offset = offset

    @classmethod
    def open(cls, path: Path, base: Clock) -> Self:
        """Raises ClockUnreadable."""
        return cls(path, base, kept_offset(path))

    def now(self) -> datetime:
        return self._base.now() + self.offset

    def move_on(self, to: datetime) -> None:
        """Show *to* from now on; a time that has passed is no reason to go back. Blocks.

        Raises ClockTooFar, and OSError where it cannot be kept: the clock is then where it was.
        """
        if to > LATEST:
            raise ClockTooFar(f"the clock cannot be moved beyond {LATEST.isoformat()}")
        offset = max(self.offset, to - self._base.now())
        _keep(self._path, offset)
        self.offset = offset


def kept_offset(path: Path) -> timedelta:
    """Return the offset that *path* holds, zero where there is no such file. Raises ClockUnreadable."""
    try:
        text = path.read_text("ascii")
        microseconds = int(text)
    except FileNotFoundError:
        return timedelta(0)
    except (OSError, ValueError) as fault:
        raise ClockUnreadable(f"{path} does not say how far the clock was moved: {fault}") from None
    if not 0 <= microseconds <= (LATEST - datetime.min.replace(tzinfo=UTC)) // timedelta(microseconds=1):
        raise ClockUnreadable(f"{path} does not say how far the clock was moved: {microseconds}")
    return timedelta(microseconds=microseconds)


def _keep(path: Path, offset: timedelta) -> None:
    """Write it so that after a power cut either the old offset or the new one is there."""
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="ascii") as file:
        file.write(str(offset // timedelta(microseconds=1)))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
