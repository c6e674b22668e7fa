"""Finding processes and ending them, and nothing else."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.runners.support import alive, until
from weft.runners import proctree


@contextmanager
def process(*command: str, mark: str = "") -> Iterator[subprocess.Popen[bytes]]:
    environment = {"PATH": os.environ["PATH"], **({proctree.MARK: mark} if mark else {})}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as started:
        try:
            # The mark shows once the new program runs.
            until(lambda: not mark or started.pid in proctree.marked(mark, proctree.processes()))
            yield started
        finally:
            started.kill()


def test_a_mark_is_found_by_its_beginning_and_only_there() -> None:
    mark = uuid4().hex
    with process("sleep", "60", mark=f"{mark}/a/b") as one:
        table = proctree.processes()

        assert proctree.marked(f"{mark}/", table) == {one.pid}
        assert proctree.marked(f"{mark}/a", table) == {one.pid}
        assert proctree.marked(f"{mark[1:]}/a", table) == set()
        assert proctree.marked(f"{mark}/b", table) == set()


def test_below_is_everything_that_descends() -> None:
    with process("sh", "-c", "sleep 60 & sleep 60 & wait") as shell:
        until(lambda: len(proctree.below([shell.pid], proctree.processes())) == 3)
        table = proctree.processes()

        assert os.getpid() not in proctree.below([shell.pid], table)
        assert proctree.below([shell.pid], table) < proctree.below([os.getpid()], table)

        assert len(proctree.end(lambda now: proctree.below([shell.pid], now))) == 3


def test_a_name_with_spaces_and_brackets_is_read_right() -> None:
    code = "import ctypes, sys; ctypes.CDLL(None).prctl(15, b') R 1 (x'); sys.stdin.read()"
    with process(sys.executable, "-c", code) as odd:
        until(lambda: b") R 1 (x" in Path(f"/proc/{odd.pid}/stat").read_bytes())

        seen = proctree.look(odd.pid)

        assert seen is not None
        assert seen.parent == os.getpid()
        assert odd.stdin is not None
        odd.stdin.close()


def test_a_process_that_has_ended_is_not_there() -> None:
    with process("true") as short:
        short.wait()

    assert proctree.look(short.pid) is None


def test_a_zombie_does_not_live() -> None:
    with process("true") as short:
        until(lambda: not alive(short.pid))
        seen = proctree.look(short.pid)

        assert seen is not None
        assert not seen.lives


def test_a_signal_is_not_sent_to_another_process_with_the_same_id() -> None:
    with process("sleep", "60") as other:
        seen = proctree.look(other.pid)
        assert seen is not None

        assert not proctree.send(seen._replace(started=seen.started - 1), signal.SIGKILL)
        assert alive(other.pid)
        assert proctree.send(seen, signal.SIGKILL)


def test_end_never_touches_itself_its_ancestors_nor_what_is_spared() -> None:
    with process("sleep", "60") as spared, process("sleep", "60") as found:
        mine = {os.getpid(), os.getppid(), 1, spared.pid, found.pid}

        ended = proctree.end(lambda table: mine & set(table), spare={spared.pid})

        assert ended == {found.pid}
        assert alive(spared.pid)


def test_end_ends_stopped_processes_too() -> None:
    with process("sleep", "60") as stopped:
        stopped.send_signal(signal.SIGSTOP)

        assert proctree.end(lambda table: {stopped.pid} & set(table)) == {stopped.pid}


def test_a_keeper_ends_what_bears_its_mark_when_its_input_ends() -> None:
    mark = uuid4().hex
    with (
        process("sleep", "60", mark=f"{mark}/a/b") as mine,
        process("sleep", "60", mark=f"{mark}/c") as other,
    ):
        keeper = subprocess.Popen(proctree.keeper_command(f"{mark}/a/"), stdin=subprocess.PIPE)

        keeper.communicate(b"")

        assert keeper.returncode == 0
        assert not alive(mine.pid)
        assert alive(other.pid)


def test_a_keeper_that_is_dismissed_ends_nothing() -> None:
    mark = uuid4().hex
    with process("sleep", "60", mark=f"{mark}/a/b") as left:
        keeper = subprocess.Popen(proctree.keeper_command(f"{mark}/a/"), stdin=subprocess.PIPE)

        keeper.communicate(proctree.QUIT)

        assert keeper.returncode == 0
        assert alive(left.pid)


def test_a_process_that_cannot_be_looked_at_for_want_of_files_does_not_pass_for_gone() -> None:
    with process("sleep", "60") as one, no_more_files():
        with pytest.raises(OSError, match="Too many open files"):
            proctree.look(one.pid)
        with pytest.raises(OSError, match="Too many open files"):
            proctree.end(lambda table: {one.pid} & set(table))


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
