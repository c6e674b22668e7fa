"""The writer of the SQLite store: shared commits, answers after the fsync, and what a failing disk does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest

from tests.catalog.people import a_user
from tests.stores.builders import NOW, SCOPE, a_claim, a_job, a_workspace, an_end, keep, start
from tests.stores.shims import Disk
from weft.engine.errors import Overloaded, StoreUnavailable
from weft.engine.jobs import JobKey
from weft.stores.sqlite import SqliteStore


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


@pytest.fixture
async def store(path: Path, disk: Disk) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(path, writes_waiting=50, vfs=disk.name)
    yield opened
    disk.release_sync()
    disk.write_error = disk.sync_error = disk.checkpoint_error = None
    await opened.close()


async def _turns_of_the_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# ---- commits


async def test_many_callers_share_a_commit(store: SqliteStore, disk: Disk) -> None:
    commits, syncs = store.commits, disk.syncs_of_log

    await asyncio.gather(*(store.insert(a_job()) for _ in range(50)))

    assert store.commits - commits <= 5
    assert disk.syncs_of_log - syncs <= 5


async def test_a_write_is_answered_only_after_its_fsync(store: SqliteStore, disk: Disk) -> None:
    await keep(store)
    disk.hold_sync()
    job = a_job()

    insert = asyncio.create_task(store.insert(job))
    await disk.until_in_sync()
    await _turns_of_the_loop()

    assert not insert.done()
    assert await store.get(job.key) is None
    disk.release_sync()
    assert await insert is not None
    assert await store.get(job.key) is not None


async def test_reads_do_not_wait_for_a_write(store: SqliteStore, disk: Disk) -> None:
    kept = await keep(store)
    disk.hold_sync()
    insert = asyncio.create_task(store.insert(a_job()))
    await disk.until_in_sync()

    got = await asyncio.wait_for(store.get(kept.key), 5)
    page = await asyncio.wait_for(store.page(SCOPE, before=None, limit=9), 5)

    assert got == kept
    assert list(page) == [kept]
    assert not insert.done()
    disk.release_sync()
    await insert


async def test_more_inserts_than_may_wait_are_refused_and_other_writes_are_not(
    store: SqliteStore, disk: Disk
) -> None:
    running = await start(store)
    disk.hold_sync()
    first = asyncio.create_task(store.insert(a_job()))
    await disk.until_in_sync()
    waiting = [asyncio.create_task(store.insert(a_job())) for _ in range(50)]
    await _turns_of_the_loop()

    with pytest.raises(Overloaded):
        await store.insert(a_job(key=JobKey(SCOPE, "refused")))
    end = asyncio.create_task(store.move(an_end(running)))

    disk.release_sync()
    assert await end is not None
    assert all(await asyncio.gather(first, *waiting))
    assert await store.get(JobKey(SCOPE, "refused")) is None


async def test_a_caller_that_was_cancelled_harms_nobody(store: SqliteStore, disk: Disk) -> None:
    disk.hold_sync()
    first = asyncio.create_task(store.insert(a_job()))
    await disk.until_in_sync()
    gone, stays = (asyncio.create_task(store.insert(a_job())) for _ in range(2))
    await _turns_of_the_loop()

    gone.cancel()
    disk.release_sync()

    assert await first is not None
    assert await stays is not None
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_what_waits_at_the_close_is_written(path: Path) -> None:
    store = SqliteStore.open(path, writes_waiting=50)
    inserts = [asyncio.create_task(store.insert(a_job(key=JobKey(SCOPE, f"{n}")))) for n in range(20)]
    await _turns_of_the_loop()

    await store.close()

    assert all(await asyncio.gather(*inserts))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.get(JobKey(SCOPE, "0"))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.insert(a_job())


async def test_closing_twice_is_no_error(path: Path) -> None:
    store = SqliteStore.open(path, writes_waiting=50)

    await store.close()
    await store.close()


async def test_the_log_stays_bounded(store: SqliteStore, path: Path) -> None:
    longest = 0
    for _ in range(40):
        await keep(store, payload=b"x" * 1_000_000)
        longest = max(longest, Path(f"{path}-wal").stat().st_size)

    assert 1_000_000 < longest < 20_000_000


async def test_a_backup_taken_while_jobs_come_in_is_a_sound_store(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    before = [await keep(store) for _ in range(20)]
    copy = tmp_path / "copy.db"

    async with asyncio.TaskGroup() as group:
        during = [group.create_task(keep(store)) for _ in range(40)]
        await asyncio.to_thread(_back_up, path, copy)

    assert all(task.done() for task in during)
    restored = SqliteStore.open(copy, writes_waiting=50)
    assert [await restored.get(job.key) for job in before] == before
    assert restored.store_id == store.store_id
    await restored.close()


def _back_up(source: Path, target: Path) -> None:
    to, of = apsw.Connection(str(target)), apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    with to.backup("main", of, "main") as backup:
        while not backup.done:
            backup.step(5)
    assert to.pragma("integrity_check") == "ok"
    of.close()
    to.close()


# ---- the mistake of one caller


async def test_a_call_that_breaks_fails_alone(store: SqliteStore, disk: Disk) -> None:
    disk.hold_sync()
    first = asyncio.create_task(store.insert(a_job()))
    await disk.until_in_sync()
    good = [a_job(), a_job()]
    bad = a_job(kind="\ud800")

    tasks = [asyncio.create_task(store.insert(job)) for job in (good[0], bad, good[1])]
    await _turns_of_the_loop()
    disk.release_sync()
    results = await asyncio.gather(first, *tasks, return_exceptions=True)

    assert [isinstance(result, Exception) for result in results] == [False, False, True, False]
    assert isinstance(results[2], UnicodeEncodeError)
    assert await store.get(good[1].key) is not None
    assert await store.get(bad.key) is None


async def test_a_call_of_several_statements_that_breaks_leaves_nothing(store: SqliteStore) -> None:
    with pytest.raises(UnicodeEncodeError):
        await store.add_workspace(a_workspace("w1"), a_user("\ud800"))

    assert await store.workspace("w1") is None
    assert await store.add_workspace(a_workspace("w2"), a_user("ann"))


# ---- the disk


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError], ids=lambda error: error.__name__)
@pytest.mark.parametrize("place", ["write_error", "sync_error"])
async def test_a_failing_disk_fails_all_writes_of_the_commit_and_no_read_and_is_recovered_from(
    store: SqliteStore, disk: Disk, place: str, error: type[apsw.Error]
) -> None:
    running = await start(store)
    setattr(disk, place, error)
    lost = [a_job() for _ in range(20)]

    calls = [store.insert(job) for job in lost] + [store.move(an_end(running))]
    results = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(result) for result in results] == [StoreUnavailable] * 21
    assert await store.get(running.key) == running
    assert list(await store.page(SCOPE, before=None, limit=99)) == [running]
    setattr(disk, place, None)
    assert all(await asyncio.gather(*(store.insert(job) for job in lost)))
    assert await store.move(an_end(running)) is not None
    assert len(await store.page(SCOPE, before=None, limit=99)) == 21


async def test_a_disk_that_fills_up_inside_a_call_fails_the_commit(store: SqliteStore, disk: Disk) -> None:
    await keep(store)
    disk.write_error = apsw.FullError
    # More than the page cache holds: SQLite must write before the commit.
    calls = [store.insert(a_job(payload=b"x" * 3_000_000)) for _ in range(15)]

    results = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(result) for result in results} == {StoreUnavailable}
    disk.write_error = None
    assert len(await store.page(SCOPE, before=None, limit=99)) == 1
    await keep(store)


@pytest.mark.parametrize("error", [apsw.CorruptError, apsw.IOError], ids=lambda error: error.__name__)
async def test_a_file_that_cannot_be_read_for_a_while_fails_calls_and_is_recovered_from(
    path: Path, disk: Disk, error: type[apsw.Error]
) -> None:
    before = SqliteStore.open(path, writes_waiting=50)
    kept = await keep(before)
    await before.close()
    store = SqliteStore.open(path, writes_waiting=50, vfs=disk.name)
    disk.read_error = error

    with pytest.raises(StoreUnavailable):
        await store.get(kept.key)
    with pytest.raises(StoreUnavailable):
        await store.insert(a_job())

    disk.read_error = None
    assert await store.get(kept.key) == kept
    assert await store.insert(a_job()) is not None
    await store.close()


async def test_a_checkpoint_that_fails_harms_no_call_and_is_made_up_for(
    store: SqliteStore, disk: Disk, path: Path
) -> None:
    log = Path(f"{path}-wal")
    disk.checkpoint_error = apsw.IOError
    kept = [await keep(store, payload=b"x" * 1_000_000) for _ in range(25)]
    length = log.stat().st_size
    disk.checkpoint_error = None

    kept += [await keep(store, payload=b"x" * 1_000_000) for _ in range(10)]

    assert log.stat().st_size == length
    assert [await store.get(job.key) for job in kept] == kept


async def test_a_write_waits_for_another_program_that_holds_the_file(store: SqliteStore, path: Path) -> None:
    kept = await keep(store)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")

    insert = asyncio.create_task(store.insert(a_job()))
    assert await store.get(kept.key) == kept
    other.execute("ROLLBACK")
    other.close()

    assert await insert is not None


async def test_claims_and_submits_share_commits_and_keep_their_order(store: SqliteStore) -> None:
    jobs = [a_job(available_at=NOW) for _ in range(10)]

    *_, claimed = await asyncio.gather(*(store.insert(job) for job in jobs), store.claim(a_claim()))

    assert [job.key for job in claimed] == [job.key for job in jobs]  # type: ignore[union-attr] # of the claim
