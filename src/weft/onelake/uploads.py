"""What was appended and is not flushed yet: a staging file for each path, and which parts of it are there."""

from __future__ import annotations

import itertools
import os
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Final

from weft.onelake.errors import InvalidFlush, StillAppending
from weft.onelake.paths import Place

MOST: Final = 1000


@dataclass(slots=True)
class Upload:
    """*base*: the length of the file it goes on from. *parts*: what was appended, as start and end, in order.

    Parts that meet are one: however many appends there were, only gaps take memory.
    """

    path: Path
    base: int
    parts: list[tuple[int, int]] = field(default_factory=list)
    writers: int = 0

    def add(self, start: int, end: int) -> None:
        first = bisect_left(self.parts, start, key=itemgetter(1))
        behind = bisect_right(self.parts, end, key=itemgetter(0))
        if first < behind:
            start, end = min(start, self.parts[first][0]), max(end, self.parts[behind - 1][1])
        self.parts[first:behind] = [(start, end)]

    def check(self, end: int) -> None:
        """Raises InvalidFlush unless the parts, with the file before them, make *end* bytes without a gap."""
        if self.writers:
            raise StillAppending
        reached = self.base
        for start, stop in self.parts:
            if start > reached:
                raise InvalidFlush
            reached = max(reached, stop)
        if reached != end:
            raise InvalidFlush

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)


class Uploads:
    """The uploads of this server's life; when there are too many, the one longest untouched is forgotten.

    Whoever calls holds the lock of the files.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: OrderedDict[Place, Upload] = OrderedDict()
        self._numbers = itertools.count()

    def get(self, place: Place) -> Upload | None:
        return self._open.get(place)

    def begin(self, place: Place, base: int) -> Upload:
        """Return the upload to *place*, begun now if there is none."""
        upload = self._open.get(place)
        if upload is None:
            upload = Upload(self.new_path(), base)
            os.close(os.open(upload.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            self._open[place] = upload
            self._bound()
        self._open.move_to_end(place)
        return upload

    def new_path(self) -> Path:
        """Return a path for a file, or a directory, that nobody sees."""
        return self._directory / str(next(self._numbers))

    def taken(self, place: Place) -> None:
        """Forget an upload whose file has become what lies at *place*."""
        self._open.pop(place, None)

    def forget(self, place: Place) -> None:
        """Drop what is uploaded to *place*, and to whatever lies below it."""
        within = [known for known in self._open if known.is_within(place)]
        for known in within:
            self._open.pop(known).drop()

    def _bound(self) -> None:
        while len(self._open) > MOST:
            _, oldest = self._open.popitem(last=False)
            oldest.drop()
