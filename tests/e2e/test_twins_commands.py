"""`weft twins` and the clients of Digital Twins against the real server, which serves https."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.weft_process import WEFT, WORKLOAD, WeftProcess
from weft.client import ApiError, TwinsClient, digital_twins_client
from weft.examples.building.generate import Size, write, write_buildings

BUILDINGS = 2
LARGE = 150_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeftProcess]:
    home = tmp_path_factory.mktemp("twins")
    process = WeftProcess(
        home / "data", options=("--tls", "--blob-root", str(home), "--workload", WORKLOAD)
    ).start()
    yield process
    process.close()


@pytest.fixture
def files(server: WeftProcess) -> Path:
    """Where the server may read and write."""
    return server.data.parent


def weft(server: WeftProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [WEFT, "twins", *arguments, "--data", str(server.data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_generated_graph_is_imported_and_every_client_reads_it_back(
    server: WeftProcess, files: Path
) -> None:
    write_buildings(files / "b.ndjson", buildings=BUILDINGS)
    size = Size.of_buildings(BUILDINGS)

    imported = weft(server, "import", str(files / "b.ndjson"))

    assert (imported.returncode, imported.stderr.splitlines()[-1].split()[-1]) == (0, "succeeded"), imported
    assert f"{size.twins:,}" in weft(server, "stats").stdout
    assert weft(server, "query", "SELECT COUNT() FROM relationships").stdout == (
        f'{{"COUNT":{size.relationships}}}\n'
    )
    microsofts = digital_twins_client(server.url, server.token("twins"), server.certificate)
    assert microsofts.get_digital_twin("b0000001-0001")["level"] == 0


async def test_the_typed_client_reads_models_twins_and_jobs(server: WeftProcess, files: Path) -> None:
    write(files / "c.ndjson", twins=5, relationships=4)
    async with TwinsClient(server.url, server.token("twins"), certificate=server.certificate) as client:
        await client.add_import("typed", str(files / "c.ndjson"), str(files / "c.log"))
        ended = await client.wait_for_import("typed")
        ids = {known.id async for known in client.import_jobs()}
        models = {model["id"] async for model in client.models(definitions=True)}
        twin = await client.twin("b0000000-0000")
        with pytest.raises(ApiError, match="JobNotFound"):
            await client.import_job("Typed")
        await client.delete_import("typed")

    assert ended.status == "succeeded"
    assert "typed" in ids
    assert twin["$metadata"]["$model"] in models


def test_a_file_with_a_fault_exits_with_3_and_shows_its_line(server: WeftProcess, files: Path) -> None:
    write(files / "d.ndjson", twins=5, relationships=4)
    lines = (files / "d.ndjson").read_bytes().replace(b'"$targetId":"b0000000-0000"', b'"$targetId":"gone"')
    (files / "d.ndjson").write_bytes(lines)

    done = weft(server, "import", str(files / "d.ndjson"))

    assert done.returncode == 3, done
    assert "gone" in done.stdout.splitlines()[-1]


def test_a_file_outside_of_the_roots_is_told_with_what_to_do(server: WeftProcess, tmp_path: Path) -> None:
    write(tmp_path / "e.ndjson", twins=1, relationships=0)

    done = weft(server, "import", str(tmp_path / "e.ndjson"))

    assert done.returncode == 1
    assert f"the server may not use {tmp_path / 'e.ndjson'}" in done.stderr


def test_ctrl_c_cancels_and_what_was_committed_stays(server: WeftProcess, files: Path) -> None:
    write(files / "large.ndjson", twins=LARGE, relationships=LARGE, ids="guid")
    # A test run in the background of a shell ignores Ctrl-C, and its children would.
    command = ["env", "--default-signal=INT", WEFT, "twins", "import", str(files / "large.ndjson")]
    process = subprocess.Popen(
        [*command, "--data", str(server.data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "running" not in (line := process.stderr.readline()):
        assert line, "it ended"

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 4, (out, err)
    assert "cancelled" in out


def test_deleting_all_leaves_nothing(server: WeftProcess) -> None:
    done = weft(server, "delete-all", "--yes", "--wait")

    assert done.returncode == 0, done
    assert weft(server, "stats").stdout.split()[1::2] == ["0", "0", "0"]


def test_the_environment_of_a_client_is_enough_to_trust_the_server(server: WeftProcess) -> None:
    url, trusted = f"{server.url}/livez", str(server.certificate)

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REQUESTS_CA_BUNDLE", trusted)
        assert requests.get(url, timeout=10).status_code == 200
        environment.delenv("REQUESTS_CA_BUNDLE")
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=10)


def test_a_command_that_is_pointed_elsewhere_trusts_what_it_is_told_to(server: WeftProcess) -> None:
    pointed = {**os.environ, "WEFT_URL": server.url, "WEFT_TOKEN": server.token("twins")}
    command = [WEFT, "twins", "stats"]

    blind = subprocess.run(command, env=pointed, capture_output=True, text=True, check=False)
    told = subprocess.run(
        command, env={**pointed, "WEFT_CA": str(server.certificate)}, capture_output=True, check=False
    )

    assert blind.returncode == 1
    assert "certificate" in blind.stderr
    assert told.returncode == 0


def test_a_job_of_a_hosted_workload_runs_through_https(server: WeftProcess) -> None:
    item = server.new_item()

    assert server.wait_for(server.run(item, "quick")) == "Completed"
