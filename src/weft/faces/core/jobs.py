"""The job scheduler: run on demand, list, get, cancel, run again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from types import MappingProxyType

from starlette.responses import Response

from weft.auth.errors import TokenRefused
from weft.catalog import scopes
from weft.catalog.errors import CatalogError, ItemNotFound
from weft.catalog.model import Item, Role
from weft.contracts import core as wire
from weft.engine.errors import JobConflict, JobNotFound, ScopeClosed
from weft.engine.jobs import Job, JobKey, NewJob
from weft.faces.core import access, answers, items, mapping
from weft.faces.core.access import InsufficientScopes
from weft.faces.core.calls import Call
from weft.faces.core.own_errors import InvalidJobType, JobNotCompleted, KeyReused, ParametersNotAllowed
from weft.faces.core.run_requests import run_request, with_parameters
from weft.faces.core.runs import Run, new_job
from weft.faces.core.wishes import NO_PREFERENCES, applied, preferences, repeat_key
from weft.faces.parameters import bad_parameter

NOTHING_TOLD: Mapping[str, str] = MappingProxyType({})


async def run(call: Call) -> Response:
    """Run the job type that the path names."""
    return await _run(call, call.request.path_params["jobType"])


async def run_by_query(call: Call) -> Response:
    """Run the job type that the query names: the older address, still the most used one."""
    job_type = call.query("jobType")
    if job_type is None:
        raise bad_parameter("jobType", "the parameter jobType is missing")
    return await _run(call, job_type)


async def list_all(call: Call) -> Response:
    item = await items.find(call)
    scope = scopes.of_item(item.workspace, item.id)
    found, *onward = await call.page(
        _instances_path(item),
        {},
        lambda before, limit: call.core.engine.list(scope, before=before, limit=limit),
    )
    page = wire.ItemJobInstances([mapping.job_instance(job, call.id) for job in found], *onward)
    return answers.with_body(200, page)


async def get(call: Call) -> Response:
    job, headers = await look(call)
    return answers.with_body(200, mapping.job_instance(job, call.id), headers)


async def cancel(call: Call) -> Response:
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    job = await call.core.engine.cancel(_key(call, item), by=call.caller.id)
    return answers.without_body(202, _where(call, item, job))


async def rerun(call: Call) -> Response:
    """Run once more what an ended instance ran, now as the caller. Raises JobNotCompleted."""
    await call.body()
    item = await items.find(call, needs=Role.CONTRIBUTOR)
    ended = await call.core.engine.get(_key(call, item))
    if not ended.is_final:
        raise JobNotCompleted(ended)
    job_type = _job_type(call, item, ended.kind)
    return await _start(call, item, _new_job(call, item, job_type, ended.payload, rerun_of=ended.key.id))


async def look(call: Call) -> tuple[Job, dict[str, str]]:
    """Return the job of the path and the headers of its answer: once it has ended, if the caller can wait.

    Raises what `find` raises, and TooManyWaits.
    """
    job = await find(call)
    seconds = preferences(call.request.scope).wait_seconds
    if not seconds:
        return job, pace(call, job)
    with call.core.waits.place(call.caller):
        waited = job.is_final or await _ended(call, job, seconds) is not None
    job = await _found_again(call)
    return job, {**pace(call, job), **applied(wait_seconds=seconds if waited else 0)}


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
    job_type = _job_type(call, item, wanted)
    return await _start(call, item, _new_job(call, item, job_type, _payload(call, item, raw)))


def _job_type(call: Call, item: Item, wanted: str) -> str:
    """Raises InvalidJobType."""
    job_type = call.core.directory.job_type(item.type, wanted)
    if job_type is None:
        raise InvalidJobType(item.type, wanted)
    return job_type


def _new_job(call: Call, item: Item, job_type: str, payload: bytes, *, rerun_of: str = "") -> NewJob:
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
        rerun_of=rerun_of,
        runs_as=call.core.directory.runs_as(item.type, job_type),
    )
    return new_job(run, call.core.new_id())


async def _start(call: Call, item: Item, new: NewJob) -> Response:
    """Start a job, and answer at once unless the caller wants to wait."""
    wishes = preferences(call.request.scope)
    if wishes is NO_PREFERENCES:
        return _started(call, item, await _submit(call, item, new))
    seconds = wishes.wait_seconds
    with call.core.waits.place(call.caller) if seconds else nullcontext():
        job = await _submit(call, item, new)
        waited = await _ended(call, job, seconds) if seconds else None
    shown = await _seen_again(call, job) if wishes.represent else None
    told = applied(wait_seconds=seconds if waited else 0, represents=shown is not None)
    return _started(call, item, job, told, shown)


async def _submit(call: Call, item: Item, new: NewJob) -> Job:
    key = repeat_key(call.request.scope)
    if key is not None:
        new = key.named(new, call.caller, call.core.secret)
    try:
        return await call.core.engine.submit(new)
    except ScopeClosed:
        raise ItemNotFound(item.workspace, item.id) from None  # it is being deleted
    except JobConflict as conflict:
        if key is None:
            raise
        raise KeyReused(key.header, key.text, conflict.known) from None


def _started(
    call: Call,
    item: Item,
    job: Job,
    told: Mapping[str, str] = NOTHING_TOLD,
    shown: Job | None = None,
) -> Response:
    headers = {**_where(call, item, job), "x-ms-job-id": job.key.id, **told}
    if shown is None:
        return answers.without_body(202, headers)
    return answers.with_body(202, mapping.job_instance(shown, call.id), headers)


def _payload(call: Call, item: Item, raw: bytes) -> bytes:
    """Return what the job is given. Raises Refused, ParametersNotAllowed."""
    request = run_request(raw)
    if not request.parameters:
        return request.data
    found = call.core.directory.find(item.type)
    if found is None or not found.takes_parameters:
        raise ParametersNotAllowed
    return with_parameters(request)


async def _ended(call: Call, job: Job, seconds: int) -> Job | None:
    """Return the job when it has ended, or as it is after *seconds*; None where the server stops before."""
    wait = call.core.engine.wait(job.key, seconds=seconds)
    try:
        return await call.core.waits.until(wait, call.request)
    except JobNotFound:
        return job  # it went with its item


async def _found_again(call: Call) -> Job:
    """As `find`, after a wait: the token may be over by then, the caller removed, or the job deleted."""
    call.core.verifier.verify(call.request.headers.getlist("authorization"))
    return await find(call)


async def _seen_again(call: Call, job: Job) -> Job | None:
    """Return *job* as it is now; None where the caller may not see it (any more): it runs all the same."""
    try:
        call.core.verifier.verify(call.request.headers.getlist("authorization"))
        access.READ_ITEMS.check_for(call.caller, (await items.find(call)).type)
        return await call.core.engine.get(job.key)
    except (TokenRefused, CatalogError, InsufficientScopes, JobNotFound):
        return None


def _where(call: Call, item: Item, job: Job) -> dict[str, str]:
    return {"Location": call.url(f"{_instances_path(item)}/{job.key.id}"), **call.retry_after}


def _key(call: Call, item: Item) -> JobKey:
    return JobKey(scopes.of_item(item.workspace, item.id), call.path_id("jobInstanceId"))


def _instances_path(item: Item) -> str:
    return f"/workspaces/{item.workspace}/items/{item.id}/jobs/instances"
