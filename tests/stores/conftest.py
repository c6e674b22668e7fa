"""The stores that must keep the contract, each as a fresh real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weft.stores.sqlite import SqliteStore

Store = SqliteStore  # with a second implementation: their union


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weft.db"


@pytest.fixture(params=["sqlite"])
async def store(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Store]:
    opened = {"sqlite": lambda: SqliteStore.open(path, writes_waiting=10_000)}[request.param]()
    yield opened
    await opened.close()
