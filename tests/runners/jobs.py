"""A workload whose jobs do all that a job may do to a server."""

# ruff: noqa: T201, PTH109, PTH115, PTH208 - jobs print, and look at descriptors

from __future__ import annotations

import _thread
import asyncio
import collections
import ctypes
import io
import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from weft import ErrorDetail, JobCancelled, JobContext, JobFailed, Workload

workload = Workload("Tests.Jobs")
TYPE = "Tests.Item"
Payload = dict[str, Any]

# Grows the file $0 as long as it lives.
GROW = "while :; do echo x >> $0; sleep 0.005; done"


def here(payload: Payload) -> None:
    """Say, to whoever waits for the file, that the job has come this far."""
    Path(payload["here"]).write_text(str(os.getpid()))


def sleep_on() -> NoReturn:
    while True:
        time.sleep(60)


# ---- ordinary ones


@workload.job(TYPE, "echo")
def echo(ctx: JobContext, payload: Any) -> Any:
    return payload


@workload.job(TYPE, "asyncEcho")
async def async_echo(ctx: JobContext, payload: Any) -> Any:
    await asyncio.sleep(0)
    return payload


@workload.job(TYPE, "nothing")
def nothing(ctx: JobContext, payload: Payload) -> None:
    return None


@workload.job(TYPE, "pid")
def pid(ctx: JobContext, payload: Payload) -> int:
    return os.getpid()


@workload.job(TYPE, "environment")
def environment(ctx: JobContext, payload: Payload) -> dict[str, str]:
    own = Path("/proc/self/environ").read_bytes().decode()
    return {"inside": repr(dict(os.environ)), "outside": own, "arguments": repr(sys.orig_argv)}


@workload.job(TYPE, "context")
def context(ctx: JobContext, payload: Payload) -> Any:
    names = ("job_id", "workspace_id", "item_id", "item_type", "job_type", "tenant_id", "user_id")
    more = ("invoke_type", "activity_id", "attempt", "cancelled")
    return {name: getattr(ctx, name) for name in (*names, *more)}


@workload.job(TYPE, "niceness")
def niceness(ctx: JobContext, payload: Payload) -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


@workload.job(TYPE, "changesEverything")
def changes_everything(ctx: JobContext, payload: Payload) -> Any:
    mask = os.umask(0o777)
    timers = [signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF]
    found: list[Any] = [os.getcwd(), os.environ.get("CHANGED"), str(signal.getsignal(signal.SIGTERM)), mask]
    found += [signal.getitimer(timer)[0] for timer in timers]
    found += [id(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)]
    found += [logging.root.manager.disable, len(logging.root.handlers)]
    os.chdir("/")
    os.environ["CHANGED"] = "yes"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for timer in timers:
        signal.setitimer(timer, 60)
    sys.stdin = sys.stdout = sys.stderr = io.StringIO()
    logging.disable(logging.CRITICAL)
    logging.root.handlers.clear()
    return [os.getpid(), *found]


@workload.job(TYPE, "tells")
def tells(ctx: JobContext, payload: Payload) -> None:
    ctx.log.info("read %d rows", 3)
    logging.getLogger("some.library").warning("careful")
    ctx.log.info("%d", "not a number")
    print("printed")
    print("half a line \udc80", end="")
    print("complained", file=sys.stderr)
    for done in range(1000):
        ctx.progress(done + 1, 1000, f"step {done + 1}")


@workload.job(TYPE, "logsBadly")
def logs_an_exception(ctx: JobContext, payload: Payload) -> None:
    try:
        raise ValueError("inner")
    except ValueError:
        ctx.log.exception("went wrong")


@workload.job(TYPE, "floods")
def floods(ctx: JobContext, payload: Payload) -> None:
    chunk = ("y" * 99 + "\n") * 1000
    for _ in range(payload["mebibytes"] * 10):
        sys.stdout.write(chunk)
    for number in range(payload["records"]):
        ctx.log.info("record %d", number)


