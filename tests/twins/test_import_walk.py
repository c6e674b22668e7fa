"""The promises of imports hold in every order of things that many seeded walks find.

`WEFT_WALKS` says how many walks there are, `WEFT_SEED` where their seeds begin. A walk that breaks a promise
names its seed: `WEFT_WALKS=1 WEFT_SEED=that` walks it again.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.direct_store import DirectStore
from tests.engine.walk import Violation
from tests.runners.direct_graph import DirectGraph
from tests.twins.import_mutants import MUTANTS, Mutant
from tests.twins.import_walk import walk

WALKS = int(os.environ.get("WEFT_WALKS", "150"))
FIRST_SEED = int(os.environ.get("WEFT_SEED", "0"))
BUDGET = 300

WalkOne = Callable[[int], int]


@pytest.fixture
def walk_one(tmp_path: Path) -> Iterator[WalkOne]:
    """Give what walks by a seed, each time over an empty graph."""
    logging.disable(logging.CRITICAL)  # crashes and lost leases are what a walk is made of
    store = DirectStore(tmp_path / "weft.db")
    empty = tmp_path / "empty.db"
    DirectGraph(empty).close()

    def walk_by(seed: int) -> int:
        path = tmp_path / f"{seed}.db"
        shutil.copy(empty, path)
        graph = DirectGraph(path)
        try:
            return walk(store, graph, seed)
        except Violation as violation:
            violation.add_note(f"walk it again: WEFT_WALKS=1 WEFT_SEED={seed}")
            raise
        finally:
            graph.close()
            path.unlink()

    yield walk_by
    store.close()
    logging.disable(logging.NOTSET)


def test_no_order_of_events_breaks_a_promise(walk_one: WalkOne) -> None:
    steps = 0

    for seed in range(FIRST_SEED, FIRST_SEED + WALKS):
        steps += walk_one(seed)

    assert steps > 5 * WALKS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_known_mistake_breaks_its_promise(
    walk_one: WalkOne, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    mutant(monkeypatch)

    assert _first_broken_promise(walk_one) in MUTANTS[mutant]


def _first_broken_promise(walk_one: WalkOne) -> str:
    for seed in range(BUDGET):
        try:
            walk_one(seed)
        except Violation as violation:
            return violation.promise
    return f"none in {BUDGET} walks"
