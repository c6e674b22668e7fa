"""The job scheduler: run on demand, list, get, cancel."""

from __future__ import annotations

from starlette.responses import Response

from weft.catalog import scopes
from weft.catalog.errors import ItemNotFound
from weft.catalog.item_types import Dedup
from weft.catalog.model import Item, Role
from weft.contracts import core as wire
from weft.engine.errors import ScopeClosed
from weft.engine.jobs import Job, JobKey, NewJob, WhenLost
from weft.faces.core import answers, items, mapping
from weft.faces.core.calls import Call
from weft.faces.core.errors import InvalidJobType
from weft.faces.core.requests import execution_data
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
    new = _new_job(call, item, job_type, execution_data(raw))
    try:
        job = await call.core.engine.submit(new)
    except ScopeClosed:
        raise ItemNotFound(item.workspace, item.id) from None  # it is being deleted
    return _accepted(call, item, job, {"x-ms-job-id": job.key.id})


def _new_job(call: Call, item: Item, job_type: str, payload: bytes) -> NewJob:
    caller = call.caller
    dedup = call.core.directory.dedup(item.type, wire.InvokeType.MANUAL)
    return NewJob(
        key=JobKey(scopes.of_item(item.workspace, item.id), call.core.new_id()),
        queue=scopes.CORE,
        kind=job_type,
        payload=payload,
        labels={
            "workspace": item.workspace,
            "item": item.id,
            "item_type": item.type,
            "item_name": item.display_name,
            "tenant": caller.tenant,
            "invoke_type": wire.InvokeType.MANUAL.value,
            "request_id": call.id,
            "user": caller.id,
            "user_name": caller.name,
        },
        submitted_by=caller.id,
        when_lost=WhenLost.ADOPT,
        unique=unique(item, job_type, dedup, caller.id),
    )


def unique(item: Item, job_type: str, dedup: Dedup, user: str) -> str:
    """Return what no two live jobs of the item may share; "" where any number of them may run.

    Job types differ by more than their case; no user's id holds a slash.
    """
    if dedup is Dedup.NONE:
        return ""
    whose = user if dedup is Dedup.PER_USER else ""
    return f"{scopes.of_item(item.workspace, item.id)}/{whose}/{job_type.lower()}"


def _accepted(call: Call, item: Item, job: Job, more: dict[str, str] | None = None) -> Response:
    location = call.url(f"{_instances_path(item)}/{job.key.id}")
    return answers.without_body(202, {"Location": location, **call.retry_after, **(more or {})})


def _key(call: Call, item: Item) -> JobKey:
    return JobKey(scopes.of_item(item.workspace, item.id), call.path_id("jobInstanceId"))


def _instances_path(item: Item) -> str:
    return f"/workspaces/{item.workspace}/items/{item.id}/jobs/instances"
