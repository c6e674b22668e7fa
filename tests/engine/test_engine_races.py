"""The promises hold in every order of things that many seeded walks find, and each known mistake breaks one.

`WEFT_WALKS` says how many walks of each kind there are, `WEFT_SEED` where their seeds begin. A walk that
breaks a promise names its seed: `WEFT_WALKS=1 WEFT_SEED=that` walks it again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import core_walk, kit_walk
from tests.engine.direct_store import DirectStore
from tests.engine.mutants import MUTANTS, Mutant, Walk
from tests.engine.walk import Violation

WALKS = int(os.environ.get("WEFT_WALKS", "150"))
FIRST_SEED = int(os.environ.get("WEFT_SEED", "0"))
BUDGET = 400


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectStore]:
    logging.disable(logging.WARNING)  # crashes and lost leases are what a walk is made of
    store = DirectStore(tmp_path / "weft.db")
    yield store
    store.close()
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("walk", "walks"), [(core_walk.walk, WALKS), (kit_walk.walk, 2 * WALKS)])
def test_no_order_of_events_breaks_a_promise(store: DirectStore, walk: Walk, walks: int) -> None:
    steps = 0

    for seed in range(FIRST_SEED, FIRST_SEED + walks):
        steps += _walk(walk, store, seed)

    assert steps > 10 * walks


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_known_mistake_breaks_its_promise(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch, mutant: Mutant
) -> None:
    mistaken = mutant(monkeypatch)

    broken = _first_broken_promise(mistaken, store)

    assert broken in MUTANTS[mutant]


def test_the_same_seed_walks_the_same_way(tmp_path: Path) -> None:
    steps = []

    for name in ("first", "second"):
        store = DirectStore(tmp_path / f"{name}.db")
        steps.append([core_walk.walk(store, seed) for seed in range(5)])
        store.close()

    assert steps[0] == steps[1]


def _walk(walk: Walk, store: DirectStore, seed: int) -> int:
    try:
        return walk(store, seed)
    except Violation as violation:
        violation.add_note(f"walk it again: WEFT_WALKS=1 WEFT_SEED={seed}")
        raise


def _first_broken_promise(walk: Walk, store: DirectStore) -> str:
    for seed in range(BUDGET):
        try:
            walk(store, seed)
        except Violation as violation:
            return violation.promise
    return f"none in {BUDGET} walks"
