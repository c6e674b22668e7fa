"""What all tests share: where the shared contracts and recordings lie."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_directory() -> Path | None:
    """Return `WEFT_SHARED`, else `../shared` beside the repository, or None where neither exists."""
    named = os.environ.get("WEFT_SHARED")
    path = Path(named) if named else ROOT.parent / "shared"
    return path if path.is_dir() else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect, and so count, the tests that need shared data where there is none."""
    if shared_directory() is not None:
        return
    without = [item for item in items if item.get_closest_marker("shared") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in without])
    items[:] = without


@pytest.fixture(scope="session")
def shared() -> Path:
    path = shared_directory()
    assert path is not None, "a test that reads shared data carries the marker `shared`"
    return path
