"""The workloads that this server hosts, as its two faces and its caller see them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from weft.auth.subject_and_app import resource_id
from weft.catalog import scopes
from weft.catalog.catalog import Catalog
from weft.catalog.errors import CatalogError
from weft.catalog.hosted_items import HostedItemStore, ItemKey
from weft.catalog.item_types import Backend, ItemType
from weft.catalog.model import Principal
from weft.contracts.workload import Status
from weft.engine.engine import Engine
from weft.engine.errors import JobEnded, JobNotFound, StoreUnavailable
from weft.engine.jobs import Job, JobError, JobKey
from weft.faces.core.control import PERMISSIONS
from weft.faces.workload.mapping import status_of
from weft.kit.workload import Workload, load_workload
from weft.runners.workload_answers import Answer, Reported, Silence
from weft.runners.workload_endpoint import Nobody, unowned
from weft.settings import BUILTIN_WORKLOAD, Settings

MISSED_MOVE_SECONDS = 0.01


def hosted_item_types(workloads: Sequence[Workload], publisher_tenant: str) -> tuple[ItemType, ...]:
    """Return the item types of *workloads*, whose functions are jobs here, all published by one tenant."""
    return tuple(
        ItemType(
            name=item_type,
            backend=_backend(workload, publisher_tenant),
            job_types=workload.job_types(item_type),
            takes_parameters=workload.takes_parameters,
        )
        for workload in workloads
        for item_type in workload.item_types
    )


def with_builtin(settings: Settings, declared: Sequence[ItemType]) -> Settings:
    """Return *settings* with what the server runs by itself among the workloads, where that is wanted.

    Where nobody has asked for it, it yields to a workload, hosted or *declared*, that has one of its item
    types. Raises WorkloadNotLoaded.
    """
    if not settings.has_builtin or BUILTIN_WORKLOAD in settings.workloads:
        return settings
    if settings.builtin is None:
        others = [item_type for spec in settings.workloads for item_type in load_workload(spec).item_types]
        taken = {name.lower() for name in (*others, *(item_type.name for item_type in declared))}
        if any(name.lower() in taken for name in load_workload(BUILTIN_WORKLOAD).item_types):
            return settings
    return replace(settings, workloads=(*settings.workloads, BUILTIN_WORKLOAD))


class OwnPermissions:
    """Tells a job what its user may do with its item, from the catalog of the same server."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def permissions(self, job: Job) -> tuple[str, ...] | JobError:
        labels = job.labels
        user = _user_of(job)
        try:
            role = await self._catalog.role(user, labels["workspace"])
            await self._catalog.item(user, labels["workspace"], labels["item"])
        except CatalogError as unknown:
            return JobError("ItemNotFound", str(unknown), "User", is_permanent=True)
        except StoreUnavailable as unavailable:
            return JobError("PermissionsUnavailable", unavailable.reason, "System", is_permanent=False)
        return PERMISSIONS[role]


class OwnDefinitions:
    """Gives a job the definition of its item, from the catalog of the same server, as far as its user may."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def definition(self, job: Job) -> bytes | JobError:
        labels = job.labels
        try:
            return await self._catalog.definition(_user_of(job), labels["workspace"], labels["item"])
        except CatalogError as unknown:
            return JobError("ItemNotFound", str(unknown), "User", is_permanent=True)
        except StoreUnavailable as unavailable:
            return JobError("DefinitionUnavailable", unavailable.reason, "System", is_permanent=False)


class HostedDefinitions:
    """Gives a job the definition of its item, as the host was told of it."""

    def __init__(self, items: HostedItemStore) -> None:
        self._items = items

    async def definition(self, job: Job) -> bytes | JobError:
        labels = job.labels
        key = ItemKey(labels["tenant"], labels["workspace"], labels["item_type"], labels["item"])
        try:
            known = await self._items.hosted_item(key)
        except StoreUnavailable as unavailable:
            return JobError("DefinitionUnavailable", unavailable.reason, "System", is_permanent=False)
        if known is None or not known.definition:
            why = "This host was never told a definition of the job's item; only Remote backends are."
            return JobError("DefinitionNotKnown", why, "System", is_permanent=True)
        return known.definition


class HostedHints:
    """Wakes the caller when a job it watches has moved in the host of the same server.

    What the caller then learns comes from the contract's own answer: a hint only spares the wait.
    *is_hosted* says of an item type whether its jobs are done here.
    """

    def __init__(self, engine: Engine, is_hosted: Callable[[str], bool]) -> None:
        self._engine = engine
        self._is_hosted = is_hosted

    def tell_of(self, job: Job) -> bool:
        return self._is_hosted(scopes.at_workload(job).item_type)

    async def wait(self, job: Job, seconds: float) -> None:
        key = hosted_key(job)
        with self._engine.events.watch(key) as moved:
            known = await self._known(key)
            if known is not None and _moved_on(known, seen=job):
                seconds = min(seconds, MISSED_MOVE_SECONDS)
            try:
                async with asyncio.timeout(seconds):
                    await moved.wait()
            except TimeoutError:
                return  # nothing moved: time for an ordinary poll

    async def _known(self, key: JobKey) -> Job | None:
        try:
            return await self._engine.store.get(key)
        except StoreUnavailable:
            return None  # only a hint is lost


class HostedLeftovers(Nobody):
    """Answers for jobs whose workload this server hosted before it was started without it.

    Nothing of them runs here any more, or ever will: what the store knows of them is all there is to know.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer(self, call: str, job: Job) -> Answer:
        if call == "create":
            return await super().answer(call, job)
        key = hosted_key(job)
        try:
            known = await (self._engine.get(key) if call == "read" else self._engine.cancel(key))
        except JobNotFound:  # no call is under way: it never arrived here, and never will
            if call == "cancel":
                return Reported(Status.CANCELLED)
            return Reported(Status.FAILED, error=unowned(job))
        except JobEnded as ended:
            known = ended.job
        except StoreUnavailable as unavailable:
            return Silence(unavailable.reason, arrived=False)
        return Reported(status_of(known), known.started_at, known.ended_at, known.error)


def _moved_on(known: Job, *, seen: Job) -> bool:
    """Return whether the host's job moved between the caller's last look and now."""
    return known.is_final or (known.started_at is not None and seen.started_at is None)


def hosted_key(job: Job) -> JobKey:
    """Return the key that a Core job's instance has in the host's queue."""
    labels, named = job.labels, scopes.at_workload(job)
    scope = scopes.of_hosted(
        tenant=labels["tenant"],
        workspace=labels["workspace"],
        item_type=named.item_type,
        item=labels["item"],
        job_type=named.job_type,
    )
    return JobKey(scope, job.key.id)


def _user_of(job: Job) -> Principal:
    labels = job.labels
    return Principal(id=labels["user"], tenant=labels["tenant"], name="", is_app=False, scopes=frozenset())


def _backend(workload: Workload, publisher_tenant: str) -> Backend:
    return Backend(
        workload=workload.name,
        audience=resource_id(publisher_tenant, workload.name),
        publisher_tenant=publisher_tenant,
    )
