"""kill -9 of a process that writes to the store: what it acknowledged is there, and nothing is half done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import apsw
import pytest

from tests.conftest import ROOT
from tests.stores.builders import keep
from weft.engine.jobs import JobKey
from weft.engine.lifecycle import State
from weft.stores.sqlite import SqliteStore

Said = dict[str, list[str]]


def _write_until_killed(path: Path, prefix: str, *, crash_at: str = "", kill_after: int = 0) -> Said:
    """Run a writer until it dies at a crash point or has said *kill_after* lines; return what it said."""
    environment = os.environ | {"WEFT_CRASH_AT": crash_at}
    command = [sys.executable, "-m", "tests.stores.crash_writer", str(path), prefix]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            lines.append(line)
            if len(lines) == kill_after:
                writer.kill()
    assert writer.returncode == -signal.SIGKILL
    return _sorted_out(lines)


def _sorted_out(lines: list[str]) -> Said:
    said: Said = {verb: [] for verb in ("open", "kept", "claimed", "ended", "pruned", "won", "deduped")}
    for line in lines:
        if line.endswith("\n"):  # the last line may be cut short by the kill
            verb, what = line.split()
            said[verb].append(what)
    return said


async def _check(path: Path, said: Said) -> None:
    """Everything that was acknowledged is in the store, and the file is sound."""
    store = SqliteStore.open(path, writes_waiting=10)
    jobs = {id: await store.get(JobKey("kept", id)) for id in said["kept"]}
    lost = [id for id, job in jobs.items() if job is None or job.payload != id.encode() * 100]
    ended = [await store.get(JobKey("kept", id)) for id in said["ended"]]
    not_ended = [job for job in ended if job is None or job.state is not State.COMPLETED or job.worker]
    claimed = [await store.get(JobKey("kept", id)) for id in said["claimed"]]
    not_claimed = [job for job in claimed if job is None or job.epoch == 0]
    broken_pairs = await _broken_pairs(store, said)
    await keep(store)
    await store.close()
    db = apsw.Connection(str(path))
    integrity = db.pragma("integrity_check")
    db.close()

    assert (lost, not_ended, not_claimed, broken_pairs, integrity) == ([], [], [], [], "ok")


async def _broken_pairs(store: SqliteStore, said: Said) -> list[str]:
    """Return the duplicates whose winner is not kept, and the keys that more than one job holds."""
    pairs = await store.page("unique", before=None, limit=100_000)
    won = {job.key.id for job in pairs if not job.is_final}
    deduped = {job.key.id: job.error for job in pairs if job.state is State.DEDUPED}
    orphans = [id for id, error in deduped.items() if error is None or error.message not in won]
    holders = Counter(job.unique for job in pairs if not job.is_final)
    lost = (set(said["won"]) - won) | (set(said["deduped"]) - set(deduped))
    return [*orphans, *lost, *(unique for unique, jobs in holders.items() if jobs > 1)]


async def test_nothing_acknowledged_is_lost_by_kills_at_random_moments(path: Path) -> None:
    moments = random.Random(20260102)

    said: Mapping[str, list[str]] = _sorted_out([])
    for round in range(16):
        more = _write_until_killed(path, f"r{round}", kill_after=moments.randrange(2, 600))
        for verb, what in more.items():
            said[verb].extend(what)

    assert len(said["kept"]) > 500
    assert len(said["won"]) > 20
    assert len(said["deduped"]) > 20
    await _check(path, dict(said))


@pytest.mark.parametrize("passes", [1, 2, 7, 40])
@pytest.mark.parametrize("point", ["store.before-commit", "store.after-commit", "store.mid-prune"])
async def test_nothing_acknowledged_is_lost_by_a_kill_beside_a_commit(
    path: Path, point: str, passes: int
) -> None:
    said = _write_until_killed(path, "r", crash_at=f"{point}:{passes}")

    assert said["open"] == ["r"]
    await _check(path, said)


@pytest.mark.parametrize(("point", "is_kept"), [("store.before-commit", False), ("store.after-commit", True)])
async def test_a_commit_is_what_keeps_a_job(path: Path, point: str, is_kept: bool) -> None:
    said = _write_until_killed(path, "r", crash_at=f"{point}:1")

    store = SqliteStore.open(path, writes_waiting=10)
    page = await store.page("kept", before=None, limit=100)
    await store.close()
    assert said["kept"] == []
    assert (len(page) > 0) is is_kept


async def test_a_prune_that_is_cut_off_prunes_nothing(path: Path) -> None:
    said = _write_until_killed(path, "r", crash_at="store.mid-prune:1")

    store = SqliteStore.open(path, writes_waiting=10)
    old = await store.page("old", before=None, limit=100)
    await store.close()
    assert said["pruned"] == []
    assert len(old) == 3


async def test_a_migration_that_is_cut_off_is_done_at_the_next_start(path: Path) -> None:
    said = _write_until_killed(path, "r", crash_at="store.mid-migration:1")
    assert said["open"] == []

    await _check(path, said)
