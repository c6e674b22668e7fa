"""kill -9 of a process that fires schedules: each occurrence has one job, and none is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.engine.crash_scheduler import SCHEDULES, fire
from tests.engine.scheduling import SCOPE, minutes
from weft.engine.schedules import Fate
from weft.stores.sqlite import SqliteStore

END = 12


def _fire_until_killed(path: Path, first: int, crash_at: str) -> int:
    """Return how many minutes it said were done."""
    command = [sys.executable, "-m", "tests.engine.crash_scheduler", str(path), str(first), str(END)]
    environment = os.environ | {"WEFT_CRASH_AT": crash_at}
    killed = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    return len(killed.stdout.splitlines())


@pytest.mark.parametrize(
    ("point", "passes"),
    [
        ("due-computed", 1),
        ("due-computed", 4),
        ("in-tx", 1),
        ("in-tx", 3 * SCHEDULES + 3),
        ("after-commit", 1),
        ("after-commit", 4),
    ],
)
async def test_no_occurrence_is_lost_or_fired_twice_by_a_kill(
    tmp_path: Path, point: str, passes: int
) -> None:
    path = tmp_path / "weft.db"

    done = _fire_until_killed(path, 0, f"schedule.{point}:{passes}")
    again = _fire_until_killed(path, done, f"schedule.{point}:2")
    await fire(path, done + again, END)

    store = SqliteStore.open(path, writes_waiting=10)
    jobs = await store.page(SCOPE, before=None, limit=1000)
    noted = {
        f"s{number}": await store.occurrences(SCOPE, f"s{number}", before=None, limit=1000)
        for number in range(SCHEDULES)
    }
    await store.close()
    made = Counter((job.labels["schedule"], job.payload.decode()) for job in jobs)
    assert made == {(id, minutes(minute).isoformat()): 1 for id in noted for minute in range(END)}
    assert {one.job for occurrences in noted.values() for one in occurrences} == {job.key.id for job in jobs}
    assert {one.fate for occurrences in noted.values() for one in occurrences} == {Fate.FIRED}


@pytest.mark.parametrize(
    ("point", "is_kept"), [("due-computed", False), ("in-tx", False), ("after-commit", True)]
)
async def test_a_commit_is_what_fires_an_occurrence(tmp_path: Path, point: str, is_kept: bool) -> None:
    path = tmp_path / "weft.db"

    done = _fire_until_killed(path, 0, f"schedule.{point}:1")

    store = SqliteStore.open(path, writes_waiting=10)
    jobs = await store.page(SCOPE, before=None, limit=1000)
    due = await store.next_due()
    await store.close()
    assert done == 0
    assert (len(jobs), due) == ((SCHEDULES, minutes(1)) if is_kept else (0, minutes(0)))
