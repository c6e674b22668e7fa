"""The temporary directory in which a notebook or a script runs, with the other parts of its definition."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from weft.kit.errors import JobFailed
from weft.runners import proctree

PREFIX: Final = "weft-run-"
NO_FILES: Final = frozenset({".platform"})


@contextmanager
def place() -> Iterator[Path]:
    """Give a directory of this process alone, and take it away.

    What a process that was killed has left is taken away by the next one that comes here.
    """
    _sweep()
    made = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{_identity(os.getpid())}-")).resolve()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def write_parts(place: Path, parts: Mapping[str, bytes]) -> None:
    """Write the parts of a definition as files below *place*. Raises JobFailed for one that cannot be."""
    for path, content in parts.items():
        if path in NO_FILES:
            continue
        try:
            file = (place / path).resolve()
            if place not in file.parents:
                raise ValueError("it leads out of the directory")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise JobFailed("DefinitionInvalid", f"The part {path!r} cannot be a file: {why}.") from None


def _sweep() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid, _, started = left.name.removeprefix(PREFIX).rpartition("-")[0].partition(".")
        if not (pid.isdigit() and started.isdigit()):
            continue
        with suppress(OSError):  # it belongs to somebody else, or is gone
            if left.stat().st_uid == os.getuid() and _identity(int(pid)) != f"{pid}.{started}":
                shutil.rmtree(left, ignore_errors=True)


def _identity(pid: int) -> str:
    """Return a process id and when it started: no later process is the same."""
    seen = proctree.look(pid)
    return "" if seen is None or not seen.lives else f"{pid}.{seen.started}"
