"""What a job has left behind, wherever its work was done: in this server's host, or nowhere that we know."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.json import decode as decode_json

from weft.contracts import core as wire
from weft.engine.jobs import Job, JobKey
from weft.faces.core import mapping
from weft.faces.core.calls import Call


class Returned(Struct, rename="camel"):
    """What of a job's result has a meaning to us."""

    exit_value: Any = None


async def work_of(call: Call, job: Job) -> Job:
    """Return the hosted job that does the work of *job*; where there is none (yet), *job* itself."""
    key = work_key(call, job)
    if key == job.key:
        return job
    return await call.core.engine.store.get(key) or job


def work_key(call: Call, job: Job) -> JobKey:
    return call.core.hosted_key(job) or job.key


def result_of(job: Job, work: Job) -> bytes | None:
    """Return the result as JSON; it counts only once Core, too, knows that the job is completed."""
    is_completed = mapping.STATUS[job.state] is wire.Status.COMPLETED
    return work.result or job.result if is_completed else None


def exit_value(result: bytes | None) -> str | None:
    """Return the member `exitValue`, a text, of a result."""
    if result is None or not result.startswith(b"{"):
        return None
    try:
        value = decode_json(result, type=Returned).exit_value
    except RecursionError:  # it was read once, by a process with more room
        return None
    return value if isinstance(value, str) else None
