"""Deletion jobs, which delete all models, twins and relationships: add, list, get."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from starlette.responses import Response

from weft.catalog.catalog import random_id
from weft.contracts import twins as wire
from weft.engine.errors import JobConflict, JobNotFound
from weft.engine.jobs import Job, JobKey
from weft.faces.http import shown
from weft.faces.parameters import bad_parameter, whole_number
from weft.faces.twins import answers, bulk, mapping
from weft.faces.twins.calls import Call
from weft.faces.twins.errors import DeletionExists, DeletionNotFound
from weft.faces.twins.requests import job_id
from weft.twins.bulk_jobs import DELETION, DELETIONS, DeletionPayload

PATH = "/jobs/deletions"
OPERATION_ID = "operation-id"
TIMEOUT = "timeoutInMinutes"
SHORTEST_MINUTES = 15
LONGEST_MINUTES = 24 * 60
DEFAULT_MINUTES = 12 * 60


async def add(call: Call) -> Response:
    id = _operation_id(call)
    payload = msgspec.json.encode(DeletionPayload(_minutes(call)))
    try:
        job = await bulk.submit(call, JobKey(DELETIONS, id), DELETION, payload)
    except JobConflict:
        raise DeletionExists(id) from None
    # The operation is looked at like any other call, in the version that it was begun in.
    headers = {
        "Operation-Location": call.url(f"{PATH}/{quote(id, safe='')}"),
        "Operation-Id": id,
        **_look_again(call, job),
    }
    return answers.with_body(202, _published(call, job), headers)


async def list_all(call: Call) -> Response:
    jobs, next_link = await bulk.page(call, DELETIONS, PATH)
    return answers.with_body(200, wire.DeleteJobs([_published(call, job) for job in jobs], next_link))


async def get(call: Call) -> Response:
    id = job_id(call.path("id"), "id")
    try:
        job = await call.twins.engine.get(JobKey(DELETIONS, id))
    except JobNotFound:
        raise DeletionNotFound(id) from None
    return answers.with_body(200, _published(call, job), _look_again(call, job))


def _operation_id(call: Call) -> str:
    given = call.header(OPERATION_ID)
    if given is None:
        return random_id()
    if not given.isascii():  # nobody agrees on what such bytes of a header say
        raise bad_parameter(OPERATION_ID, f"{OPERATION_ID} must be ASCII, not {shown(given)}")
    return job_id(given, OPERATION_ID)


def _minutes(call: Call) -> int:
    given = call.query(TIMEOUT)
    if given is None:
        return DEFAULT_MINUTES
    return whole_number(given, TIMEOUT, least=SHORTEST_MINUTES, most=LONGEST_MINUTES)


def _look_again(call: Call, job: Job) -> dict[str, str]:
    """Tell pollers when to look again: Microsoft's own wait 30 s where nobody tells them."""
    return {} if job.is_final else {"Retry-After": str(call.twins.pace.retry_after_seconds)}


def _published(call: Call, job: Job) -> wire.DeleteJob:
    return mapping.delete_job(job, call.twins.settings.keeps_jobs)
