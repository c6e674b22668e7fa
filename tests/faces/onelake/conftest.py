from collections.abc import Iterator

import pytest

from tests.faces.onelake.serving import Lake, lake


@pytest.fixture(scope="module")
def onelake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with lake(tmp_path_factory.mktemp("onelake") / "data") as running:
        yield running
