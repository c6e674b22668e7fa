"""`weft job`: run jobs, look at them, wait for them, cancel them."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter
from msgspec import UNSET

from weft.cli.connect import connect
from weft.cli.errors import ENDS, Exit, Misused
from weft.cli.hosting import run_job
from weft.cli.names import Place, find_item, find_workspace
from weft.cli.options import AsJson, Data, ItemNamed, JobNamed, Timeout, WorkspaceNamed, group, whole
from weft.cli.output import pretty, print_json, print_json_line, print_pairs, print_table, printable, tell
from weft.cli.payload import read_payload
from weft.cli.server import data_option
from weft.cli.watching import amount, watching
from weft.client import Accepted, FoundInstance, InstanceFilter, JobDetails, LogLine, WaitTimedOut, WeftClient
from weft.contracts.core import ItemJobInstance

LINES_POLL_SECONDS = 0.5
MOST_LISTED = 100

J = TypeVar("J")

Words = list[str] | None
Wait = Annotated[bool, Parameter(name="--wait", help="Wait for the end, and exit with it.")]
Key = Annotated[
    str | None,
    Parameter(name="--idempotency-key", help="Run with the same key again within a day: the same job."),
]

app = group("job", "Run jobs, look at them, wait for them, cancel them.")


@app.command
def run(  # noqa: PLR0913 - each is an option of the command
    workspace: WorkspaceNamed,
    item: ItemNamed,
    jobtype: Annotated[str, Parameter(help="Job type, such as calculateForecast.")],
    /,
    *,
    payload: Annotated[
        str | None, Parameter(name="--payload", help="A JSON object, or @FILE that holds one.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = None,
    idempotency_key: Key = None,
    as_json: AsJson = False,
    data: Data = None,
) -> int:
    """Run a job and print its id; with --wait, how it ended.

    Exit codes with --wait: 0 Completed, 3 Failed, 4 Cancelled, 5 Deduped, 6 time-out.
    """
    if timeout is not None and not wait:
        raise Misused("--timeout needs --wait")
    _check_timeout(timeout)
    execution_data = UNSET if payload is None else read_payload(payload)

    async def call() -> int:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            accepted = await run_job(client, place, jobtype, execution_data, _checked_key(idempotency_key))
            if wait:
                return await _wait(client, place, accepted.id, timeout=timeout, as_json=as_json, data=data)
            _print_accepted(accepted, as_json=as_json)
            return Exit.OK

    return asyncio.run(call())


@app.command
def rerun(  # noqa: PLR0913 - each is an option of the command
    workspace: WorkspaceNamed,
    item: ItemNamed,
    job: JobNamed,
    /,
    *,
    wait: Wait = False,
    timeout: Timeout = None,
    idempotency_key: Key = None,
    as_json: AsJson = False,
    data: Data = None,
) -> int:
    """Run again what an ended job ran, and print the new id; with --wait, how it ended (see run)."""
    if timeout is not None and not wait:
        raise Misused("--timeout needs --wait")
    _check_timeout(timeout)

    async def call() -> int:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            accepted = await client.rerun(*place, job, idempotency_key=_checked_key(idempotency_key))
            if wait:
                return await _wait(client, place, accepted.id, timeout=timeout, as_json=as_json, data=data)
            _print_accepted(accepted, as_json=as_json)
            return Exit.OK

    return asyncio.run(call())


@app.command(name="list")
def list_all(  # noqa: PLR0913 - each is an option of the command
    workspace: Annotated[str | None, Parameter(help="Only of this workspace, by name or id.")] = None,
    item: Annotated[str | None, Parameter(help="Only of this item of it, by name or id.")] = None,
    /,
    *,
    status: Annotated[Words, Parameter(help="Only these, such as Failed,Cancelled.")] = None,
    type: Annotated[Words, Parameter(name="--type", help="Only of these job types.")] = None,
    item_type: Annotated[Words, Parameter(help="Only of items of these types.")] = None,
    text: Annotated[
        str, Parameter(help="Only where it is part of the id, a name, the job type or the error.")
    ] = "",
    since: Annotated[str, Parameter(help="Only begun at or after, as 2026-01-31T07:30:00Z.")] = "",
    until: Annotated[str, Parameter(help="Only begun before.")] = "",
    sort: Annotated[
        str,
        Parameter(help="-startTimeUtc (newest first, the default), startTimeUtc, -endTimeUtc, endTimeUtc."),
    ] = "",
    limit: Annotated[
        int | None,
        Parameter(name="--limit", converter=whole, help="Only so many of the first [100, of one item all]."),
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List jobs, newest first: of all workspaces that you have a role in, of one, or of one item."""
    if limit is not None and limit < 1:
        raise Misused(f"--limit must be at least 1, not {limit}")
    filter = InstanceFilter(
        statuses=status or (),
        job_types=type or (),
        item_types=item_type or (),
        text=text,
        started_after=since,
        started_before=until,
        sort=sort,
    )

    async def call() -> list[FoundInstance]:
        async with connect(data) as client:
            wanted = await _within(client, filter, workspace, item)
            most = limit if limit is not None or item is not None else MOST_LISTED
            return [job async for job in _first(client.instances.find(wanted), most)]

    async def of_item() -> list[ItemJobInstance]:
        async with connect(data) as client:
            place = await find_item(client, workspace or "", item or "")
            return [job async for job in _first(client.jobs(*place), limit)]

    if item is not None and filter == InstanceFilter():
        _print_jobs(asyncio.run(of_item()), as_json=as_json)
    else:
        _print_found(asyncio.run(call()), as_json=as_json)


