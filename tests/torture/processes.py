"""What runs on this machine, read from /proc: who descends from whom, and who works for one torture run."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

MARKER = b"WEFT_JOB_MARKER="


@dataclass(frozen=True)
class Process:
    """*started*: clock ticks since boot; with the pid it names a process for good."""

    pid: int
    started: int


def alive(process: Process) -> bool:
    return process in _parents()


def kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.kill(process.pid, signal.SIGKILL)


def descendants(pid: int) -> set[Process]:
    """Return the living processes below *pid*."""
    children = defaultdict(list)
    for process, parent in _parents().items():
        children[parent].append(process)
    found: set[Process] = set()
    waiting = [pid]
    while waiting:
        below = children[waiting.pop()]
        found.update(below)
        waiting += [process.pid for process in below]
    return found


def markers(processes: set[Process]) -> set[bytes]:
    """Return the marks that job processes carry in their environment."""
    found: set[bytes] = set()
    for process in processes:
        entries = _read(process.pid, "environ").split(b"\0")
        found.update(entry for entry in entries if entry.startswith(MARKER))
    return found


def working_for(folder: Path, marks: set[bytes]) -> set[Process]:
    """Return the processes that carry one of *marks* or name *folder* on their command line."""
    named = os.fsencode(folder)
    return {
        process
        for process in _parents()
        if process.pid != os.getpid()
        if named in _read(process.pid, "cmdline")
        or not marks.isdisjoint(_read(process.pid, "environ").split(b"\0"))
    }


def describe(process: Process) -> str:
    words = _read(process.pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")
    return f"pid {process.pid}: {words[:160]}"


def started(pid: int) -> int:
    """Return when *pid* started, in clock ticks since boot. Raises ProcessLookupError."""
    for process in _parents():
        if process.pid == pid:
            return process.started
    raise ProcessLookupError(pid)


def _parents() -> dict[Process, int]:
    """Return every process that is no zombie, with the pid of its parent."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _read(int(entry.name), "stat")):
            # The name, in parentheses, may hold anything; what follows the last one is in fixed order.
            state, parent, *rest = stat.rpartition(b")")[2].split()
            if state not in (b"Z", b"X"):
                found[Process(int(entry.name), int(rest[17]))] = int(parent)
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (ProcessLookupError, FileNotFoundError, PermissionError):
        return b""  # it ended while we looked, or is somebody else's
