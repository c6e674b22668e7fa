"""What makes functions jobs, in any server: whom it trusts, processes, workers and the host's face."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from weft.auth.sealed import SubjectSeal
from weft.auth.subject_and_app import SubjectAndAppVerifier, resource_id
from weft.auth.trust import KeySource
from weft.catalog import scopes
from weft.engine.engine import Engine
from weft.engine.jobs import Job, RunPolicy
from weft.engine.lifecycle import Event
from weft.engine.ports import Clock
from weft.engine.worker import Habits, Worker
from weft.faces.workload.routes import WorkloadHost
from weft.kit.workload import Workload
from weft.runners.granting import Sources
from weft.runners.processes import ONCE, ProcessRunner
from weft.serving import Stopping
from weft.settings import Settings
from weft.stores.sqlite.store import SqliteStore

STOP_MARGIN_SECONDS = 5
HOOKS_AT_ONCE = 2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Whose calls a host takes: those of the local issuer, unless something else is said.

    *issuer*: the address of the issuer whose keys sign the tokens; "": the keys in the data directory.
    *audience*: whom they are for; "": each workload, under its local name. *publisher_tenant*: whose app
    calls; "": the data directory's own. *client_id*: the audience of version 2.0 tokens; "": the same.
    *client_secret*: that of the workload's app, with which jobs get tokens of the issuer; "": they get none
    of it. *core*: the address of the Fabric API that tells jobs what their users may do; "": nobody does.
    """

    issuer: str = ""
    audience: str = ""
    publisher_tenant: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    core: str = ""

    def audiences(self, workloads: Sequence[Workload]) -> Mapping[str, str]:
        """Return the audience for each item type of *workloads*."""
        return {
            item_type: self.audience or resource_id(self.publisher_tenant, workload.name)
            for workload in workloads
            for item_type in workload.item_types
        }

    def client_ids(self, audiences: Mapping[str, str]) -> Mapping[str, str]:
        return dict.fromkeys(audiences.values(), self.client_id) if self.client_id else {}


def stop_seconds(settings: Settings) -> float:
    """Return how long a deletion waits for running jobs to stop."""
    return settings.runner.cancel_grace.total_seconds() + STOP_MARGIN_SECONDS


class Policies:
    """How the jobs of *workloads* are run, and the queues in which they wait for it."""

    def __init__(self, workloads: Sequence[Workload]) -> None:
        self._known = {name: workload.policy(*name) for workload in workloads for name in workload.jobs}

    def __call__(self, job: Job) -> RunPolicy:
        """A hook is called once, for as long as its caller waits."""
        return self._known.get((job.labels.get("item_type", ""), job.kind), ONCE)

    def own_queues(self, at_once: int) -> Mapping[str, int]:
        """Return the queue of each type, and how many of its jobs may run at once, at most *at_once*.

        A type has its queue whether it is limited or not: it may have been when a job was submitted.
        """
        return {
            scopes.own_queue(*name): min(policy.concurrency or at_once, at_once)
            for name, policy in self._known.items()
        }


class Workers:
    """The workers of a host: jobs have one, and hooks another, so that no job keeps a hook waiting."""

    def __init__(self, *workers: Worker) -> None:
        self.all = workers

    @property
    def busy(self) -> int:
        """How many jobs and hooks are held."""
        return sum(worker.busy for worker in self.all)

    async def work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for worker in self.all:
                tasks.create_task(worker.work())

    async def end(self, grace: timedelta, stopping: Stopping) -> None:
        """Let what runs end within *grace*, or until told again to stop; then stop it."""
        if self.busy:
            log.warning(
                "stopping", extra={"waits_for_jobs": self.busy, "at_most_seconds": grace.total_seconds()}
            )
        drained = asyncio.ensure_future(self._drain(grace))
        if not await stopping.unless_hurried(drained):
            await self._drain(timedelta(0))
        await drained

    async def _drain(self, grace: timedelta) -> None:
        await asyncio.gather(*(worker.drain(grace) for worker in self.all))


class HostParts:
    """What makes functions jobs: processes that run them, a worker that hands them out, the face.

    A server has them beside its other parts, a host has little else. *trusted* names a publisher tenant.
    *sources*: where jobs get their tokens from. *seal*: keeps the users' tokens that this needs. See
    ProcessRunner for *owns_all_children*.
    """

    def __init__(  # noqa: PLR0913 - each is a part of its own
        self,
        settings: Settings,
        trusted: Trusted,
        *,
        engine: Engine,
        store: SqliteStore,
        workloads: Sequence[Workload],
        keys: KeySource,
        owns_all_children: bool,
        sources: Sources | None = None,
        seal: SubjectSeal | None = None,
    ) -> None:
        policies = Policies(workloads)
        jobs_at_once = settings.runner.processes
        hooks_at_once = HOOKS_AT_ONCE if any(workload.hooks for workload in workloads) else 0
        self.processes = ProcessRunner(
            replace(settings.runner, processes=jobs_at_once + hooks_at_once),
            command=[sys.executable, "-m", "weft.kit.process", *settings.workloads],
            environment=os.environ,
            marker=store.store_id,
            owns_all_children=owns_all_children,
            sources=sources,
            policy=policies,
        )
        jobs = _habits(jobs_at_once, policies)
        hooks = replace(jobs, queue=scopes.HOOKS, slots=max(1, hooks_at_once), narrow={})
        self.workers = Workers(*(Worker(engine, self.processes, habits) for habits in (jobs, hooks)))
        audiences = trusted.audiences(workloads)
        self.face = WorkloadHost(
            engine,
            workloads,
            _verifier(trusted, audiences, keys, engine.steady),
            items=store,
            audiences=audiences,
            limits=settings.limits,
            settings=settings.hosting,
            stop_seconds=stop_seconds(settings),
            seal=seal,
        )


def _habits(at_once: int, policies: Policies) -> Habits:
    return Habits(
        queue=scopes.HOSTED,
        slots=at_once,
        narrow=policies.own_queues(at_once),
        begins=Event.START,
        cancel_wins=True,
        adopts=False,
    )


def _verifier(
    trusted: Trusted, audiences: Mapping[str, str], keys: KeySource, clock: Clock
) -> SubjectAndAppVerifier:
    return SubjectAndAppVerifier(
        keys,
        trusted.publisher_tenant,
        sorted(set(audiences.values())),
        clock,
        client_ids=trusted.client_ids(audiences),
    )
