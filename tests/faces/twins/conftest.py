import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faces.twins.reading_house import Reading, open_house, reading
from tests.faces.twins.serving import Identity, Served, serve
from weft.auth.home import Home
from weft.auth.keys import Keys


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    directory = tmp_path_factory.mktemp("identity")
    return Identity(Keys.open(directory), Home.open(directory))


@pytest.fixture
async def served(tmp_path: Path, identity: Identity) -> AsyncIterator[Served]:
    served = serve(tmp_path, identity)
    yield served
    await served.store.close()


@pytest.fixture
async def small_pages(tmp_path: Path, identity: Identity) -> AsyncIterator[Served]:
    """Lists of two entries, and room for many jobs at once."""
    served = serve(tmp_path, identity, page_size=2, bulk_jobs=100)
    yield served
    await served.store.close()


@pytest.fixture
async def limited(tmp_path: Path, identity: Identity) -> AsyncIterator[Served]:
    """The service profile: one request of the Jobs API a second."""
    served = serve(tmp_path, identity, limited=True)
    yield served
    await served.store.close()


@pytest.fixture
async def house(tmp_path: Path, identity: Identity) -> AsyncIterator[Reading]:
    """A small building to read back."""
    async with reading(tmp_path, identity) as house:
        yield house


@pytest.fixture(scope="module")
def still_house(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> Iterator[Reading]:
    """The same building for all tests of a module, which change nothing."""
    house = open_house(tmp_path_factory.mktemp("still"), identity)
    asyncio.run(house.fill())
    yield house
    asyncio.run(house.close())


@pytest.fixture
async def small_house(tmp_path: Path, identity: Identity) -> AsyncIterator[Reading]:
    """The same building, in lists of one entry."""
    async with reading(tmp_path, identity, page_size=1) as house:
        yield house
