"""The three calls for a job, in whichever of the published contracts its workload speaks."""

from __future__ import annotations

import logging

from weft.catalog import scopes
from weft.engine.jobs import Job
from weft.runners.workload_answers import (
    Accepted,
    Answer,
    Faulty,
    Reported,
    Said,
    Silence,
    created,
    reported,
    told,
)
from weft.runners.workload_endpoint import Directory, Endpoint, Leftovers, Person
from weft.runners.workload_line import REQUESTS, Line
from weft.runners.workload_request import Request

log = logging.getLogger(__name__)


class WorkloadClient:
    """Calls workloads; trouble of any kind is an answer, never an exception."""

    def __init__(self, *, directory: Directory, line: Line, leftovers: Leftovers) -> None:
        self._directory = directory
        self._line = line
        self._leftovers = leftovers

    async def create(self, job: Job, *, by: float) -> Answer:
        """Ask for the job; the call is over at loop time *by*."""
        return await self._call("create", job, by=by)

    async def read(self, job: Job, *, by: float) -> Answer:
        return await self._call("read", job, by=by)

    async def cancel(self, job: Job, *, by: float) -> Answer:
        return await self._call("cancel", job, by=by)

    async def _call(self, call: str, job: Job, *, by: float) -> Answer:
        endpoint = self._directory.endpoint(scopes.at_workload(job).item_type)
        if endpoint is None:
            answer = await self._leftovers.answer(call, job)
        else:
            answer = await self._ask(call, job, endpoint, by=by)
        if not isinstance(answer, Accepted | Reported):
            log.warning("workload call failed", extra={"job": job.key.id, "call": call, **told(answer)})
        return answer

    async def _ask(self, call: str, job: Job, endpoint: Endpoint, *, by: float) -> Answer:
        said = await self._line.call(
            endpoint,
            _request(call, job, endpoint),
            Person.of(job),
            by=by,
            activity=job.labels.get("request_id", ""),
            reads_success=call != "create",
        )
        if isinstance(said, Silence):
            return said
        return self._read(call, said)

    def _read(self, call: str, said: Said) -> Answer:
        if said.body is None and said.is_success:
            return Faulty("the answer is too large or compressed")
        read = created if call == "create" else reported
        return read(said.status, said.body or b"", said.retry_after, now=self._line.clock.now())


def _request(call: str, job: Job, endpoint: Endpoint) -> Request:
    requests = REQUESTS[endpoint.backend.contract]
    if call == "create":
        return requests.create(job)
    return requests.read(job) if call == "read" else requests.cancel(job)
