"""Blobs that are files below a root, opened step by step so that no link can lead out of it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from weft.blobs.names import LocalName
from weft.blobs.ports import BlobChanged, BlobFault, BlobForbidden, BlobMissing, BlobUnavailable

CHUNK_BYTES = 1024 * 1024
_FILE_MODE = 0o600
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A FIFO that was put in the place of a file after the look at it must not make us wait.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.EROFS, errno.EISDIR, errno.ENXIO, errno.ETXTBSY}


class LocalSource:
    """A regular file. Its tag tells device, inode, size and time of the last change in nanoseconds."""

    def __init__(self, name: LocalName, tag: str | None = None) -> None:
        """Open it; where *tag* is given and is not that of the file, raise BlobChanged."""
        self._name = name
        with _told(name), _parent_of(name) as parent:
            self._file = _open_regular(name, parent, os.O_RDONLY)
        status = os.fstat(self._file)
        self._size, self._tag = status.st_size, _tag_of(status)
        if tag not in {None, self._tag}:
            self.close()
            raise _changed(name)

    @property
    def size(self) -> int:
        return self._size

    @property
    def tag(self) -> str:
        return self._tag

    def read(self, offset: int = 0) -> Iterator[bytes]:
        while offset < self._size:
            chunk = self._chunk(offset)
            offset += len(chunk)
            yield chunk

    def close(self) -> None:
        os.close(self._file)

    def _chunk(self, offset: int) -> bytes:
        with _told(self._name):
            chunk = os.pread(self._file, min(CHUNK_BYTES, self._size - offset), offset)
            same = _tag_of(os.fstat(self._file)) == self._tag
        if not chunk or not same:
            raise _changed(self._name)
        return chunk


class LocalLog:
    """A regular file that is written at given places, and on disk when a call returns.

    Until it is closed nobody else has it as a log: two imports would write over each other.
    """

    def __init__(self, name: LocalName) -> None:
        self._name = name
        self._file: int | None = None

    def create(self) -> None:
        """Make the file, for its owner only, or empty what is there."""
        self.close()
        with _told(self._name), _parent_of(self._name) as parent:
            self._file = _open_claimed(self._name, parent, os.O_WRONLY | os.O_CREAT)
            os.ftruncate(self._file, 0)
            os.fsync(self._file)
            _sync_directory(parent)

    def write(self, offset: int, data: bytes) -> None:
        with _told(self._name):
            file = self._opened()
            self._check_reaches(file, offset)
            with _whole_or_nothing(file, offset):
                _write_all(file, offset, data)
                os.fdatasync(file)

    def close(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)  # a process that is just being started may have it too
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            with _parent_of(self._name) as parent:
                self._file = _open_claimed(self._name, parent, os.O_WRONLY)
        return self._file

    def _check_reaches(self, file: int, offset: int) -> None:
        status = os.fstat(file)
        if status.st_nlink == 0:
            raise BlobMissing(f"{self._name.shown} was removed")
        if status.st_size < offset:
            raise BlobChanged(f"{self._name.shown} is shorter than what was written to it")


@contextmanager
def _whole_or_nothing(file: int, offset: int) -> Iterator[None]:
    """Cut off what a write that failed has left: nobody may come who completes it, and it is half a line."""
    try:
        yield
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, offset)
        raise


def _write_all(file: int, offset: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, offset)
        offset += written
        rest = rest[written:]


def _tag_of(status: os.stat_result) -> str:
    return f"{status.st_dev:x}-{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"


def _changed(name: LocalName) -> BlobChanged:
    return BlobChanged(f"{name.shown} has changed since the import first opened it")


@contextmanager
def _parent_of(name: LocalName) -> Iterator[int]:
    """Give the directory the file lies in, reached from the root without following a link."""
    *parts, _ = name.path.relative_to(name.root).parts
    directory = os.open(name.root, _DIRECTORY)
    try:
        for part in parts:
            below = os.open(part, _DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = below
        yield directory
    finally:
        os.close(directory)


def _open_claimed(name: LocalName, parent: int, how: int) -> int:
    file = _open_regular(name, parent, how)
    if os.fstat(file).st_nlink > 1:  # it would be written under all of its names, also outside of the roots
        os.close(file)
        raise BlobForbidden(f"{name.shown} has more than one hard link")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise BlobUnavailable(f"{name.shown} is the log of another import that runs") from None
    except OSError:
        os.close(file)
        raise
    return file


def _open_regular(name: LocalName, parent: int, how: int) -> int:
    """Open a regular file only: the mere opening of a device may already do something."""
    _check_regular_if_there(name, parent)
    file = os.open(name.path.name, how | _FILE, _FILE_MODE, dir_fd=parent)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _not_regular(name)
    return file


def _check_regular_if_there(name: LocalName, parent: int) -> None:
    try:
        status = os.stat(name.path.name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return  # the opening tells it, or makes the file
    if not stat.S_ISREG(status.st_mode):
        raise _not_regular(name)


def _not_regular(name: LocalName) -> BlobForbidden:
    return BlobForbidden(f"{name.shown} is not a regular file")


def _sync_directory(path_only: int) -> None:
    directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=path_only)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _told(name: LocalName) -> Iterator[None]:
    """Turn errors of the system into faults of the blob."""
    try:
        yield
    except OSError as error:
        raise _kind(error.errno)(f"{name.shown}: {error.strerror}") from None


def _kind(number: int | None) -> type[BlobFault]:
    if number in _MISSING:
        return BlobMissing
    return BlobForbidden if number in _FORBIDDEN else BlobUnavailable