@app.command
def show(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    job: JobNamed,
    /,
    *,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Show a job: its status, progress, result and error."""

    async def call() -> JobDetails:
        async with connect(data) as client:
            return await client.details(*await find_item(client, workspace, item), job)

    _print_details(asyncio.run(call()), as_json=as_json)


@app.command
def wait(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    job: JobNamed,
    /,
    *,
    timeout: Timeout = None,
    as_json: AsJson = False,
    data: Data = None,
) -> int:
    """Wait for a job to end, and exit with what its end was (see run)."""
    _check_timeout(timeout)

    async def call() -> int:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            return await _wait(client, place, job, timeout=timeout, as_json=as_json, data=data)

    return asyncio.run(call())


@app.command
def cancel(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    job: JobNamed,
    /,
    *,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Ask for a job to be cancelled; it is Cancelled when its work has stopped."""

    async def call() -> JobDetails:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            await client.cancel(*place, job)
            return await client.details(*place, job)

    details = asyncio.run(call())
    if as_json:
        print_json(details)
    else:
        print(f"cancel requested, status {details.status}")


@app.command
def logs(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    job: JobNamed,
    /,
    *,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"), help="Go on until the job's end.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Print what a job has logged; with --json a line of JSON for each line."""

    async def call() -> None:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            async for line in _lines(client, place, job, follow=follow):
                _print_line(line, as_json=as_json)

    asyncio.run(call())


# ---- waiting


async def _wait(
    client: WeftClient, place: Place, job: str, *, timeout: float | None, as_json: bool, data: Path | None
) -> Exit:
    """Show progress until the job has ended, print its end, and return the exit code that says it."""
    try:
        with watching(job) as told:
            details = await client.wait(*place, job, timeout_seconds=timeout, told=told)
    except WaitTimedOut as over:
        tell(f"weft: {over}; it goes on")
        if as_json:
            print_json(await client.details(*place, job))
        return Exit.TIMED_OUT
    except asyncio.CancelledError:
        stop = f"weft job cancel {place.workspace} {place.item} {job}{data_option(data)}"
        tell(f"weft: job {job} goes on; stop it with: {stop}")
        raise
    _print_details(details, as_json=as_json)
    return ENDS[details.status]


async def _lines(client: WeftClient, place: Place, job: str, *, follow: bool) -> AsyncIterator[LogLine]:
    after = 0
    while True:
        # Asked before the lines: what an ended job has logged is all there when the lines are read.
        over = not follow or (await client.details(*place, job)).has_ended
        page = await client.logs(*place, job, after=after)
        for line in page.value:
            yield line
        after = page.next
        if not page.value:
            if over:
                return
            await asyncio.sleep(LINES_POLL_SECONDS)


async def _within(
    client: WeftClient, filter: InstanceFilter, workspace: str | None, item: str | None
) -> InstanceFilter:
    if workspace is None:
        return filter
    if item is None:
        return replace(filter, workspaces=(await find_workspace(client, workspace),))
    place = await find_item(client, workspace, item)
    return replace(filter, workspaces=(place.workspace,), items=(place.item,))


async def _first(jobs: AsyncIterator[J], limit: int | None) -> AsyncIterator[J]:
    left = math.inf if limit is None else limit
    async for job in jobs:
        yield job
        left -= 1
        if left <= 0:
            return


def _checked_key(key: str | None) -> str | None:
    """A header cannot carry any text, and the server takes none of spaces."""
    if key is not None and not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        raise Misused(f"--idempotency-key must be 1 to 255 visible ASCII characters, not {key!r}")
    return key


def _check_timeout(seconds: float | None) -> None:
    if seconds is not None and not 0 < seconds < math.inf:
        raise Misused(f"--timeout must be a number of seconds above 0, not {seconds:g}")


# ---- printing


def _print_accepted(accepted: Accepted, *, as_json: bool) -> None:
    if as_json:
        print_json(accepted)
    else:
        print(accepted.id)


def _print_jobs(jobs: Sequence[ItemJobInstance], *, as_json: bool) -> None:
    if as_json:
        print_json(jobs)
    else:
        print_table(("ID", "JOB TYPE", "STATUS", "STARTED", "ENDED"), map(_row, jobs))


def _print_found(jobs: Sequence[FoundInstance], *, as_json: bool) -> None:
    """The ids of workspace and item come last: they are long, and what other commands take."""
    if as_json:
        print_json(jobs)
        return
    headings = ("ID", "ITEM", "JOB TYPE", "STATUS", "STARTED", "ENDED", "WORKSPACE ID", "ITEM ID")
    rows = ((job.id, job.item_display_name, *_row(job)[1:], job.workspace_id, job.item_id) for job in jobs)
    print_table(headings, rows)


def _row(job: ItemJobInstance | FoundInstance) -> tuple[str, ...]:
    return (job.id, job.job_type, job.status, job.start_time_utc or "", job.end_time_utc or "")


def _print_details(details: JobDetails, *, as_json: bool) -> None:
    if as_json:
        print_json(details)
        return
    print_pairs(
        [
            ("id", details.id),
            ("job type", details.job_type),
            ("status", details.status),
            ("started", details.start_time_utc),
            ("ended", details.end_time_utc),
            ("cancel requested", details.cancel_requested_utc),
            ("attempt", str(details.attempt or "")),
            ("rerun of", details.rerun_of),
            ("progress", amount(details.progress)),
            ("exit value", details.exit_value),
            ("error", _why(details)),
        ]
    )
    for detail in _error_details(details):
        for line in detail.splitlines():
            print(f"    {printable(line)}")
    if details.result is not None:
        print(f"result\n{pretty(details.result)}")


def _why(details: JobDetails) -> str | None:
    if details.error is not None:
        return f"{details.error.error_code}: {details.error.message}"
    if details.failure_reason is not None:
        return f"{details.failure_reason.error_code}: {details.failure_reason.message}"
    return None


def _error_details(details: JobDetails) -> Iterator[str]:
    """Yield a text for each detail of the error: what a traceback holds as it is, innermost last."""
    fault = details.error or details.failure_reason
    for detail in (fault.more_details or ()) if fault is not None else ():
        as_it_is = detail.error_code in ("Frame", "Traceback")
        yield detail.message if as_it_is else f"{detail.error_code}: {detail.message}"


def _print_line(line: LogLine, *, as_json: bool) -> None:
    if as_json:
        print_json_line(line)
    else:
        print(f"{line.at} {line.level:<7} {printable(line.text)}", flush=True)
