"""Small lists that a server and commands keep side by side: each one file, changed under a lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from weft.auth.errors import DataRefused
from weft.auth.private_files import private_directory, read_private, replace_private

LONGEST_NAME: Final = 256
LONGEST_FILE_BYTES: Final = 4 * 1024 * 1024


class NotRegistered(Exception):
    """What cannot be registered as asked, or is not known. The message names the value."""


K = TypeVar("K", bound=msgspec.Struct)


class Register(Generic[K]):
    """What `NAME.json` of the data directory holds, a *kept*; `kept()` where there is no such file yet.

    Whoever changes it holds a lock and replaces it whole. Every call raises DataRefused where it cannot be
    read, or others may read it.
    """

    def __init__(self, data: Path, name: str, kept: type[K]) -> None:
        self._path = data / f"{name}.json"
        self._lock = data / f"{name}.lock"
        self._name = name
        self._kept = kept
        self._seen: tuple[int, int, int] | None = None
        self._current = kept()

    def read(self) -> K:
        try:
            return msgspec.json.decode(read_private(self._path, LONGEST_FILE_BYTES), type=self._kept)
        except FileNotFoundError:
            return self._kept()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
            raise DataRefused(f"{self._path} holds no registered {self._name}: {fault}") from None

    def current(self) -> K:
        """Return what the file holds now: the same object again, unless somebody changed it."""
        seen = self._look()
        if seen is None or seen != self._seen:
            self._current = self.read()
            self._seen = seen
        return self._current

    @contextmanager
    def changing(self) -> Iterator[K]:
        """Yield what is kept, while nobody else changes it; at the end it replaces the file."""
        private_directory(self._path.parent)
        with _locked(self._lock):
            kept = self.read()
            yield kept
            replace_private(self._path, msgspec.json.format(msgspec.json.encode(kept), indent=2))

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def name_fault(name: str) -> str | None:
    """Return what is wrong with the name of something that is registered, or None."""
    if name.strip() and len(name) <= LONGEST_NAME and name.isprintable():
        return None
    return f"the name must have 1 to {LONGEST_NAME} printable characters, not {name!r}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
