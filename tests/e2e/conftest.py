"""The real server, one for each test that asks for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.weft_process import WeftProcess


@pytest.fixture
def weft(tmp_path: Path) -> Iterator[WeftProcess]:
    data = tmp_path / "data"
    server = WeftProcess(data).start()
    yield server
    server.close()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A file in which a job of tests.e2e.workload tells what it does."""
    return tmp_path / "notes"
