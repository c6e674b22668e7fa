"""Facts of the machine, and what a process tree uses of it, read from /proc."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import apsw
from tests.torture.processes import descendants

MEBI = 1024 * 1024


def facts(folder: Path) -> dict[str, str]:
    return {
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "file system": _file_system(folder),
        "python": platform.python_version(),
        "sqlite of weft (apsw)": apsw.sqlite_lib_version(),
        "sqlite of the FastAPI app (Python's)": sqlite3.sqlite_version,
        **{name: version(name) for name in ("uvicorn", "starlette", "fastapi", "sqlalchemy", "aiosqlite")},
    }


def syncs(folder: Path, *, seconds: float = 2.0) -> dict[str, float]:
    """Append 4 KiB and fsync, again and again: what one durable write costs without any database."""
    path = folder / "fsync"
    lengths = []
    with path.open("wb", buffering=0) as file:
        until = time.monotonic() + seconds
        while (began := time.monotonic()) < until:
            file.write(bytes(4096))
            os.fsync(file.fileno())
            lengths.append(time.monotonic() - began)
    path.unlink()
    return {"per_second": len(lengths) / seconds, "p50": 1000 * median(lengths)}


def memory(pid: int) -> dict[str, float]:
    """Return MiB of a server and all its job processes; shared pages are counted once in `pss`."""
    tree = [pid, *(process.pid for process in descendants(pid))]
    rolls = [_rollup(member) for member in tree]
    return {
        "server_rss": _rollup(pid).get("Rss", 0) / MEBI,
        "tree_rss": sum(roll.get("Rss", 0) for roll in rolls) / MEBI,
        "tree_pss": sum(roll.get("Pss", 0) for roll in rolls) / MEBI,
        "processes": len(tree),
    }


def _rollup(pid: int) -> dict[str, int]:
    """Return bytes by name; nothing where the process has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def _file_system(folder: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    device, _, kind, options, *_ = max(holding, key=lambda mount: len(mount[1]))
    return f"{kind} on {device} ({options})"
