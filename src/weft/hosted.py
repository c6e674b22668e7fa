"""The workloads that this server hosts, as its two faces and its caller see them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence

from weft.auth.issuer import Issuer
from weft.auth.subject_and_app import resource_id
from weft.catalog import scopes
from weft.contracts.workload import Status
from weft.engine.engine import Engine
from weft.engine.errors import JobEnded, JobNotFound, StoreUnavailable
from weft.engine.jobs import Job, JobKey
from weft.faces.workload.mapping import STATUS
from weft.kit.workload import Workload
from weft.runners.workload_answers import Answer, Reported, Silence
from weft.runners.workload_endpoint import Endpoint, Nobody, unowned

MISSED_MOVE_SECONDS = 0.01


class ItemTypeTaken(Exception):
    """Two hosted workloads have jobs for one item type."""

    def __init__(self, item_type: str, one: str, other: str) -> None:
        super().__init__(f"item type {item_type!r} is hosted by {one!r} and by {other!r}")


class HostedWorkloads:
    """Who hosts which item type. *publisher_tenant* is part of the audience of each workload's tokens."""

    def __init__(self, workloads: Sequence[Workload], publisher_tenant: str) -> None:
        self.all = tuple(workloads)
        self._publisher_tenant = publisher_tenant
        self._owners: dict[str, tuple[str, Workload]] = {}
        self._base_url = ""
        self._tls: ssl.SSLContext | None = None
        for workload in workloads:
            for item_type in workload.item_types:
                self._own(item_type, workload)

    @property
    def audiences(self) -> Mapping[str, str]:
        """The audience of the tokens for each item type."""
        return {item_type: self._audience(workload) for item_type, workload in self._owners.values()}

    def served_at(self, base_url: str, tls: ssl.SSLContext | None) -> None:
        """Take note of where this server's host face is, once its port is known, and what trusts it."""
        self._base_url = base_url
        self._tls = tls

    def item_type(self, name: str) -> str | None:
        """Return the registered spelling of an item type given in any ASCII case."""
        owner = self._owners.get(_folded(name))
        return owner and owner[0]

    def job_type(self, item_type: str, name: str) -> str | None:
        """Return the registered spelling of a job type given in any ASCII case."""
        owner = self._owners.get(_folded(item_type))
        found = owner and owner[1].find(item_type, name)
        return found[1] if found else None

    def endpoint(self, item_type: str) -> Endpoint | None:
        owner = self._owners.get(_folded(item_type))
        return Endpoint(self._base_url, owner[1].name, self._tls) if owner else None

    def _own(self, item_type: str, workload: Workload) -> None:
        other = self._owners.get(_folded(item_type))
        if other is not None:
            raise ItemTypeTaken(item_type, other[1].name, workload.name)
        self._owners[_folded(item_type)] = (item_type, workload)

    def _audience(self, workload: Workload) -> str:
        return resource_id(self._publisher_tenant, workload.name)


class LocalCredentials:
    """Proves to a workload who calls, with tokens of the local issuer."""

    def __init__(self, issuer: Issuer, hosted: HostedWorkloads) -> None:
        self._issuer = issuer
        self._hosted = hosted

    def headers(self, job: Job) -> Mapping[str, str]:
        labels = job.labels
        endpoint = self._hosted.endpoint(labels["item_type"])
        authorization = self._issuer.subject_and_app(
            workload=endpoint.workload if endpoint else "",
            user=labels["user_name"],
            user_id=labels["user"],
            tenant=labels["tenant"],
        )
        return {"Authorization": authorization, "x-ms-client-tenant-id": labels["tenant"]}


class HostedHints:
    """Wakes the caller when a job it watches has moved in the host of the same server.

    What the caller then learns comes from the contract's own answer: a hint only spares the wait.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        return Reported(STATUS[known.state], known.started_at, known.ended_at, known.error)


def _moved_on(known: Job, *, seen: Job) -> bool:
    """Return whether the host's job moved between the caller's last look and now."""
    return known.is_final or (known.started_at is not None and seen.started_at is None)


def hosted_key(job: Job) -> JobKey:
    """Return the key that a Core job's instance has in the host's queue."""
    labels = job.labels
    scope = scopes.of_hosted(
        tenant=labels["tenant"],
        workspace=labels["workspace"],
        item_type=labels["item_type"],
        item=labels["item"],
        job_type=job.kind,
    )
    return JobKey(scope, job.key.id)


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else name
