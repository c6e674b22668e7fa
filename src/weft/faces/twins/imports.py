"""Import jobs: add, list, get, cancel, delete."""

from __future__ import annotations

from starlette.responses import Response

from weft.blobs.secrets import redacted
from weft.contracts import twins as wire
from weft.engine.jobs import Job, JobKey
from weft.faces.http import Refused
from weft.faces.twins import answers, bulk, mapping
from weft.faces.twins.calls import Call
from weft.faces.twins.requests import ImportRequest, import_request, job_id
from weft.twins.bulk_jobs import IMPORT, IMPORTS

PATH = "/jobs/imports"


async def add(call: Call) -> Response:
    key = _key(call)
    request = await _asked(call)
    blobs = await call.twins.blobs.admit(request.input, request.output)
    shown_uris = {"input": blobs.input, "output": blobs.output}
    job = await bulk.submit(call, key, IMPORT, blobs.payload, shown_uris)
    return answers.with_body(201, published(call, job))


async def list_all(call: Call) -> Response:
    jobs, next_link = await bulk.page(call, IMPORTS, PATH)
    return answers.with_body(200, wire.ImportJobs([published(call, job) for job in jobs], next_link))


async def get(call: Call) -> Response:
    return answers.with_body(200, published(call, await find(call)))


async def cancel(call: Call) -> Response:
    job = await call.twins.engine.cancel(_key(call), by=call.caller.id)
    return answers.with_body(200, published(call, job))


async def delete(call: Call) -> Response:
    await call.twins.bulk.delete(_key(call))
    return answers.without_body(204)


async def find(call: Call) -> Job:
    """Return the job of the path. Raises JobNotFound."""
    return await call.twins.engine.get(_key(call))


def published(call: Call, job: Job) -> wire.ImportJob:
    return mapping.import_job(job, call.twins.settings.keeps_jobs)


async def _asked(call: Call) -> ImportRequest:
    """Raises Refused, without the signatures that a body of whatever shape may hold, and Faulty."""
    try:
        return import_request(await call.body())
    except Refused as fault:
        raise Refused(fault.kind, fault.field, redacted(fault.message)) from None


def _key(call: Call) -> JobKey:
    return JobKey(IMPORTS, job_id(call.path("id"), "id"))
