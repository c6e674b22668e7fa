from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faces.core.serving import Identity, Place, Served, serve
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
    served = serve(tmp_path, identity, page_size=2)
    yield served
    await served.store.close()


@pytest.fixture
async def place(served: Served) -> Place:
    return await served.place()
