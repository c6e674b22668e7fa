"""A real server for the tests of the commands: one for all of them, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.workload import ITEM_TYPE
from tests.conftest import ROOT
from weft.cli.main import main

WEFT = str(Path(sys.executable).parent / "weft")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


Weft = Callable[..., Done]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a running server."""
    data = tmp_path_factory.mktemp("served") / "data"
    command = [WEFT, "up", "--data", str(data), "--port", "0", "--workload", "tests.cli.workload:workload"]
    with (data.parent / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("weft ready "), (data.parent / "log").read_text()
        yield data
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def weft(served: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Weft:
    """Run a command in this process, with the data directory of the running server."""
    for name in ("WEFT_URL", "WEFT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WEFT_DATA", str(served))

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return run


@pytest.fixture
def place(weft: Weft) -> tuple[str, str]:
    """A new workspace and an item in it, by name."""
    workspace, item = f"w {uuid4()}", "the thing"
    assert weft("workspace", "create", workspace).code == 0
    assert weft("item", "create", workspace, item, "--type", ITEM_TYPE).code == 0
    return workspace, item


async def weft_at(url: str, *arguments: str) -> tuple[int | None, str, str]:
    """Run a command that is pointed to *url*, while the loop goes on."""
    process = await asyncio.create_subprocess_exec(
        WEFT,
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "WEFT_URL": url, "WEFT_TOKEN": "elsewhere"},
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
