"""Small secret files that are made once, by whoever comes first, and that nobody else may read."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from weft.auth.errors import DataRefused

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LONGEST_BYTES = 64 * 1024


def private_directory(path: Path) -> Path:
    """Return *path*, made with mode 0700 if it is not there; raises DataRefused if others may enter it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=DIRECTORY_MODE)
    except FileExistsError:
        if not path.is_dir():
            raise DataRefused(f"{path} is no directory") from None
    _check_owner_only(path, path.stat(), DIRECTORY_MODE)
    return path


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what *path* holds; where there is no such file, make it first.

    Two processes that race both return the bytes of the one that won: a file appears whole, under its name,
    by a link that only one of them can set. Raises DataRefused if others may read the file.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        _publish(path, make())
    return _read(path)


def read_private(path: Path, longest_bytes: int) -> bytes:
    """Return what *path* holds; raises DataRefused if others may read it, FileNotFoundError if none."""
    content = _read(path, longest_bytes + 1)
    if len(content) > longest_bytes:
        raise DataRefused(f"{path} is longer than {longest_bytes} bytes")
    return content


def replace_private(path: Path, content: bytes) -> None:
    """Put *content* in place of what *path* holds: whoever reads finds the old or the new, whole."""
    draft = _draft(path, content)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _read(path: Path, longest_bytes: int = _LONGEST_BYTES) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as fault:
        if fault.errno == errno.ELOOP:
            raise DataRefused(f"{path} is a link; a file must lie there itself") from None
        raise
    with os.fdopen(descriptor, "rb") as file:
        _check_owner_only(path, os.fstat(descriptor), FILE_MODE)
        return file.read(longest_bytes)


def _publish(path: Path, content: bytes) -> None:
    draft = _draft(path, content)
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return  # another process was first, and its file is the one that counts
    finally:
        draft.unlink()
    _sync_directory(path.parent)


def _draft(path: Path, content: bytes) -> Path:
    """Return a file of another name beside *path*, with *content* safe on the disk."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        draft.unlink()
        raise
    return draft


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_owner_only(path: Path, found: os.stat_result, wanted: int) -> None:
    if found.st_uid != os.geteuid():
        raise DataRefused(f"{path} belongs to user {found.st_uid}, not to the one who runs weft")
    if found.st_mode & _OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        raise DataRefused(
            f"{path} is open to other users (mode {mode:04o}); close it with: chmod {wanted:04o} {path}"
        )
