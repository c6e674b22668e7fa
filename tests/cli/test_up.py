"""`weft up`: what it refuses before anything is opened, and what it tells of a start that failed."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import WEFT, Done, Weft
from weft.cli import up
from weft.cli.errors import Misused


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.test", ""])
def test_a_host_beyond_this_machine_is_refused_before_anything_is_made(
    weft: Weft, tmp_path: Path, host: str
) -> None:
    data = tmp_path / "data"

    done = weft("up", "--data", str(data), "--host", host)

    assert (done.code, done.out) == (2, "")
    assert "loopback" in done.err
    assert not data.exists()


@pytest.mark.parametrize("port", ["-1", "65536", "http", "80.5"])
def test_a_port_that_is_none_is_refused(weft: Weft, tmp_path: Path, port: str) -> None:
    done = weft("up", "--data", str(tmp_path / "data"), "--port", port)

    assert (done.code, done.out) == (2, "")
    assert "--port" in done.err


@pytest.mark.parametrize("workload", ["", "module", "module:", ":attr"])
def test_a_workload_that_is_not_named_as_module_and_attribute_is_refused(
    weft: Weft, tmp_path: Path, workload: str
) -> None:
    done = weft("up", "--data", str(tmp_path / "data"), "--workload", workload)

    assert (done.code, done.out) == (2, "")
    assert "MODULE:ATTR" in done.err


def test_a_workload_that_cannot_be_imported_is_refused_with_the_reason(tmp_path: Path) -> None:
    done = up_alone("--data", str(tmp_path / "data"), "--port", "0", "--workload", "no_such_module:workload")

    assert (done.code, done.out) == (2, "")
    assert "no_such" in done.err.splitlines()[-1]


def test_a_second_server_on_the_same_data_is_refused(served: Path) -> None:
    done = up_alone("--data", str(served), "--port", "0")

    assert (done.code, done.out) == (1, "")
    assert "in use by another server" in done.err.splitlines()[-1]


def test_a_port_that_is_taken_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = up_alone("--data", str(tmp_path / "data"), "--port", str(port))

    assert (done.code, done.out) == (1, "")
    assert done.err == f"weft: port {port} is in use by another program; choose one with --port\n"


def test_other_platforms_are_refused() -> None:
    with pytest.raises(Misused, match="Linux only, and this is darwin"):
        up.check_platform("darwin")


def up_alone(*options: str) -> Done:
    """Run `weft up` in a process of its own: it makes its process the keeper of orphans, and its log."""
    done = subprocess.run([WEFT, "up", *options], capture_output=True, text=True, timeout=60, check=False)
    return Done(done.returncode, done.stdout, done.stderr)