@workload.job(TYPE, "oneLongLine")
def one_long_line(ctx: JobContext, payload: Payload) -> None:
    for _ in range(64):
        sys.stdout.write("z" * 1024 * 1024)
    print()
    print("after it")


@workload.job(TYPE, "progress")
def progress(ctx: JobContext, payload: Payload) -> None:
    ctx.progress(float(payload["done"]), 1)


# ---- those that fail


class Unhappy(Exception):
    pass


class Unsayable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@workload.job(TYPE, "raises")
def raises(ctx: JobContext, payload: Payload) -> None:
    try:
        known: Payload = {}
        known["missing"]()
    except KeyError as missing:
        raise Unhappy("about this") from missing


@workload.job(TYPE, "asyncRaises")
async def async_raises(ctx: JobContext, payload: Payload) -> None:
    await asyncio.sleep(0)
    raise Unhappy("later")


@workload.job(TYPE, "raisesBuiltin")
def raises_builtin(ctx: JobContext, payload: Payload) -> None:
    kinds: dict[str, BaseException] = {
        "value": ValueError("bad value"),
        "empty": ValueError(),
        "exit": SystemExit(3),
        "keyboard": KeyboardInterrupt(),
        "memory": MemoryError("no more"),
        "long": ValueError("x" * 1_000_000),
        "surrogate": ValueError("half \udc80"),
        "unsayable": Unsayable(),
        "cancelled": JobCancelled(),
        "async cancelled": asyncio.CancelledError(),
    }
    raise kinds[payload["kind"]]


@workload.job(TYPE, "recurses")
def recurses(ctx: JobContext, payload: Payload) -> None:
    recurses(ctx, payload)


@workload.job(TYPE, "fails")
def fails(ctx: JobContext, payload: Payload) -> None:
    raise JobFailed(
        "SeriesTooShort",
        "Only {0} points of {1}",
        source="External",
        is_permanent=False,
        parameters=[3, "sales"],
        details=[
            ErrorDetail("Hint", "add points", ["p"], {"needed": "12"}),
            {"errorCode": "More", "message": "m", "additionalParameters": [{"name": "a", "value": 1}]},
        ],
    )


@workload.job(TYPE, "failsAtLength")
def fails_at_length(ctx: JobContext, payload: Payload) -> None:
    raise JobFailed("Long", "m" * 50_000, details=[ErrorDetail("D", "d" * 3_000) for _ in range(100)])


@workload.job(TYPE, "returns")
def returns(ctx: JobContext, payload: Payload) -> Any:
    endless: list[Any] = []
    endless.append(endless)
    return {
        "object": object(),
        "endless": endless,
        "large": "x" * 1024 * 1024,
        "surrogate": "half \udc80",
        "raw": msgspec.Raw(b"{{{"),
        "raw list": [msgspec.Raw(b"nonsense")],
        "nan": [float("nan"), 1.5],
        "tuple": (1, "two", None, True),
    }[payload["kind"]]


@workload.job(TYPE, "returnsNumpy")
def returns_numpy(ctx: JobContext, payload: Payload) -> Any:
    import numpy  # noqa: PLC0415 - other jobs need not wait for it

    return {"array": numpy.arange(3), "number": numpy.float64(1.5)}


@workload.job(TYPE, "dies")
def dies(ctx: JobContext, payload: Payload) -> None:
    print("last words", file=sys.stderr)
    how = payload["how"]
    if how == "exit":
        os._exit(3)
    if how == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), getattr(signal, how))
    sleep_on()


@workload.job(TYPE, "diesLeavingDaemon")
def dies_leaving_daemon(ctx: JobContext, payload: Payload) -> None:
    start_nameless_daemon(payload)
    os.kill(os.getpid(), signal.SIGKILL)


@workload.job(TYPE, "breaksChannel")
def breaks_channel(ctx: JobContext, payload: Payload) -> None:
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            os.write(int(name), b"\xff" * 64)
    sleep_on()


@workload.job(TYPE, "closesEverything")
def closes_everything(ctx: JobContext, payload: Payload) -> str:
    os.closerange(3, 1024)
    return "fine"


