"""Files and directories on disk: what was flushed is whole and survives a crash, what was not is as before.

Appended data goes to a staging file that nobody sees; a flush syncs it and puts it in its place by a rename.
All calls block: they are for threads.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from weft.onelake.errors import (
    BadPath,
    DirectoryNotEmpty,
    InvalidFlush,
    ManagedFolder,
    PathConflict,
    PathExists,
    PathNotFound,
    StorageFull,
    TooLarge,
)
from weft.onelake.paths import FOLDERS, Place, names_of
from weft.onelake.uploads import Upload, Uploads

LONGEST_FILE_BYTES: Final = 16 * 1024**3
REMEMBERED_ITEMS: Final = 10_000
"""How many items that are no more are known by name: far more than calls can be under way."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COPIED_AT_ONCE: Final = 1024 * 1024
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies somewhere: *size* 0 for a directory, *modified* in nanoseconds since 1970."""

    is_directory: bool
    size: int
    modified: int
    etag: str


Guard = Callable[[Entry | None], None]
"""Raises ConditionNotMet where what lies there is not what the caller expects."""


def no_guard(_: Entry | None) -> None:
    return


class Files:
    def __init__(self, root: Path, *, longest_file_bytes: int = LONGEST_FILE_BYTES) -> None:
        self._root = root / "files"
        self._uploads = Uploads(root / "staging")
        self._longest = longest_file_bytes
        self._lock = threading.RLock()
        self._forgotten: OrderedDict[tuple[str, str], None] = OrderedDict()

    @classmethod
    def open(cls, data: Path, *, longest_file_bytes: int = LONGEST_FILE_BYTES) -> Self:
        """Return the files in *data*, made if need be; what was appended and not flushed is gone."""
        root = data / "onelake"
        shutil.rmtree(root / "staging", ignore_errors=True)
        for directory in (root, root / "files", root / "staging"):
            directory.mkdir(mode=0o700, exist_ok=True)
        _sync_directory(data)
        _sync_directory(root)
        return cls(root, longest_file_bytes=longest_file_bytes)

    # ---- looking

    def look(self, place: Place) -> Entry:
        """Raises PathNotFound."""
        with _told(), _missing():
            self._ready(place)
            return _entry(os.lstat(place.below(self._root)))

    def read(self, place: Place) -> tuple[int, Entry]:
        """Return a descriptor of the file, the caller's to close, and what it is of. Raises PathNotFound."""
        with _told(), _missing():
            self._ready(place)
            descriptor = os.open(place.below(self._root), _READ)
            return descriptor, _entry(os.fstat(descriptor))

    def walk(
        self, place: Place, after: tuple[str, ...], *, recursive: bool
    ) -> Iterator[tuple[tuple[str, ...], Entry]]:
        """Give what lies in the directory, by its names from there, in their order, *after* one of them.

        Raises PathNotFound, and PathConflict where there is a file.
        """
        if not self.look(place).is_directory:
            raise PathConflict
        yield from _walk(place.below(self._root), (), after, recursive=recursive)

    # ---- changing

    def create_directory(self, place: Place, guard: Guard = no_guard) -> Entry:
        """Make a directory, and those above it; one that is there stays. Raises PathConflict."""
        with self._change(place, guard) as (path, before):
            if before is None:
                self._make_directories(path)
            elif not before.is_directory:
                raise PathConflict
            return _entry(os.lstat(path))

    def create_file(self, place: Place, guard: Guard = no_guard) -> Entry:
        """Make a file empty; one that is there is replaced. Raises PathConflict."""
        with self._change(place, guard) as (path, before):
            if before is not None and before.is_directory:
                raise PathConflict
            self._make_directories(path.parent)
            self._uploads.forget(place)
            upload = self._uploads.begin(place, 0)
            self._uploads.taken(place)
            return _publish(upload.path, path)

    def begin_append(self, place: Place, position: int, length: int | None) -> Upload:
        """Take note that data comes for *position*. `end_append` has to follow. Raises PathNotFound."""
        if position + (length or 0) > self._longest:
            raise TooLarge(self._longest)
        with self._change(place, no_guard) as (_, before):
            if before is None:
                raise PathNotFound
            if before.is_directory:
                raise PathConflict
            if position < before.size:
                raise InvalidFlush
            upload = self._uploads.begin(place, before.size)
            upload.writers += 1
            return upload

    def end_append(self, upload: Upload, position: int, end: int | None) -> None:
        """Take note that the data up to *end* is there; None: that it did not come whole."""
        with self._lock:
            upload.writers -= 1
            if end is not None and end > position:
                upload.add(position, end)

    def write(self, upload: Upload, position: int, data: bytes) -> None:
        """Put *data* into the staging file. Raises TooLarge, StorageFull, PathNotFound if it was dropped."""
        if position + len(data) > self._longest:
            raise TooLarge(self._longest)
        with _told():
            descriptor = os.open(upload.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                view = memoryview(data)
                while view:
                    written = os.pwrite(descriptor, view, position)
                    view, position = view[written:], position + written
            finally:
                os.close(descriptor)

    def flush(self, place: Place, position: int, guard: Guard = no_guard) -> Entry:
        """Make what was appended the file's, which is *position* bytes long then. Raises InvalidFlush."""
        with self._change(place, guard) as (path, before):
            if before is None:
                raise PathNotFound
            upload = self._uploads.get(place)
            if before.is_directory:
                raise PathConflict
            if upload is None:
                if position != before.size:
                    raise InvalidFlush
                return before
            upload.check(position)
            _copy(path, upload.path, upload.base)
            entry = _publish(upload.path, path)
            self._uploads.taken(place)
            return entry

    def delete(self, place: Place, *, recursive: bool, guard: Guard = no_guard) -> None:
        """Raises PathNotFound, and DirectoryNotEmpty unless *recursive*."""
        with self._change(place, guard) as (path, before):
            if before is None:
                raise PathNotFound
            if before.is_directory and not recursive and any(path.iterdir()):
                raise DirectoryNotEmpty
            trash = self._uploads.new_path()
            path.rename(trash)
            _sync_directory(path.parent)
            self._uploads.forget(place)
        _remove(trash)

    def rename(self, source: Place, target: Place, guard: Guard = no_guard) -> Entry:
        """Move a file or a directory; a file, or an empty directory, gives way to one of its kind."""
        if source.is_managed:
            raise ManagedFolder
        if target.is_within(source):
            raise BadPath("A path cannot be renamed to itself or to one below it.")
        with self._change(target, guard) as (path, before):
            old = source.below(self._root)
            moved = _entry(os.lstat(old))
            if before is not None and before.is_directory != moved.is_directory:
                raise PathConflict
            if before is not None and before.is_directory and any(path.iterdir()):
                raise PathExists
            _check_reachable(old, target)
            self._make_directories(path.parent)
            old.rename(path)
            _sync_directory(path.parent)
            _sync_directory(old.parent)
            self._uploads.forget(source)
            self._uploads.forget(target)
            return _entry(os.lstat(path))

    def forget_item(self, workspace: str, item: str) -> None:
        """Delete all files of an item that is no more. A call that comes too late makes none of them anew."""
        place = Place(workspace, item)
        trash = self._uploads.new_path()
        with self._lock, _told():
            self._forgotten[workspace, item] = None
            if len(self._forgotten) > REMEMBERED_ITEMS:
                self._forgotten.popitem(last=False)
            self._uploads.forget(place)
            try:
                place.below(self._root).rename(trash)
            except FileNotFoundError:
                return
            _sync_directory(place.below(self._root).parent)
        _remove(trash)

    # ---- inside

    @contextmanager
    def _change(self, place: Place, guard: Guard) -> Iterator[tuple[Path, Entry | None]]:
        """Hold the lock; give where *place* is on disk and what lies there now. Raises ManagedFolder."""
        if place.is_managed or place.names[0] not in FOLDERS:
            raise ManagedFolder
        with self._lock, _told():
            self._ready(place)
            path = place.below(self._root)
            before = _maybe(path)
            guard(before)
            yield path, before

    def _ready(self, place: Place) -> None:
        """Make the folders that every item has: they are there though nobody made them.

        Raises PathNotFound where the item is no more.
        """
        if (place.workspace, place.item) in self._forgotten:
            raise PathNotFound
        item = Place(place.workspace, place.item).below(self._root)
        if not (item / FOLDERS[-1]).exists():
            for folder in FOLDERS:
                self._make_directories(item / folder)

    def _make_directories(self, path: Path) -> None:
        """Make *path* and what is missing above it, for good. Raises PathConflict where a file lies there."""
        missing = []
        while not path.is_dir():
            missing.append(path)
            path = path.parent
        for directory in reversed(missing):
            try:
                directory.mkdir(mode=0o700, exist_ok=True)
            except FileExistsError:
                raise PathConflict from None
            _sync_directory(directory.parent)


def _maybe(path: Path) -> Entry | None:
    try:
        return _entry(os.lstat(path))
    except FileNotFoundError:
        return None


def _entry(found: os.stat_result) -> Entry:
    is_directory = stat.S_ISDIR(found.st_mode)
    etag = f'"0x{found.st_mtime_ns:X}{found.st_ino:X}"'
    return Entry(is_directory, 0 if is_directory else found.st_size, found.st_mtime_ns, etag)


def _publish(draft: Path, path: Path) -> Entry:
    """Put the file *draft* in the place of *path*: synced, and by one step that nobody sees half of."""
    descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(draft, path)  # noqa: PTH105 - beside os.fsync it reads as the pair that it is
    _sync_directory(path.parent)
    return _entry(os.lstat(path))


def _copy(source: Path, target: Path, length: int) -> None:
    """Copy the first *length* bytes of *source* to the beginning of *target*."""
    with source.open("rb") as file, target.open("r+b") as copy:
        done = 0
        while done < length and (data := file.read(min(length - done, _COPIED_AT_ONCE))):
            done += copy.write(data)


def _check_reachable(source: Path, target: Place) -> None:
    """Raise BadPath where something that lies below *source* would have no path of ours at *target*."""
    for directory, folders, names in os.walk(source):
        above = (*target.names, *Path(directory).relative_to(source).parts)
        for name in (*folders, *names):
            names_of("/".join((target.workspace, target.item, *above, name)))


def _walk(
    directory: Path, names: tuple[str, ...], after: tuple[str, ...], *, recursive: bool
) -> Iterator[tuple[tuple[str, ...], Entry]]:
    try:
        children = sorted(os.listdir(directory))  # noqa: PTH208 - names are all that is needed
    except (FileNotFoundError, NotADirectoryError):
        return  # it was deleted meanwhile
    for name in children:
        here = (*names, name)
        if here < after[: len(here)]:
            continue
        entry = _maybe(directory / name)
        if entry is None:
            continue
        if here > after:
            yield here, entry
        if recursive and entry.is_directory:
            yield from _walk(directory / name, here, after, recursive=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, _DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _missing() -> Iterator[None]:
    """Take what lies below a file for what is not there."""
    try:
        yield
    except NotADirectoryError:
        raise PathNotFound from None


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the disk says into errors of ours."""
    try:
        yield
    except FileNotFoundError:
        raise PathNotFound from None
    except NotADirectoryError:
        raise PathConflict from None
    except OSError as fault:
        if fault.errno in _FULL:
            raise StorageFull from None
        if fault.errno == errno.ENAMETOOLONG:
            raise BadPath("The path is too long.") from None
        raise
