"""Jobs of hosted workloads: created, read and cancelled, whichever contract asks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.catalog import scopes
from weft.catalog.hosted_items import ItemKey
from weft.engine.engine import Engine
from weft.engine.errors import JobEnded
from weft.engine.jobs import Job, JobKey, NewJob, WhenLost
from weft.faces.http import canonical_uuid
from weft.faces.workload.answers import JSON, Answer
from weft.faces.workload.call import Call
from weft.faces.workload.mapping import fingerprint_of, read_request, state_of
from weft.faces.workload.registered import PAYLOAD, JobType, Registered
from weft.settings import Limits

# The published document says `produces: application/json` of every answer, also of one without a body.
ACCEPTED = Answer(202, headers=(JSON,))


@dataclass(frozen=True, slots=True)
class Named:
    """Which instance of which job of whose item."""

    item: ItemKey
    job_type: JobType
    instance: str

    @property
    def key(self) -> JobKey:
        item = self.item
        scope = scopes.of_hosted(
            tenant=item.tenant,
            workspace=item.workspace,
            item_type=item.type,
            item=item.id,
            job_type=self.job_type.name,
        )
        return JobKey(scope, self.instance)

    def job(
        self, call: Call, *, invoke_type: str = "", payload: bytes = b"", fingerprint: bytes = b""
    ) -> NewJob:
        policy = self.job_type.policy
        return NewJob(
            key=self.key,
            queue=scopes.hosted_queue(self.item.type, self.job_type.name, policy),
            kind=self.job_type.name,
            payload=payload,
            labels=call.labels(self.item, invoke_type=invoke_type),
            fingerprint=fingerprint,
            submitted_by=call.user,
            when_lost=WhenLost.RESTART if policy.resumable else WhenLost.FAIL,
        )


class Jobs:
    """What both contracts ask of jobs. *quick_stop_seconds*: how long a cancel waits for the stop."""

    def __init__(self, engine: Engine, *, quick_stop_seconds: float) -> None:
        self._engine = engine
        self._quick_stop_seconds = quick_stop_seconds

    async def create(
        self, call: Call, named: Named, *, invoke_type: str, payload: bytes, fingerprint: bytes
    ) -> Job:
        """The same id with an equal body again has no effect. Raises JobConflict, ScopeClosed."""
        new = named.job(call, invoke_type=invoke_type, payload=payload, fingerprint=fingerprint)
        kept = call.gate.kept(call, named.instance)
        if kept:
            new = replace(new, labels={**new.labels, **kept})
        return await self._engine.submit(new)

    async def get(self, named: Named) -> Job:
        """Raises JobNotFound."""
        return await self._engine.get(named.key)

    async def cancel(self, call: Call, named: Named) -> Job:
        """Wait a moment for the stop, so that a job that stops quickly says so.

        An unknown instance is kept as cancelled, so that a create that is still under way never runs; one
        that the tenant has at another place is JobNotFound here.
        """
        new = named.job(call)
        try:
            job = await self._engine.bury(new, by=call.user, family=scopes.of_tenant(named.item.tenant))
        except JobEnded as ended:
            return ended.job  # the contracts have no error for it: the caller learns how it ended
        if job.is_final:
            return job
        return await self._engine.wait(new.key, seconds=self._quick_stop_seconds)


class JobOperations:
    """Jobs, as the Workload Development Kit has them."""

    def __init__(self, jobs: Jobs, registered: Registered, limits: Limits) -> None:
        self._jobs = jobs
        self._registered = registered
        self._limits = limits

    async def create(self, call: Call) -> Answer:
        """Jobs_CreateItemJobInstance."""
        named = self._named(call)
        raw = await call.body(self._limits)
        invoke_type, payload = read_request(raw)
        named.job_type.check(payload, called=PAYLOAD)
        await self._jobs.create(
            call, named, invoke_type=invoke_type, payload=payload, fingerprint=fingerprint_of(raw)
        )
        return ACCEPTED

    async def get(self, call: Call) -> Answer:
        """Jobs_GetItemJobInstanceState. A failed job is a success of this call."""
        return Answer(200, state_of(await self._jobs.get(self._named(call))))

    async def cancel(self, call: Call) -> Answer:
        """Jobs_CancelItemJobInstance."""
        return Answer(200, state_of(await self._jobs.cancel(call, self._named(call))))

    def _named(self, call: Call) -> Named:
        path = call.path
        workspace = canonical_uuid(path["workspaceId"], "workspaceId")
        item = canonical_uuid(path["itemId"], "itemId")
        instance = canonical_uuid(path["jobInstanceId"], "jobInstanceId")
        job_type = self._registered.job_type(path["itemType"], path["jobType"])
        call.check_tokens_for(job_type.item_type)
        return Named(ItemKey(call.caller.tenant, workspace, job_type.item_type, item), job_type, instance)
