"""Opening the SQLite file: one server at a time, no newer store, no damaged one, and private to its owner."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.stores.builders import keep
from weft.stores.errors import StoreDamaged, StoreLocked, StoreTooNew, StoreUnsafe
from weft.stores.sqlite import SqliteStore
from weft.stores.sqlite.database import check_sqlite, migrations

HOLDER = """
import sys
from pathlib import Path
from weft.stores.sqlite import SqliteStore
store = SqliteStore.open(Path(sys.argv[1]), writes_waiting=10)
print("open", flush=True)
sys.stdin.read()
"""


def _open(path: Path) -> SqliteStore:
    return SqliteStore.open(path, writes_waiting=10)


# ---- one server at a time


async def test_a_second_server_in_this_process_is_refused(path: Path) -> None:
    first = _open(path)

    with pytest.raises(StoreLocked) as refused:
        _open(path)

    assert refused.value.holder == os.getpid()
    await keep(first)
    await first.close()
    second = _open(path)
    await second.close()


async def test_a_second_server_of_another_process_is_refused_until_the_first_is_dead(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"

        with pytest.raises(StoreLocked, match=f"process {holder.pid}") as refused:
            _open(path)

        assert refused.value.holder == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        store = _open(path)
        await keep(store)
        await store.close()


async def test_a_refused_opening_leaves_the_file_to_the_next(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreDamaged):
        _open(path)
    path.unlink()

    store = _open(path)

    await store.close()


# ---- versions


async def test_a_store_of_a_newer_version_is_refused_and_not_touched(path: Path) -> None:
    await _open(path).close()
    db = apsw.Connection(str(path))
    db.execute("INSERT INTO migrations (number, name, written_by) VALUES (9999, 'later', '7.8.9')")
    db.close()
    before = path.read_bytes()

    with pytest.raises(StoreTooNew) as refused:
        _open(path)

    known = migrations()[-1].number
    assert (refused.value.store, refused.value.known, refused.value.written_by) == (9999, known, "7.8.9")
    for version in ("7.8.9", "9999", str(known)):
        assert version in str(refused.value)
    assert path.read_bytes() == before


async def test_a_store_is_migrated_once_and_keeps_its_id(path: Path) -> None:
    first = _open(path)
    kept = await keep(first)
    await first.close()

    second = _open(path)

    assert second.store_id == first.store_id
    assert len(second.store_id) == 32
    assert await second.get(kept.key) == kept
    await second.close()
    db = apsw.Connection(str(path))
    noted = db.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()
    db.close()
    assert noted == [(migration.number, migration.name) for migration in migrations()]


async def test_two_stores_have_two_ids(tmp_path: Path) -> None:
    first, second = _open(tmp_path / "a.db"), _open(tmp_path / "b.db")

    assert first.store_id != second.store_id
    await first.close()
    await second.close()


def test_migrations_are_numbered_without_gap() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


# ---- damage


@pytest.mark.parametrize(
    "content",
    [b"x", b"no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000],
    ids=["one byte", "text", "header only"],
)
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(StoreDamaged) as refused:
        _open(path)

    assert str(path) in str(refused.value)
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused_and_not_touched(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE of_somebody_else (a)")
    db.close()
    before = path.read_bytes()

    with pytest.raises(StoreDamaged, match="not one of weft"):
        _open(path)

    assert path.read_bytes() == before


# ---- safety


async def test_all_files_are_private_to_their_owner(path: Path) -> None:
    old_mask = os.umask(0)
    try:
        store = _open(path)
        await keep(store)
    finally:
        os.umask(old_mask)

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes == dict.fromkeys(["weft.db", "weft.db-shm", "weft.db-wal", "weft.lock"], 0o600)
    await store.close()


async def test_wide_modes_of_an_older_file_are_narrowed(path: Path) -> None:
    await _open(path).close()
    path.chmod(0o644)
    path.with_suffix(".lock").chmod(0o644)

    store = _open(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.with_suffix(".lock").stat().st_mode) == 0o600
    await store.close()


async def test_the_store_says_that_it_writes_through_to_the_disk(path: Path) -> None:
    store = _open(path)

    assert store.synchronous_full
    await store.close()


@pytest.mark.parametrize("linked", ["3.40.1", "3.51.2", "3.7.17"])
def test_a_sqlite_that_can_corrupt_the_file_is_refused(linked: str) -> None:
    with pytest.raises(StoreUnsafe, match=linked):
        check_sqlite(linked)


@pytest.mark.parametrize("linked", ["3.51.3", "3.52.0", "4.0.0"])
def test_a_mended_sqlite_is_taken(linked: str) -> None:
    check_sqlite(linked)


def test_a_file_layer_without_a_write_ahead_log_is_refused(path: Path) -> None:
    # Without shared memory SQLite falls back to a rollback journal, as on a network file system.
    with pytest.raises(StoreUnsafe, match="write-ahead log"):
        SqliteStore.open(path, writes_waiting=10, vfs="unix-dotfile")
