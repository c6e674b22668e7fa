"""Every transcript, played against the real server with its example workload."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.weft_process import WeftProcess
from tests.transcripts.clients import OverHttp
from tests.transcripts.player import play, read
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock
from weft.examples.building import generate

TWINS = 400_000
TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.http"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeftProcess]:
    folder = tmp_path_factory.mktemp("served")
    data = folder / "data"
    data.mkdir(mode=0o700)
    server = WeftProcess(data, options=("--blob-root", str(folder))).start()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def values(served: WeftProcess) -> dict[str, str]:
    """What `weft token` prints, names that no other test takes, and an import that takes a while."""
    home = Home.open(served.data)
    issuer = Issuer(Keys.open(served.data), SystemClock(), home)
    file = served.data.parent / "graph.ndjson"
    generate.write(file, twins=TWINS, relationships=TWINS, ids="ordered", seed=1)
    return {
        "authorization": issuer.subject_and_app("Contoso.FinanceAnalytics", "admin"),
        "tenant": home.tenant,
        "token": issuer.core_token("admin"),
        "name": "transcripts",
        "twins_token": issuer.twins_token("admin"),
        "input": str(file),
        "output": str(file.with_suffix(".log")),
        "operation": "transcripts",
    }


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=[path.stem for path in TRANSCRIPTS])
async def test_the_server_answers_as_it_is_written(
    path: Path, served: WeftProcess, values: dict[str, str]
) -> None:
    transcript = read(path)

    known = await play(transcript, OverHttp(served.url), values)

    assert known.keys() >= values.keys()
