"""`weft workload serve`: what it refuses before anything is opened, and what reaches the host."""

from __future__ import annotations

import socket
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import WEFT
from weft.cli import workload_serve
from weft.cli.main import main
from weft.host_parts import Trusted
from weft.settings import Settings

WORKLOAD = "tests.cli.workload:workload"
TENANT = "22222222-2222-4222-8222-222222222222"


@pytest.fixture(autouse=True)
def no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEFT_CLIENT_SECRET", raising=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 is not a loopback address"),
        (["--port", "65536"], "--port must be from 0 to 65535, not 65536"),
        (["--port", "80.5"], "--port"),
        (["--processes", "0"], "--processes must be from 1 to 1024, not 0"),
        (["--processes", "1000000000"], "--processes must be from 1 to 1024, not 1000000000"),
        (["--grace", "-1"], "--grace must be from 0 to 86400 seconds, not -1"),
        (["--grace", "nan"], "--grace"),
        (["--publisher-tenant", "mine"], "--publisher-tenant must be a UUID, not 'mine'"),
        (["--issuer", "nowhere"], "--issuer: 'nowhere' is no address"),
        (
            ["--issuer", "http://issuer.example/x"],
            "--issuer: 'http://issuer.example/x' must begin with https",
        ),
        (["--core", "http://core.example"], "--core: 'http://core.example' must begin with https"),
        (["no_attribute"], "a workload is named as MODULE:ATTR, not 'no_attribute'"),
        (["not_there:workload"], "there is no module 'not_there'"),
        ([WORKLOAD], "item type 'Contoso.Commands.Thing' is of"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(tmp_path: Path, options: list[str], words: str) -> None:
    done = _alone("--data", str(tmp_path / "data"), *options)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr.splitlines()[-1]


def test_a_secret_needs_the_app_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEFT_CLIENT_SECRET", "s3cret")

    code = main(["workload", "serve", WORKLOAD, "--data", str(tmp_path / "data")])

    said = capsys.readouterr().err
    assert code == 2
    assert "--client-id" in said
    assert "s3cret" not in said
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _alone("--data", str(tmp_path / "data"), "--port", str(port))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"weft: port {port} is in use by another program; choose one with --port\n"


def test_all_that_was_asked_for_reaches_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Settings, Trusted]] = []

    def serve(settings: Settings, trusted: Trusted) -> int:
        asked.append((settings, trusted))
        return 0

    monkeypatch.setattr(workload_serve, "_serve", serve)
    monkeypatch.setenv("WEFT_CLIENT_SECRET", "s3cret")
    options = ["--issuer", "https://i.example", "--audience", "api://a", "--publisher-tenant", TENANT.upper()]
    options += ["--client-id", "app", "--port", "8080", "--processes", "3", "--grace", "1.5"]

    code = main(["workload", "serve", "a:b", "c:d", "--data", str(tmp_path), *options])

    [(settings, trusted)] = asked
    assert code == 0
    assert trusted == Trusted(
        issuer="https://i.example",
        audience="api://a",
        publisher_tenant=TENANT,
        client_id="app",
        client_secret="s3cret",
    )
    assert (settings.workloads, settings.port) == (("a:b", "c:d"), 8080)
    assert (settings.runner.processes, settings.shutdown_grace) == (3, timedelta(seconds=1.5))


def _alone(*options: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own: it makes its process the keeper of orphans, and its log."""
    return subprocess.run(
        [WEFT, "workload", "serve", WORKLOAD, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
