"""Find processes through /proc by their mark or their descent, and end them for certain.

Run as a script it is the keeper: see `keep`. It needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

MARK = "WEFT_JOB_MARKER"
QUIT = b"quit\n"
_PR_SET_CHILD_SUBREAPER = 36
_LOST_MOMENT_SECONDS = 0.1

# What keeps us from looking at a process, and says nothing of it: it must not pass for gone.
_WANT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class Seen(NamedTuple):
    """A process as /proc showed it. *started* (clock ticks since boot) and pid together are its identity."""

    pid: int
    parent: int
    state: str
    started: int

    @property
    def lives(self) -> bool:
        return self.state not in "ZX"


Table = Mapping[int, Seen]
Find = Callable[[Table], Iterable[int]]


def become_subreaper() -> None:
    """Make this process the parent of every orphan below it, in place of init.

    Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def processes() -> Table:
    """Return all processes by their id, zombies too. Raises OSError where there is no file to be had."""
    with os.scandir("/proc") as entries:
        seen = [look(int(entry.name)) for entry in entries if entry.name.isdigit()]
    return {process.pid: process for process in seen if process is not None}


def look(pid: int) -> Seen | None:
    """Return the process *pid* as it is now, or None. Raises OSError where there is no file to be had."""
    stat = _read(f"/proc/{pid}/stat")
    if not stat:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return Seen(pid, int(fields[1]), fields[0].decode(), int(fields[19]))


def below(roots: Iterable[int], table: Table) -> set[int]:
    """Return *roots* and everything that descends from them."""
    children: dict[int, list[int]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    left = [pid for pid in roots if pid in table]
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += children.get(pid, ())
    return found


def marked(prefix: str, table: Table) -> set[int]:
    """Return the processes that were started with a mark that begins with *prefix*."""
    wanted = b"\0" + f"{MARK}={prefix}".encode()
    return {pid for pid in table if wanted in b"\0" + _read(f"/proc/{pid}/environ")}


def tagged(tag: int, table: Table) -> set[int]:
    """Return the processes whose readiness to be killed for memory is *tag*; zombies keep theirs."""
    wanted = str(tag).encode()
    return {pid for pid in table if _read(f"/proc/{pid}/oom_score_adj").strip() == wanted}


def send(process: Seen, signum: int) -> bool:
    """Signal that very process, not one that got its id later; return whether it was there."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError as error:
        _raise_want(error)
        return False
    try:
        return _send_through(handle, process, signum)
    finally:
        os.close(handle)


def end(find: Find, *, spare: Collection[int] = ()) -> set[int]:
    """End what *find* finds until twice nothing of it lives; return the ids of all that was ended.

    All are stopped before the first is killed, so that none can start another meanwhile or hand its
    children on. This process and its ancestors are never touched, nor is *spare*.
    Raises OSError where there is no file to be had; it is then not known what lives.
    """
    ended: set[int] = set()
    quiet = 0
    while quiet < 2:
        found = _freeze(find, {*spare, *_ancestry()})
        for process in found:
            send(process, signal.SIGKILL)
        _await_ends(found)
        ended |= {process.pid for process in found}
        quiet = 0 if found else quiet + 1
    return ended


def living(find: Find, table: Table, *, spare: Collection[int] = ()) -> list[Seen]:
    """Return what *find* finds in *table* and is alive, without this process and its ancestors."""
    untouchable = {*spare, *_ancestry()}
    return [table[pid] for pid in find(table) if pid not in untouchable and table[pid].lives]


def reap(pids: Collection[int]) -> None:
    """Take zombies that this process has adopted off the list of processes."""
    for pid in pids:
        process = look(pid)
        if process is not None and process.parent == os.getpid() and not process.lives:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def keep(prefix: str) -> None:
    """End whatever carries a mark that begins with *prefix*, and all below it, until nothing is left."""
    looks = 0
    while looks < 3:
        with suppress(OSError):  # nothing is known yet: the next look counts
            end(lambda table: below(marked(prefix, table), table))
            looks += 1
        # A child that was just being started when its server died shows its mark a moment later.
        time.sleep(_LOST_MOMENT_SECONDS)


def keeper_command(prefix: str) -> list[str]:
    """Return the command of a keeper: it waits for the end of its input, and then does `keep(prefix)`.

    It has no code of users, so nothing can hang it: it ends jobs whose server was killed. After QUIT it
    leaves without a look, for a server that has ended its jobs itself.
    """
    return [sys.executable, "-I", "-S", str(Path(__file__).absolute()), prefix]


def _read(path: str) -> bytes:
    """Return what *path* in /proc holds; empty where the process is gone or is not ours to read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _raise_want(error)
        return b""
    parts: list[bytes] = []
    try:
        while part := os.read(fd, 16 * 1024):
            parts.append(part)
    except OSError as error:
        _raise_want(error)
        return b""
    finally:
        os.close(fd)
    return b"".join(parts)


def _raise_want(error: OSError) -> None:
    if error.errno in _WANT:
        raise error


def _send_through(handle: int, process: Seen, signum: int) -> bool:
    now = look(process.pid)
    if now is None or now.started != process.started:
        return False
    try:
        signal.pidfd_send_signal(handle, signum)
    except ProcessLookupError:
        return False
    return True


def _freeze(find: Find, untouchable: set[int]) -> list[Seen]:
    """Stop all that is found, until a look finds nothing new."""
    frozen: dict[tuple[int, int], Seen] = {}
    while True:
        table = processes()
        found = [table[pid] for pid in find(table) if pid not in untouchable and table[pid].lives]
        new = [process for process in found if (process.pid, process.started) not in frozen]
        for process in new:
            send(process, signal.SIGSTOP)
            frozen[process.pid, process.started] = process
        if not new:
            return found


def _await_ends(killed: Iterable[Seen]) -> None:
    """Wait until all have ended, or a moment: one deep in a system call ends when that call does."""
    poll = select.poll()
    handles: list[int] = []
    for process in killed:
        with suppress(OSError):  # it is gone
            handles.append(os.pidfd_open(process.pid))
            poll.register(handles[-1], select.POLLIN)
    left = len(handles)
    until = time.monotonic() + _LOST_MOMENT_SECONDS
    while left and (patience := until - time.monotonic()) > 0:
        for handle, _ in poll.poll(patience * 1000):
            poll.unregister(handle)
            left -= 1
    for handle in handles:
        os.close(handle)


def _ancestry() -> set[int]:
    """Return this process and all above it."""
    found: set[int] = set()
    process = look(os.getpid())
    while process is not None:
        found.add(process.pid)
        process = look(process.parent)
    return found


def _main() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    with closing(sys.stdin.buffer) as told:
        dismissed = told.readline() == QUIT
    if not dismissed:
        keep(sys.argv[1])


if __name__ == "__main__":
    _main()
