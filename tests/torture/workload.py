"""Jobs for the torture: each appends lines to a file of its own, so that all can see whether it works."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

from weft import JobContext, JobFailed, Workload

NAME = "Contoso.Torture"
ITEM_TYPE = "Contoso.Torture.Thing"
EVERY_SECONDS = 0.004

workload = Workload(NAME)

CHILD = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
while True:
    os.write(file, b"child\\n")
    time.sleep(0.004)
"""


class Diary:
    """Appends whole lines with one write each, so that lines of several processes never mix."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.write(f"start {os.getpid()}")

    def write(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())

    def write_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.write("line")
            time.sleep(EVERY_SECONDS)


@workload.job(ITEM_TYPE, "quick")
def quick(ctx: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    Diary(payload["file"]).write_for(0.02)
    return {"done": True}


@workload.job(ITEM_TYPE, "long")
def long(ctx: JobContext, payload: dict[str, Any]) -> None:
    Diary(payload["file"]).write_for(600)


@workload.job(ITEM_TYPE, "polite")
def polite(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Looks whether it is cancelled, as the documentation asks of long jobs."""
    diary = Diary(payload["file"])
    while not ctx.cancelled:
        diary.write_for(0.05)


@workload.job(ITEM_TYPE, "stubborn")
def stubborn(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Ignores SIGTERM and swallows every exception: only SIGKILL ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    diary = Diary(payload["file"])
    while True:
        try:
            diary.write_for(600)
        except BaseException:
            diary.write("ignored")


@workload.job(ITEM_TYPE, "parent")
def parent(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Starts a child in a session of its own that writes for ever and ignores SIGTERM."""
    diary = Diary(payload["file"])
    subprocess.Popen([sys.executable, "-c", CHILD, diary.path], start_new_session=True)
    diary.write_for(600)


@workload.job(ITEM_TYPE, "fails")
def fails(ctx: JobContext, payload: dict[str, Any]) -> None:
    Diary(payload["file"]).write_for(0.02)
    raise JobFailed("OutOfYarn", "the loom is empty", source="User", is_permanent=True)
