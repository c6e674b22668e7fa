"""`weft twins import`: starts an import, shows how far it is, cancels it at Ctrl-C, exits with its end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from cyclopts import Parameter

from weft.catalog.addresses import is_loopback
from weft.cli.connect import connect_twins
from weft.cli.errors import CommandFailed, Exit, Misused
from weft.cli.options import AsJson, Data
from weft.cli.output import print_json, print_pairs, printable, tell
from weft.cli.twins_watching import told_progress, watching_import
from weft.client import ApiError, ClientError, ImportDetails, TwinsClient, WaitPatience
from weft.contracts.twins import ImportJob, Status

POLL_SECONDS = 0.25
FIRST_FAULTS = 10
LOG_BYTES = 4 * 1024 * 1024
OUTSIDE = "none of the directories"  # of blobs.policy, whose import would slow each command down

LOG_BEGINS = b'{"timestamp":'  # see twins.report

TWINS_ENDS = {
    Status.SUCCEEDED: Exit.OK,
    Status.FAILED: Exit.FAILED,
    Status.CANCELLED: Exit.CANCELLED,
}


def import_file(
    file: Annotated[str, Parameter(help="The file to import: a path, or the URI of a blob.")],
    /,
    *,
    log: Annotated[
        str | None, Parameter(name="--log", help="Where its log is written [FILE.log]; it is made anew.")
    ] = None,
    id: Annotated[str | None, Parameter(name="--id", help="Id of the job [a new one].")] = None,
    no_wait: Annotated[bool, Parameter(name="--no-wait", help="Only start it, and print its id.")] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> int:
    """Import a file of models, twins and relationships; the server reads it where it lies.

    Ctrl-C cancels the import. Exit codes: 0 succeeded, 3 failed, 4 cancelled.
    """
    source, output = _blobs(file, log)
    job = id or f"import-job-{uuid4().hex}"

    async def call() -> int:
        async with connect_twins(data) as client:
            _check_here(client, source, output)
            if no_wait:
                _print_started(await _start(client, job, source, output), as_json=as_json)
                return Exit.OK
            async with _ctrl_c() as pressed:
                await _start(client, job, source, output)
                details = await _follow(client, job, pressed)
                if pressed.is_set() and details.status is not Status.CANCELLED:
                    tell(f"weft: {job} ended before it could be cancelled")
            print_import(details, as_json=as_json)
            return TWINS_ENDS[details.status]

    try:
        return asyncio.run(call())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def print_import(details: ImportDetails, *, as_json: bool) -> None:
    """Print an import job; of one that failed also what its log rejects first, if we can read it."""
    if as_json:
        print_json(details)
        return
    error = f"{details.error.code}: {details.error.message}" if details.error else None
    print_pairs(
        [
            ("id", details.id),
            ("status", details.status),
            ("created", details.created_date_time),
            ("finished", details.finished_date_time or None),
            ("attempt", str(details.attempt or "")),
            ("progress", told_progress(details)),
            ("input", details.input_blob_uri),
            ("log", details.output_blob_uri),
            ("error", error),
        ]
    )
    if details.status is Status.FAILED:
        for line in _first_faults(details.output_blob_uri):
            print(f"    {printable(line)}")


# ---- what is imported


def _blobs(file: str, log: str | None) -> tuple[str, str]:
    """Return what the server is told: absolute paths, and URIs as they are."""
    if log is None:
        if _is_uri(file):
            raise Misused("--log is needed where the file is the URI of a blob")
        log = f"{file}.log"
    return _absolute(file), _absolute(log)


def _absolute(given: str) -> str:
    return given if _is_uri(given) else str(Path(given).absolute())


def _is_uri(given: str) -> bool:
    return "://" in given


def _check_here(client: TwinsClient, source: str, output: str) -> None:
    """A server on this machine uses the files of this machine: what cannot be used need not be sent."""
    if not is_loopback(urlsplit(client.url).hostname or ""):
        return
    try:
        if not _is_uri(source):
            _check_source(Path(source))
        if not _is_uri(output):
            _check_log(Path(output))
    except OSError as unusable:
        raise Misused(f"cannot use {unusable.filename}: {unusable.strerror}") from None


def _check_source(source: Path) -> None:
    if source.is_dir():
        raise Misused(f"{source} is a directory, not a file to import")
    if not source.exists():
        raise Misused(f"there is no file {source}")


def _check_log(log: Path) -> None:
    if log.is_dir():
        raise Misused(f"the log cannot be written to {log}, which is a directory")
    if not log.parent.is_dir():
        raise Misused(f"there is no directory {log.parent} for the log")
    if log.is_file() and not _is_log(log):
        raise Misused(f"{log} is there already and is no log of an import; name another file with --log")


def _is_log(file: Path) -> bool:
    """Whether nothing is lost with *file* but the log of an earlier import."""
    with file.open("rb") as opened:
        return opened.read(len(LOG_BEGINS)) in (LOG_BEGINS, b"")


async def _start(client: TwinsClient, job: str, source: str, output: str) -> ImportJob:
    try:
        return await client.add_import(job, source, output)
    except ApiError as refused:
        if OUTSIDE in refused.message:
            raise CommandFailed(
                f"the server may not use {_outside(refused, source, output)}: imports read and write below "
                "its blob roots only (weft up --blob-root DIR)"
            ) from None
        raise


def _outside(refused: ApiError, source: str, output: str) -> str:
    return output if f"'{output}'" in refused.message else source


# ---- waiting for its end


@asynccontextmanager
async def _ctrl_c() -> AsyncIterator[asyncio.Event]:
    """Yield what the first Ctrl-C sets; a second one cancels the command."""
    loop = asyncio.get_running_loop()
    command = asyncio.current_task(loop)
    pressed = asyncio.Event()

    def press() -> None:
        if pressed.is_set() and command is not None:
            command.cancel()
        pressed.set()

    loop.add_signal_handler(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def _follow(client: TwinsClient, job: str, pressed: asyncio.Event) -> ImportDetails:
    """Return the job at its end; when *pressed* is set it is cancelled meanwhile."""
    canceller = asyncio.create_task(_cancel_when(pressed, client, job))
    try:
        with watching_import(job) as told:
            return await client.wait_for_import(
                job, patience=WaitPatience(poll_seconds=POLL_SECONDS), told=told
            )
    finally:
        canceller.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await canceller


async def _cancel_when(pressed: asyncio.Event, client: TwinsClient, job: str) -> None:
    await pressed.wait()
    tell(f"weft: cancelling {job}; Ctrl-C again leaves it to itself")
    try:
        await client.cancel_import(job)
    except ClientError as refused:  # such as that it has just ended, which the wait will see
        tell(f"weft: {refused}")


def _print_started(job: ImportJob, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        print(job.id)


# ---- what its log says


def _first_faults(log: str) -> Iterator[str]:
    """Yield the first lines that were rejected, where the log is a file that we may read."""
    try:
        with Path(log).open("rb") as file:
            lines = file.read(LOG_BYTES).splitlines()
    except (OSError, ValueError):
        return
    faults = [fault for line in lines if (fault := _rejection(line))]
    yield from faults[:FIRST_FAULTS]
    if len(faults) > FIRST_FAULTS:
        yield f"... more in {log}"


class _Event(msgspec.Struct, rename="camel"):
    log_type: str
    details: dict[str, Any]


def _rejection(line: bytes) -> str | None:
    try:
        event = msgspec.json.decode(line, type=_Event)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    details = event.details
    if event.log_type != "Error" or "line" not in details:
        return None
    return f"line {details['line']}: {details.get('exceptionType')}: {details.get('message')}"
