"""`weft twins`: import graphs, look at the jobs that do it, and at what came of them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from weft.cli.connect import connect_twins
from weft.cli.errors import Exit, Misused
from weft.cli.options import AsJson, Data, group
from weft.cli.output import print_json, print_json_line, print_pairs, print_table, tell
from weft.cli.twins_generate import generate
from weft.cli.twins_import import TWINS_ENDS, import_file, print_import
from weft.client import ImportDetails, TwinsStats
from weft.contracts.twins import DeleteJob, ImportJob

JobId = Annotated[str, Parameter(help="Id of the import job.")]

app = group("twins", "Import graphs of digital twins, and look at them.")
app.command(import_file, name="import")
app.command(generate)


@app.command
def jobs(*, as_json: AsJson = False, data: Data = None) -> None:
    """List the import jobs, oldest first."""

    async def call() -> list[ImportJob]:
        async with connect_twins(data) as client:
            return [job async for job in client.import_jobs()]

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        print_table(("ID", "STATUS", "CREATED", "FINISHED", "INPUT"), map(_row, found))


@app.command
def show(job: JobId, /, *, as_json: AsJson = False, data: Data = None) -> None:
    """Show an import job: its status, progress and error."""

    async def call() -> ImportDetails:
        async with connect_twins(data) as client:
            return await client.details(job)

    print_import(asyncio.run(call()), as_json=as_json)


@app.command
def cancel(job: JobId, /, *, as_json: AsJson = False, data: Data = None) -> None:
    """Ask for an import to be cancelled; what it has imported by then stays."""

    async def call() -> ImportJob:
        async with connect_twins(data) as client:
            return await client.cancel_import(job)

    cancelled = asyncio.run(call())
    if as_json:
        print_json(cancelled)
    else:
        print(f"cancel requested, status {cancelled.status}")


@app.command
def delete(job: JobId, /, *, data: Data = None) -> None:
    """Forget an import job that has ended; what it has imported stays."""

    async def call() -> None:
        async with connect_twins(data) as client:
            await client.delete_import(job)

    asyncio.run(call())


@app.command
def stats(*, as_json: AsJson = False, data: Data = None) -> None:
    """Show how many models, twins and relationships there are."""
    found = asyncio.run(_stats(data))
    if as_json:
        print_json(found)
    else:
        print_pairs([(name, f"{getattr(found, name):,}") for name in found.__struct_fields__])


@app.command
def query(
    text: Annotated[str, Parameter(help="Such as: SELECT * FROM digitaltwins WHERE $dtId = 'room1'")],
    /,
    *,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Print what a query finds, a line of JSON for each result; with --json a list."""

    async def call() -> None:
        async with connect_twins(data) as client:
            found = client.query(text)
            if as_json:
                print_json([result async for result in found])
                return
            async for result in found:
                print_json_line(result)

    asyncio.run(call())


@app.command(name="delete-all")
def delete_all(
    *,
    yes: Annotated[bool, Parameter(name="--yes", help="Do not ask.")] = False,
    wait: Annotated[bool, Parameter(name="--wait", help="Wait for the end, and exit with it.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> int:
    """Delete all models, twins and relationships, as a job; print its id, and with --wait how it ended."""
    if not (yes or _agreed(data)):
        print("nothing was deleted")
        return Exit.ERROR

    async def call() -> DeleteJob:
        async with connect_twins(data) as client:
            job = await client.start_deletion()
            if not wait:
                return job
            tell(f"weft: deleting, as job {job.id}; Ctrl-C leaves it to itself")
            return await client.wait_for_deletion(job.id)

    job = asyncio.run(call())
    _print_deletion(job, as_json=as_json)
    return TWINS_ENDS[job.status] if wait else Exit.OK


def _agreed(data: Path | None) -> bool:
    """Raises Misused where there is nobody to be asked."""
    if not sys.stdin.isatty():
        raise Misused("delete-all asks before it deletes; without a terminal give --yes")
    found = asyncio.run(_stats(data))
    amount = ", ".join(f"{getattr(found, name):,} {name}" for name in found.__struct_fields__)
    return input(f"Delete everything ({amount})? [y/N] ").strip().lower() in ("y", "yes")


async def _stats(data: Path | None) -> TwinsStats:
    async with connect_twins(data) as client:
        return await client.stats()


def _print_deletion(job: DeleteJob, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        error = f"{job.error.code}: {job.error.message}" if job.error else None
        print_pairs([("id", job.id), ("status", job.status), ("error", error)])


def _row(job: ImportJob) -> tuple[str, ...]:
    finished = "" if job.finished_date_time is msgspec.UNSET else job.finished_date_time
    return (job.id, job.status, job.created_date_time, finished, job.input_blob_uri)
