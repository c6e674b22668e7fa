"""The host that the tests of this face ask."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faces.workload.house import House, Identity, a_house
from weft.kit.workload import ItemHook


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.open(tmp_path_factory.mktemp("identity"))


@pytest.fixture
async def house(tmp_path: Path, identity: Identity) -> AsyncIterator[House]:
    """A host that runs its jobs."""
    async with a_house(tmp_path, identity) as house:
        yield house


@pytest.fixture
async def idle(tmp_path: Path, identity: Identity) -> AsyncIterator[House]:
    """A host whose jobs wait for ever."""
    async with a_house(tmp_path, identity, slots=0) as house:
        yield house


@pytest.fixture
async def hooked(tmp_path: Path, identity: Identity) -> AsyncIterator[House]:
    """A host that runs its jobs, and whose workload has every hook."""
    async with a_house(tmp_path, identity, hooks=tuple(ItemHook)) as house:
        yield house