@workload.job(TYPE, "failsAtFirst")
def fails_at_first(ctx: JobContext, payload: Payload) -> int:
    print(f"this is attempt {ctx.attempt}")
    if ctx.attempt <= payload["times"]:
        raise Unhappy(f"at attempt {ctx.attempt}")
    return ctx.attempt


@workload.job(TYPE, "failsForGood")
def fails_for_good(ctx: JobContext, payload: Payload) -> None:
    raise JobFailed("NoSuchSeries", "there will never be one")


@workload.job(TYPE, "diesAtFirst")
def dies_at_first(ctx: JobContext, payload: Payload) -> int:
    if ctx.attempt <= payload["times"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return ctx.attempt


@workload.job(TYPE, "hangsAtFirst")
def hangs_at_first(ctx: JobContext, payload: Payload) -> int:
    if ctx.attempt == 1:
        start_nameless_daemon(payload)
        here(payload)
        sleep_on()
    return ctx.attempt


# ---- those that do not want to stop


@workload.job(TYPE, "sleep")
def sleep(ctx: JobContext, payload: Payload) -> None:
    ctx.progress(1, 2, "asleep")
    sleep_on()


@workload.job(TYPE, "asyncSleep")
async def async_sleep(ctx: JobContext, payload: Payload) -> None:
    here(payload)
    try:
        await asyncio.sleep(60)
    finally:
        Path(payload["file"]).write_text("cleaned up")


@workload.job(TYPE, "asyncBlocked")
async def async_blocked(ctx: JobContext, payload: Payload) -> None:
    here(payload)
    sleep_on()


@workload.job(TYPE, "spins")
def spins(ctx: JobContext, payload: Payload) -> None:
    here(payload)
    while True:
        pass


@workload.job(TYPE, "polls")
def polls(ctx: JobContext, payload: Payload) -> str:
    here(payload)
    with ctx.uninterrupted():
        ctx.wait_cancelled(60)
        Path(payload["file"]).write_text(f"cancelled: {ctx.cancelled}")
    return "never returned"


@workload.job(TYPE, "threadPolls")
def thread_polls(ctx: JobContext, payload: Payload) -> None:
    def watch() -> None:
        if ctx.wait_cancelled():
            Path(payload["file"]).write_text("seen")

    threading.Thread(target=watch).start()
    here(payload)
    try:
        sleep_on()
    finally:
        while not Path(payload["file"]).exists():
            time.sleep(0.01)


@workload.job(TYPE, "cleansUp")
def cleans_up(ctx: JobContext, payload: Payload) -> None:
    here(payload)
    try:
        sleep_on()
    except JobCancelled:
        time.sleep(0.6)  # past SIGTERM
        Path(payload["file"]).write_text("cleaned up")
        raise


class Lingering:
    """Takes its time to be deleted: what is raised meanwhile is ignored by Python."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload

    def __del__(self) -> None:
        here(self._payload)
        while True:
            time.sleep(0.001)


@workload.job(TYPE, "deletes")
def deletes(ctx: JobContext, payload: Payload) -> None:
    lingering = Lingering(payload)
    del lingering
    sleep_on()


@workload.job(TYPE, "callsBack")
def calls_back(ctx: JobContext, payload: Payload) -> None:
    """C code that calls Python again and again, and ignores what that raises."""
    callback = ctypes.CFUNCTYPE(None)(lambda: Lingering(payload).__del__())
    callback()
    callback()
    sleep_on()


@workload.job(TYPE, "finishesAnyway")
def finishes_anyway(ctx: JobContext, payload: Payload) -> str:
    here(payload)
    try:
        sleep_on()
    except JobCancelled:
        return "finished"


@workload.job(TYPE, "stuckInC")
def stuck_in_c(ctx: JobContext, payload: Payload) -> None:
    if payload.get("daemon"):
        start_nameless_daemon(payload)
    here(payload)
    collections.deque(itertools.repeat(0), maxlen=0)  # for ever, and keeps the GIL


@workload.job(TYPE, "ignoresSigterm")
def ignores_sigterm(ctx: JobContext, payload: Payload) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    here(payload)
    collections.deque(itertools.repeat(0), maxlen=0)


@workload.job(TYPE, "swallows")
def swallows(ctx: JobContext, payload: Payload) -> None:
    here(payload)
    while True:
        try:
            time.sleep(0.01)
        except:  # noqa: E722
            continue


@workload.job(TYPE, "refuses")
def refuses(ctx: JobContext, payload: Payload) -> None:
    here(payload)
    while True:
        try:
            time.sleep(0.01)
        except JobCancelled:
            Path(payload["file"]).write_text("told")


@workload.job(TYPE, "forks")
def forks(ctx: JobContext, payload: Payload) -> None:
    for _ in range(3):
        if os.fork() == 0:
            while True:
                with Path(payload["file"]).open("a") as file:
                    file.write("x")
                time.sleep(0.005)
    here(payload)
    sleep_on()


@workload.job(TYPE, "forksQuickly")
def forks_quickly(ctx: JobContext, payload: Payload) -> None:
    """A small fork bomb: children that are replaced as soon as they end."""
    here(payload)
    while True:
        try:
            if os.fork() == 0:
                os.fork()
                time.sleep(0.05)
                os._exit(0)
            time.sleep(0.002)
        except JobCancelled:
            continue


@workload.job(TYPE, "starts")
def starts(ctx: JobContext, payload: Payload) -> None:
    subprocess.Popen(["/bin/sh", "-c", GROW, payload["file"]])
    here(payload)
    sleep_on()


@workload.job(TYPE, "daemon")
def daemon(ctx: JobContext, payload: Payload) -> None:
    subprocess.Popen(["/bin/sh", "-c", f"trap '' TERM; {GROW}", payload["file"]], start_new_session=True)
    here(payload)
    sleep_on()


@workload.job(TYPE, "namelessDaemon")
def nameless_daemon(ctx: JobContext, payload: Payload) -> None:
    start_nameless_daemon(payload)
    here(payload)
    sleep_on()


@workload.job(TYPE, "escapes")
def escapes(ctx: JobContext, payload: Payload) -> None:
    """When it is cancelled, start a daemon that takes off its tag as well, and leave it to the server."""
    here(payload)
    try:
        sleep_on()
    finally:
        start_nameless_daemon(payload, "echo 0 > /proc/self/oom_score_adj; ")
        os._exit(1)


@workload.job(TYPE, "zombie")
def zombie(ctx: JobContext, payload: Payload) -> None:
    if os.fork() == 0:
        os._exit(0)
    here(payload)
    sleep_on()


@workload.job(TYPE, "large")
def large(ctx: JobContext, payload: Payload) -> None:
    held = bytearray(os.urandom(1024)) * (200 * 1024)
    here(payload)
    while held:
        time.sleep(1)


# ---- those that leave something behind


@workload.job(TYPE, "leavesDaemon")
def leaves_daemon(ctx: JobContext, payload: Payload) -> int:
    start_nameless_daemon(payload)
    return os.getpid()


@workload.job(TYPE, "leavesThread")
def leaves_thread(ctx: JobContext, payload: Payload) -> int:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return os.getpid()


@workload.job(TYPE, "leavesRawThread")
def leaves_raw_thread(ctx: JobContext, payload: Payload) -> int:
    _thread.start_new_thread(time.sleep, (60,))
    return os.getpid()


@workload.job(TYPE, "closesOutput")
def closes_output(ctx: JobContext, payload: Payload) -> int:
    sys.stdout.close()
    return os.getpid()


@workload.job(TYPE, "leavesZombie")
def leaves_zombie(ctx: JobContext, payload: Payload) -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    return os.getpid()


def start_nameless_daemon(payload: Payload, first: str = "") -> None:
    """Start what has another session, another parent and an empty environment; return when it writes."""
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve("/bin/sh", ["sh", "-c", f"{first}trap '' TERM; {GROW}", payload["file"]], {})
        os._exit(0)
    os.waitpid(child, 0)
    while not Path(payload["file"]).exists():
        time.sleep(0.005)
