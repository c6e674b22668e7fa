"""kill -9 of a process that imports into the graph: what it acknowledged is there, and each batch once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import apsw
import pytest

from tests.conftest import ROOT
from tests.stores.graph_builders import all_relationships, all_twins, counts_of
from tests.stores.graph_crash_writer import BATCHES, JOB, ROWS, TWIN_BATCHES, ends_of, ids, report_of
from weft.stores.sqlite.graph import SqliteGraph


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "graph.db"


def _import(path: Path, epoch: int, *, crash_at: str = "", kill_after: int = 0) -> list[str]:
    """Run the import until it is over, or dies at a crash point or after so many lines; return its lines."""
    environment = os.environ | {"WEFT_CRASH_AT": crash_at}
    command = [sys.executable, "-m", "tests.stores.graph_crash_writer", str(path), str(epoch)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            lines.append(line.strip())
            if len(lines) == kill_after:
                writer.kill()
    assert writer.returncode == (0 if lines and lines[-1] == "over" else -signal.SIGKILL)
    return lines


async def _check(path: Path, done: int) -> None:
    """The graph holds the first *done* batches and nothing else, and the file is sound."""
    graph = SqliteGraph.open(path)
    bulk = await graph.bulk(JOB)
    twins = [twin.id for twin in await all_twins(graph)]
    found = {(end.source, end.id, end.target) for end in await all_relationships(graph)}
    report = await graph.report(JOB, offset=0, most_bytes=10**6)
    counts = await counts_of(graph)
    await graph.close()
    db = apsw.Connection(str(path))
    kinds = db.execute("SELECT kind, COUNT(*) FROM all_keys GROUP BY kind").fetchall()
    integrity = db.pragma("integrity_check")
    db.close()

    expected = {end for batch in range(TWIN_BATCHES, done) for end in ends_of(batch)}
    assert bulk is not None
    assert int(bulk.checkpoint or b"0") == done
    assert sorted(twins) == sorted(ids()[: done * ROWS])
    assert found == expected
    assert report == b"".join(line for batch in range(done) for line in report_of(batch))
    assert bulk.report_bytes == len(report)
    assert counts[1:] == (len(twins), len(found))
    expected_kinds = [(0, len(twins)), (1, len(found)), (2, len(found))]
    assert kinds == [(kind, many) for kind, many in expected_kinds if many]
    assert integrity == "ok"


def _acknowledged(lines: list[str]) -> int:
    """Return how many batches were done, by the last whole line that tells."""
    told = [line.split() for line in lines if line.startswith(("begun ", "done "))]
    word, batches = told[-1]
    return int(batches) + (word == "done")


@pytest.mark.parametrize("done", [0, 3, TWIN_BATCHES, BATCHES - 1])
@pytest.mark.parametrize(
    ("point", "is_kept"),
    [
        ("graph.mid-batch", False),
        ("store.before-commit", False),
        ("store.after-commit", True),
        ("graph.after-batch", True),
    ],
)
async def test_a_batch_is_written_with_its_checkpoint_and_report_or_not_at_all(
    path: Path, point: str, is_kept: bool, done: int
) -> None:
    # The commit of taking over, and the batch of the model, come before the first batch of twins.
    earlier = 2 if point.startswith("store") else 1

    lines = _import(path, 1, crash_at=f"{point}:{earlier + done + 1}")

    assert _acknowledged(lines) == done
    await _check(path, done + is_kept)
    assert _import(path, 2)[-1] == "over"
    await _check(path, BATCHES)


async def test_an_import_killed_at_random_moments_is_whole_in_the_end(path: Path) -> None:
    moments = random.Random(20260102)

    for epoch in count(1):
        lines = _import(path, epoch, kill_after=moments.randrange(1, 7))
        if lines[-1] == "over":
            break
        assert epoch < 100

    await _check(path, BATCHES)
