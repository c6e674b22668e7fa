"""One server for the clients, an app that signs in there, and the environments that the clients live in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.environments import NotMade, made
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
