from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from weft.stores.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "weft.db", writes_waiting=100)
    yield store
    await store.close()
