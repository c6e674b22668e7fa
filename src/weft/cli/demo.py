"""`weft demo`: a forecast that completes and one that is cancelled, on a real server, each step shown."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from weft.cli.errors import CommandFailed, Exit
from weft.cli.hosting import hosted, run_job
from weft.cli.names import Named, Place
from weft.cli.options import Data
from weft.cli.output import print_table, printable
from weft.cli.own_server import Served, served
from weft.cli.server import own_token
from weft.cli.watching import watching
from weft.client import JobDetails, WeftClient
from weft.contracts.core import Status
from weft.runners import proctree
from weft.settings import data_directory

WORKSPACE = "weft demo"
ITEM = "CO2 at Mauna Loa"
ITEM_TYPE = "Contoso.FinanceAnalytics.Forecast"
JOB_TYPE = "calculateForecast"
LONG_FOLDS = 10_000
FORECAST_SECONDS = 300.0
UNDER_WAY_SECONDS = 120.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.2
GONE_LOOK_SECONDS = 0.002

N = TypeVar("N", bound=Named)


def demo(*, data: Data = None) -> int:
    """Run a forecast of real data to its end, and stop a long one; a server that is not running is started.

    Exits with 0 only if the first forecast completed, and the second was cancelled with its process gone.
    """
    directory = data_directory(data)
    token = own_token(directory)
    with _sigterm_as_interrupt(), served(directory) as server:
        _say("server", f"{'started' if server.started else 'found running'} at {server.url}")
        asyncio.run(_show(server, token))
    _check_stopped(server)
    print("\nOne forecast completed, one was cancelled and is gone.")
    return Exit.OK


async def _show(server: Served, token: str) -> None:
    async with WeftClient(server.url, token, certificate=server.certificate) as client:
        place = await _place(client)
        await _forecast(client, place)
        await _cancel(client, place)


async def _place(client: WeftClient) -> Place:
    """Return the workspace and the item of the demo, which earlier demos may have made."""
    workspace = await _named(client.workspaces(), WORKSPACE) or await client.create_workspace(WORKSPACE)
    item = await _named(client.items(workspace.id, type=ITEM_TYPE), ITEM)
    with hosted(ITEM_TYPE, JOB_TYPE):
        item = item or await client.create_item(workspace.id, ITEM, ITEM_TYPE)
    _say("workspace", f"{WORKSPACE}, {workspace.id}")
    _say("item", f"{ITEM}, {item.id}")
    return Place(workspace.id, item.id)


async def _named(known: AsyncIterator[N], name: str) -> N | None:
    return next((one for one in [one async for one in known] if one.display_name == name), None)


# ---- the one that completes


async def _forecast(client: WeftClient, place: Place) -> None:
    began = time.monotonic()
    job = (await run_job(client, place, JOB_TYPE, {"priority": "low"})).id
    _say("job", f"{JOB_TYPE} {job}")
    with watching(JOB_TYPE) as told:
        details = await client.wait(*place, job, timeout_seconds=FORECAST_SECONDS, told=told)
    if details.status is not Status.COMPLETED:
        raise CommandFailed(f"the forecast was to complete, and is {details.status}: {_why(details)}")
    _say("status", f"{details.status} after {time.monotonic() - began:.1f} s")
    _print_forecast(details.result)


def _print_forecast(result: dict[str, Any]) -> None:
    accuracy = result["accuracy"]
    print(f"\n{result['title']}: {result['observations']} observations, {result['from']} to {result['to']}")
    print(f"Forecast by {result['model']}, in {result['unit']}:\n")
    print_table(("DATE", "FORECAST"), [(step["date"], f"{step['value']:.2f}") for step in result["forecast"]])
    print(
        f"\nMean absolute error over {result['folds']} back-tests: {accuracy['model']['mae']:.3f}, "
        f"of the seasonal naive forecast: {accuracy['seasonalNaive']['mae']:.3f}\n"
    )


# ---- the one that is cancelled


async def _cancel(client: WeftClient, place: Place) -> None:
    job = (await run_job(client, place, JOB_TYPE, {"folds": LONG_FOLDS})).id
    _say("job", f"{JOB_TYPE} {job}, long: {LONG_FOLDS} folds")
    process = await _under_way(client, place, job)
    _say("process", f"{process.pid} works on it")
    began = time.monotonic()
    await client.cancel(*place, job)
    await _gone(process)
    stop_seconds = time.monotonic() - began
    details = await client.wait(*place, job, timeout_seconds=STOP_SECONDS)
    if details.status is not Status.CANCELLED:
        raise CommandFailed(f"the long forecast was to be Cancelled, and is {details.status}")
    _say("cancel", f"process {process.pid} was gone {stop_seconds * 1000:.0f} ms after the call")
    _say("status", str(details.status))


async def _under_way(client: WeftClient, place: Place, job: str) -> proctree.Seen:
    """Return the process of a job that has done its first step. Raises CommandFailed."""
    until = time.monotonic() + UNDER_WAY_SECONDS
    while time.monotonic() < until:
        details = await client.details(*place, job)
        if details.has_ended:
            raise CommandFailed(f"the long forecast was to run, and is {details.status}: {_why(details)}")
        pid = await _logged_pid(client, place, job)
        if pid is not None and details.progress is not None and details.progress.done >= 1:
            return _process(pid)
        await asyncio.sleep(LOOK_SECONDS)
    raise CommandFailed(f"the long forecast was not under way after {UNDER_WAY_SECONDS:g} s")


async def _logged_pid(client: WeftClient, place: Place, job: str) -> int | None:
    for line in (await client.logs(*place, job)).value:
        if found := re.search(r"in process (\d+)", line.text):
            return int(found[1])
    return None


def _process(pid: int) -> proctree.Seen:
    process = proctree.look(pid)
    if process is None:
        raise CommandFailed(f"the job says that process {pid} works on it, and there is none")
    return process


async def _gone(process: proctree.Seen) -> None:
    until = time.monotonic() + STOP_SECONDS
    while _is_there(process):
        if time.monotonic() > until:
            raise CommandFailed(f"process {process.pid} still runs {STOP_SECONDS:g} s after the cancel")
        await asyncio.sleep(GONE_LOOK_SECONDS)


def _is_there(process: proctree.Seen) -> bool:
    """Return whether that very process, not one that got its number later, is in the list of processes."""
    now = proctree.look(process.pid)
    return now is not None and now.started == process.started


# ---- around it


def _check_stopped(server: Served) -> None:
    if not server.started:
        return
    if server.exit_code != 0:
        raise CommandFailed(f"the server was stopped, and ended with exit code {server.exit_code}")
    _say("server", "stopped")


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Make SIGTERM end the demo as Ctrl-C does, so that the server it started ends with it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(what: str, text: str) -> None:
    print(f"{what:<10} {text}", flush=True)


def _why(details: JobDetails) -> str:
    return printable(details.error.message) if details.error else "no reason given"
