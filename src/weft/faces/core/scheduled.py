"""From a schedule that is due to the job that runs: on its item, as its owner, if that one still may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from weft.catalog.catalog import random_id
from weft.catalog.item_types import Dedup, RunsAs
from weft.catalog.model import Item, Principal, Role
from weft.catalog.principals import PrincipalKind
from weft.contracts.core import FailureCode, InvokeType
from weft.engine.jobs import JobError
from weft.engine.schedules import Firing, Schedule
from weft.faces.core.mapping import utc
from weft.faces.core.runs import Run, new_job


class Places(Protocol):
    """What has to be known of items and roles, without anybody who calls."""

    async def item(self, workspace: str, id: str) -> Item | None: ...

    async def role(self, workspace: str, principal: str) -> Role | None: ...


class JobTypes(Protocol):
    def job_type(self, item_type: str, name: str) -> str | None: ...

    def dedup(self, item_type: str, invoke_type: InvokeType) -> Dedup: ...

    def runs_as(self, item_type: str, job_type: str) -> RunsAs | None: ...


class ScheduledRuns:
    """A JobMaker: what is checked when a person runs a job is checked each time that a schedule is due."""

    def __init__(self, places: Places, job_types: JobTypes, *, new_id: Callable[[], str] = random_id) -> None:
        self._places = places
        self._job_types = job_types
        self._new_id = new_id

    async def firing(self, schedule: Schedule, due: datetime) -> Firing | None:
        labels = schedule.labels
        item = await self._places.item(labels["workspace"], labels["item"])
        if item is None:
            return None
        run = Run(
            item=item,
            job_type=schedule.kind,
            payload=schedule.payload,
            invoke_type=InvokeType.SCHEDULED,
            dedup=self._job_types.dedup(item.type, InvokeType.SCHEDULED),
            tenant=labels["tenant"],
            user=schedule.owner,
            user_name=labels["owner_name"],
            request_id=self._new_id(),
            runs_as=self._job_types.runs_as(item.type, schedule.kind),
        )
        new = new_job(run, self._new_id())
        new = replace(new, labels={**new.labels, "schedule": schedule.id, "due": utc(due)})
        return Firing(new=new, error=await self._refusal(schedule, item))

    async def _refusal(self, schedule: Schedule, item: Item) -> JobError | None:
        role = await self._places.role(item.workspace, schedule.owner)
        if role is None or role < Role.CONTRIBUTOR:
            return JobError(
                FailureCode.OWNER_USER_MISSING.value,
                f"The owner of the schedule, {schedule.labels['owner_name']}, has no role in the workspace "
                "(any more) that may run jobs, which is Contributor or above. "
                "Whoever changes the schedule becomes its owner.",
                is_permanent=True,
            )
        if self._job_types.job_type(item.type, schedule.kind) is None:
            return JobError(
                "InvalidJobType",
                f"Items of type {item.type} have no job type {schedule.kind} (any more).",
                is_permanent=True,
            )
        return None


def labels_of(caller: Principal, item: Item) -> Mapping[str, str]:
    """Return what a schedule remembers of its owner, and of its item."""
    kind = PrincipalKind.APP if caller.is_app else PrincipalKind.USER
    return {
        "workspace": item.workspace,
        "item": item.id,
        "tenant": caller.tenant,
        "owner_name": caller.name,
        "owner_type": kind.value,
    }


def owner_type(schedule: Schedule) -> str:
    return schedule.labels["owner_type"]
