"""A workload of jobs that are hard to lose and hard to stop; each tells what it does in files."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from weft import JobContext, JobFailed, Workload

ITEM_TYPE = "Contoso.Tests.Thing"

workload = Workload("Contoso.Tests")

ORPHAN = """
import sys, time
while True:
    with open(sys.argv[1], "a") as file:
        file.write("orphan\\n")
    time.sleep(0.005)
"""


def _note(payload: dict[str, Any], word: str) -> None:
    with Path(payload["file"]).open("a") as file:
        file.write(f"{word} {os.getpid()}\n")


@workload.job(ITEM_TYPE, "quick")
def quick(ctx: JobContext, payload: dict[str, Any]) -> dict[str, Any]:
    if "file" in payload:
        _note(payload, "start")
    return {"id": ctx.job_id}


@workload.job(ITEM_TYPE, "steady")
def steady(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Write a line every 5 ms for `seconds`, or until cancelled."""
    _note(payload, "start")
    until = time.monotonic() + payload.get("seconds", 600)
    while time.monotonic() < until:
        _note(payload, "tick")
        ctx.progress(1, 0, "ticking")
        time.sleep(0.005)


@workload.job(ITEM_TYPE, "stubborn")
def stubborn(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Ignore SIGTERM and every exception, and leave a child in a session of its own that writes on."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    command = [sys.executable, "-c", ORPHAN, payload["file"]]
    subprocess.Popen(command, start_new_session=True, env={"PATH": os.environ["PATH"]})
    _note(payload, "start")
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            _note(payload, "ignored")


@workload.job(ITEM_TYPE, "fails")
def fails(ctx: JobContext, payload: dict[str, Any]) -> None:
    if payload.get("on_purpose"):
        raise JobFailed("OutOfStock", "no more {0}", source="User", is_permanent=True, parameters=["yarn"])
    raise ValueError("the loom is empty")


@workload.job(ITEM_TYPE, "crash")
def crash(ctx: JobContext, payload: dict[str, Any]) -> None:
    os.kill(os.getpid(), payload.get("signal", signal.SIGSEGV))


@workload.job(ITEM_TYPE, "spin")
def spin(ctx: JobContext, payload: dict[str, Any]) -> None:
    """Use a whole core until cancelled."""
    while True:
        sum(range(10_000))
