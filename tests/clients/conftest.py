"""One server for the clients, an app that signs in there, and the environments that the clients live in."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.environments import NotMade, made
from tests.clients.fab import Fab
from tests.clients.house import House
from tests.e2e.weft_process import WeftProcess


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> Callable[[str], Path]:
    """Makes an environment of `locked/` and tells on the terminal what it downloads."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled():
            sys.stderr.write(f"{line}\n")

    def find(name: str) -> Path:
        try:
            return made(name, tell)
        except NotMade as why:
            pytest.fail(str(why))

    return find


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    options = ("--workload", "tests.clients.workload:workload")
    server = WeftProcess(tmp_path_factory.mktemp("clients") / "data", options=options).start()
    try:
        yield House.with_app(server, "clients")
        assert server.terminate() == 0
    finally:
        server.close()


@pytest.fixture(scope="session")
def fabric(programs: Callable[[str], Path]) -> Path:
    return programs("fabric")


@pytest.fixture
def new_fab(house: House, fabric: Path, tmp_path: Path) -> Fab:
    """A Fabric CLI that was never used before."""
    return Fab(house, fabric, tmp_path)


@pytest.fixture(scope="package")
def signed_in(house: House, fabric: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home directory of someone who has signed in with a secret."""
    fab = Fab(house, fabric, tmp_path_factory.mktemp("home"))
    fab.keep_secrets_in_a_file()
    said = fab.sign_in(house.app.secret)
    assert said.code == 0, said
    return fab.home


@pytest.fixture
def fab(house: House, fabric: Path, signed_in: Path, tmp_path: Path) -> Fab:
    """A Fabric CLI that is signed in, and that remembers nothing else."""
    home = tmp_path / "home"
    shutil.copytree(signed_in, home)
    return Fab(house, fabric, home)
