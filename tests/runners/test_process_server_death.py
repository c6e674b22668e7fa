"""When the server is killed, no job and nothing that a job started outlives it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.runners.support import ROOT, alive, marked_alive, until, zombies
from tests.runners.test_process_stop import growing
from weft.runners import proctree


@contextmanager
def doomed(marker: str, directory: Path, *job_types: str) -> Iterator[subprocess.Popen[bytes]]:
    """Give a server that runs these jobs.

    A runner of another test may have made this process the heir of orphans, so those of the server are
    awaited here, and taken off the list of processes.
    """
    before = set(children())
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.runners.doomed", marker, str(directory), *job_types],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    with server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"all have begun\n"
            yield server
        finally:
            server.kill()
    until(lambda: not set(reaped_children()) - before)


@pytest.mark.parametrize("job_type", ["spins", "swallows", "namelessDaemon", "daemon", "forks", "stuckInC"])
def test_a_killed_server_leaves_nothing_running(job_type: str, tmp_path: Path) -> None:
    marker = uuid4().hex
    with doomed(marker, tmp_path, job_type) as server:
        assert marked_alive(marker) != []

        server.send_signal(signal.SIGKILL)
        server.wait()

        until(lambda: marked_alive(marker) == [] and not growing(tmp_path / f"{job_type}.file"))


def test_the_keeper_of_a_killed_server_leaves_as_well(tmp_path: Path) -> None:
    with doomed(uuid4().hex, tmp_path, "spins") as server:
        (keeper,) = keepers_of(server.pid)

        server.send_signal(signal.SIGKILL)
        server.wait()

        until(lambda: not alive(keeper))


@pytest.mark.parametrize("job_type", ["swallows", "namelessDaemon"])
def test_a_job_whose_server_is_gone_ends_itself_and_all_below_it(job_type: str, tmp_path: Path) -> None:
    marker = uuid4().hex
    with doomed(marker, tmp_path, job_type) as server:
        (keeper,) = keepers_of(server.pid)
        os.kill(keeper, signal.SIGSTOP)

        server.send_signal(signal.SIGKILL)
        server.wait()

        until(lambda: marked_alive(marker) == [] and not growing(tmp_path / f"{job_type}.file"))
        os.kill(keeper, signal.SIGKILL)


def test_a_keeper_that_is_killed_is_replaced(tmp_path: Path) -> None:
    marker = uuid4().hex
    with doomed(marker, tmp_path, "stuckInC") as server:
        (keeper,) = keepers_of(server.pid)
        os.kill(keeper, signal.SIGKILL)
        until(lambda: [pid for pid in keepers_of(server.pid) if pid != keeper] != [])

        server.send_signal(signal.SIGKILL)
        server.wait()

        until(lambda: marked_alive(marker) == [])


def keepers_of(pid: int) -> list[int]:
    children = [seen.pid for seen in proctree.processes().values() if seen.parent == pid and seen.lives]
    return [child for child in children if runs_keeper(child)]


def runs_keeper(pid: int) -> bool:
    try:
        return proctree.keeper_command("")[-2].encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:  # it ended since it was seen
        return False


def children() -> list[int]:
    us = os.getpid()
    return [seen.pid for seen in proctree.processes().values() if seen.parent == us]


def reaped_children() -> list[int]:
    proctree.reap(zombies())
    return children()
