"""The job scheduler: run on demand, list, get, cancel."""

from __future__ import annotations

from starlette.responses import Response

from weft.catalog import scopes
from weft.catalog.errors import ItemNotFound
from weft.catalog.model import Item, Role
from weft.contracts import core as wire
from weft.engine.errors import ScopeClosed
from weft.engine.jobs import Job, JobKey, NewJob
from weft.faces.core import answers, items, mapping
from weft.faces.core.calls import Call
from weft.faces.core.errors import InvalidJobType, ParametersNotAllowed
from weft.faces.core.requests import run_request, with_parameters
from weft.faces.core.runs import Run, new_job
from weft.faces.http import Refusal, Refused


async def run(call: Call) -> Response:
    """Run the job type that the path names."""
    return await _run(call, call.request.path_params["jobType"])


async def run_by_query(call: Call) -> Response:
    """Run the job type that the query names: the older address, still the most used one."""
    job_type = call.query("jobType")
    if job_type is None:
        raise Refused(Refusal.BAD_PARAMETER, "jobType", "the parameter jobType is missing")
    return await _run(call, job_type)


async def list_all(call: Call) -> Response:
    item = await items.find(call)
    path, size = _instances_path(item), call.core.page_size
    found = await call.core.engine.list(
        scopes.of_item(item.workspace, item.id), before=call.position(path), limit=size + 1
    )
    page = wire.ItemJobInstances([mapping.job_instance(job, call.id) for job in found[:size]])
    if len(found) > size:
        page.continuation_token, page.continuation_uri = call.onward(path, found[size - 1].number, path)
    return answers.with_body(200, page)


async def get(call: Call) -> Response:
    job = await find(call)
    return answers.with_body(200, mapping.job_instance(job, call.id), pace(call, job))


async def cancel(call: Call) -> Response:
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    job = await call.core.engine.cancel(_key(call, item), by=call.caller.id)
    return _accepted(call, item, job)


async def find(call: Call) -> Job:
    """Return the job of the path. Raises JobNotFound, and what items.find raises."""
    item = await items.find(call)
    return await call.core.engine.get(_key(call, item))


def pace(call: Call, job: Job) -> dict[str, str]:
    """Tell when to look again, while the job has not ended."""
    return {} if job.is_final else call.retry_after


async def _run(call: Call, wanted: str) -> Response:
    # The body comes first: it may be slow, and what the caller may do is to be decided after it.
    raw = await call.body()
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    job_type = call.core.directory.job_type(item.type, wanted)
    if job_type is None:
        raise InvalidJobType(item.type, wanted)
    new = _new_job(call, item, job_type, _payload(call, item, raw))
    try:
        job = await call.core.engine.submit(new)
    except ScopeClosed:
        raise ItemNotFound(item.workspace, item.id) from None  # it is being deleted
    return _accepted(call, item, job, {"x-ms-job-id": job.key.id})


def _new_job(call: Call, item: Item, job_type: str, payload: bytes) -> NewJob:
    caller = call.caller
    run = Run(
        item=item,
        job_type=job_type,
        payload=payload,
        invoke_type=wire.InvokeType.MANUAL,
        dedup=call.core.directory.dedup(item.type, wire.InvokeType.MANUAL),
        tenant=caller.tenant,
        user=caller.id,
        user_name=caller.name,
        request_id=call.id,
    )
    return new_job(run, call.core.new_id())


def _payload(call: Call, item: Item, raw: bytes) -> bytes:
    """Return what the job is given. Raises Refused, ParametersNotAllowed."""
    request = run_request(raw)
    if not request.parameters:
        return request.data
    found = call.core.directory.find(item.type)
    if found is None or not found.takes_parameters:
        raise ParametersNotAllowed
    return with_parameters(request)


def _accepted(call: Call, item: Item, job: Job, more: dict[str, str] | None = None) -> Response:
    location = call.url(f"{_instances_path(item)}/{job.key.id}")
    return answers.without_body(202, {"Location": location, **call.retry_after, **(more or {})})


def _key(call: Call, item: Item) -> JobKey:
    return JobKey(scopes.of_item(item.workspace, item.id), call.path_id("jobInstanceId"))


def _instances_path(item: Item) -> str:
    return f"/workspaces/{item.workspace}/items/{item.id}/jobs/instances"
