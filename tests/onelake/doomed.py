"""A process that changes a file and is killed at the n-th step that the disk sees: DATA CHANGE N."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weft.onelake.files import Files
from weft.onelake.paths import Place

PLACE = Place("w", "i", ("Files", "x"))
OTHER = Place("w", "i", ("Files", "y"))
OLD, NEW = b"old" * 1000, b"brand new" * 1000
STEPS = ("fsync", "replace", "rename", "pwrite", "mkdir", "unlink")


def put(files: Files, content: bytes, *, after: int = 0) -> None:
    upload = files.begin_append(PLACE, after, len(content))
    files.write(upload, after, content)
    files.end_append(upload, after, after + len(content))
    files.flush(PLACE, after + len(content))


def replace(files: Files) -> None:
    files.create_file(PLACE)
    put(files, NEW)


CHANGES: dict[str, Callable[[Files], object]] = {
    "append": lambda files: put(files, NEW, after=len(OLD)),
    "replace": replace,
    "delete": lambda files: files.delete(PLACE, recursive=False),
    "rename": lambda files: files.rename(PLACE, OTHER),
}


def main(data: Path, change: str, step: int) -> None:
    files = Files.open(data)
    left = step

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*given, **named)

        return counted

    for name in STEPS:
        setattr(os, name, dying(getattr(os, name)))
    CHANGES[change](files)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
