"""How the file is opened: locked for one server, checked, brought to this version, and made durable."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from weft.engine.crash import crash_point
from weft.engine.errors import StoreUnavailable
from weft.stores.errors import StoreDamaged, StoreLocked, StoreTooNew, StoreUnsafe
from weft.stores.queries import load
from weft.stores.sqlite.calls import UNAVAILABLE

SQL = load("weft.stores.sqlite", "store.sql")

# Versions before it can corrupt a database when its write-ahead log starts anew: https://sqlite.org/wal.html
OLDEST_SQLITE = (3, 51, 3)

BUSY_MILLISECONDS = 5_000
SMALLEST_FILE = 512
WAL_BYTES_KEPT = 64 * 1024 * 1024

_FILE_NAME = re.compile(r"^(\d{4})_(\w+)\.sql$")
_FULL = 2


class Lock:
    """A file beside the database that one server holds locked for as long as it lives."""

    def __init__(self, database: Path) -> None:
        """Raises StoreLocked."""
        self._file = os.open(database.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(self._file, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).strip()
            os.close(self._file)
            raise StoreLocked(database, int(holder) if holder.isdigit() else None) from None
        with contextlib.suppress(OSError):  # the disk is full: the lock holds all the same
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@dataclass(frozen=True, slots=True)
class Schema:
    """What is kept in a file: by the numbered scripts in the folder `migrations` of *package*.

    *writer_cache* and *reader_cache* are the pages a connection keeps in memory, in KiB.
    """

    package: str
    writer_cache: int = 32 * 1024
    reader_cache: int = 32 * 1024


JOBS = Schema("weft.stores.sqlite")


class Migration(NamedTuple):
    number: int
    name: str
    script: str


def open_writer(path: Path, vfs: str | None = None, schema: Schema = JOBS) -> apsw.Connection:
    """Return the connection that writes, to a store of this version.

    Raises StoreTooNew, StoreDamaged, StoreUnsafe, StoreUnavailable.
    """
    check_sqlite(apsw.sqlite_lib_version())
    _create_private(path)
    with _in_words(path), contextlib.ExitStack() as undo:
        db = _connect(path, vfs, apsw.SQLITE_OPEN_READWRITE)
        undo.callback(db.close)
        db.pragma("cache_size", -schema.writer_cache)
        _check_version(db, path, schema)
        _make_durable(db)
        _migrate(db, schema)
        undo.pop_all()
    return db


def open_reader(path: Path, vfs: str | None = None, schema: Schema = JOBS) -> apsw.Connection:
    """Return a connection that reads, to a store that is open for writing."""
    with _in_words(path):
        db = _connect(path, vfs, apsw.SQLITE_OPEN_READONLY)
        db.pragma("cache_size", -schema.reader_cache)
    return db


def check_sqlite(linked: str) -> None:
    """Raise StoreUnsafe for a SQLite that can corrupt the database."""
    if tuple(int(part) for part in linked.split(".")[:3]) < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StoreUnsafe(f"SQLite {linked} can corrupt a database (WAL reset); at least {oldest} is needed")


def store_id(db: apsw.Connection) -> str:
    return str(db.execute(SQL["store_id"]).get)


def is_synchronous_full(db: apsw.Connection) -> bool:
    return int(db.pragma("synchronous")) == _FULL


def migrations(schema: Schema = JOBS) -> Sequence[Migration]:
    """Return all migrations this version knows, the first first."""
    found = []
    for file in files(schema.package).joinpath("migrations").iterdir():
        if named := _FILE_NAME.match(file.name):
            found.append(Migration(int(named[1]), named[2], file.read_text(encoding="utf-8")))
    return sorted(found)


def _create_private(path: Path) -> None:
    """Make the file, and narrow the modes of those that are there: SQLite gives its other files the same.

    Raises StoreDamaged.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _sync_directory(path.parent)
    if 0 < path.stat().st_size < SMALLEST_FILE:
        raise StoreDamaged(path, "it is cut short")  # SQLite would take it for an empty one
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with contextlib.suppress(FileNotFoundError):
            file.chmod(0o600)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextlib.contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the file into our errors."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreDamaged(path, str(error)) from error
    except UNAVAILABLE as error:
        raise StoreUnavailable(str(error)) from error


def _connect(path: Path, vfs: str | None, flags: int) -> apsw.Connection:
    with contextlib.ExitStack() as undo:
        db = apsw.Connection(str(path), flags=flags, vfs=vfs)
        undo.callback(db.close)
        db.set_busy_timeout(BUSY_MILLISECONDS)
        undo.pop_all()
    return db


def _check_version(db: apsw.Connection, path: Path, schema: Schema) -> None:
    if not db.execute(SQL["any_table"]).get:
        return
    if not db.execute(SQL["has_migrations"]).get:
        raise StoreDamaged(path, "it is a database, but not one of weft")
    known_ones = migrations(schema)
    first = db.execute(SQL["first_migration"]).get
    if first not in (None, known_ones[0].name):
        raise StoreDamaged(path, f"it is a store of weft, but of another kind ({first})")
    store, written_by = _last_migration(db)
    known = known_ones[-1].number
    if store > known:
        raise StoreTooNew(path, written_by=written_by, store=store, known=known, version=version("weft"))


def _make_durable(db: apsw.Connection) -> None:
    mode = db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "full")
    db.pragma("foreign_keys", True)
    db.pragma("journal_size_limit", WAL_BYTES_KEPT)
    if mode != "wal":
        raise StoreUnsafe(f"the file system does not allow a write-ahead log (journal mode {mode!r})")
    if not is_synchronous_full(db):
        raise StoreUnsafe("SQLite does not write through to the disk (synchronous is not FULL)")
    if not db.pragma("foreign_keys"):
        raise StoreUnsafe("SQLite does not check foreign keys")


def _migrate(db: apsw.Connection, schema: Schema) -> None:
    """Bring the store to this version, each migration in a transaction of its own."""
    with db:
        db.execute(SQL["create_migrations"])
    done, _ = _last_migration(db)
    for migration in migrations(schema):
        if migration.number > done:
            _apply(db, migration)


def _last_migration(db: apsw.Connection) -> tuple[int, str]:
    """Return the number of the last migration, 0 where there is none, and the version that made it."""
    rows: list[Any] = db.execute(SQL["last_migration"]).fetchall()
    return rows[0] if rows else (0, "")


def _apply(db: apsw.Connection, migration: Migration) -> None:
    with db:
        db.execute(migration.script)
        crash_point("store.mid-migration")
        noted = {"number": migration.number, "name": migration.name, "written_by": version("weft")}
        db.execute(SQL["note_migration"], noted)
