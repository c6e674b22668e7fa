"""A run of an item, however it came about, as the job that the engine keeps."""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import scopes
from weft.catalog.item_types import Dedup, RunsAs
from weft.catalog.model import Item
from weft.contracts.core import InvokeType
from weft.engine.jobs import JobKey, NewJob, WhenLost


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """*user* is an object id of *tenant*. *request_id*: of the call, or whatever else began it.

    *rerun_of*: the id of the job of the item that this one repeats; "": none. *runs_as*: what the job is at
    its workload, where that is not what it is here.
    """

    item: Item
    job_type: str
    payload: bytes
    invoke_type: InvokeType
    dedup: Dedup
    tenant: str
    user: str
    user_name: str
    request_id: str
    rerun_of: str = ""
    runs_as: RunsAs | None = None


def new_job(run: Run, id: str) -> NewJob:
    item = run.item
    job_type = run.job_type if run.runs_as is None else run.runs_as.job_type
    return NewJob(
        key=JobKey(scopes.of_item(item.workspace, item.id), id),
        queue=scopes.CORE,
        kind=run.job_type,
        payload=run.payload,
        labels={
            "workspace": item.workspace,
            "item": item.id,
            "item_type": item.type,
            "item_name": item.display_name,
            "tenant": run.tenant,
            "invoke_type": run.invoke_type.value,
            "request_id": run.request_id,
            "user": run.user,
            "user_name": run.user_name,
            **scopes.labels_of(run.runs_as),
            **({"rerun_of": run.rerun_of} if run.rerun_of else {}),
        },
        submitted_by=run.user,
        when_lost=WhenLost.ADOPT,
        unique=unique(item, job_type, run.dedup, run.user),
        family=scopes.of_workspace(item.workspace),
    )


def unique(item: Item, job_type: str, dedup: Dedup, user: str) -> str:
    """Return what no two live jobs of the item may share; "" where any number of them may run.

    Job types differ by more than their case; no user's id holds a slash.
    """
    if dedup is Dedup.NONE:
        return ""
    whose = user if dedup is Dedup.PER_USER else ""
    return f"{scopes.of_item(item.workspace, item.id)}/{whose}/{job_type.lower()}"
