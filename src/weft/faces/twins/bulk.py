"""Bulk jobs as the engine takes them: no more at once than may live, each under an id of its own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from weft.engine.errors import JobNotFound
from weft.engine.jobs import NO_LABELS, Job, JobKey, NewJob, WhenLost
from weft.faces.twins.calls import Call
from weft.twins.bulk_jobs import QUEUE


async def page(call: Call, scope: str, path: str) -> tuple[Sequence[Job], str | None]:
    """Return the jobs of *scope* that the caller's page holds, and the URL of what follows."""
    size = call.page_size()
    found = await call.twins.engine.oldest_first(scope, after=call.position(scope), limit=size + 1)
    jobs = found[:size]
    return jobs, call.onward(scope, jobs[-1].number, path) if len(found) > size else None


async def submit(
    call: Call, key: JobKey, kind: str, payload: bytes, labels: Mapping[str, str] = NO_LABELS
) -> Job:
    """Raises NoRoom while as many live as may, else JobConflict where the id is taken."""
    new = NewJob(
        key=key,
        queue=QUEUE,
        kind=kind,
        payload=payload,
        labels=labels,
        fingerprint=secrets.token_bytes(16),  # no request is an earlier one repeated: a taken id is taken
        submitted_by=call.caller.id,
        when_lost=WhenLost.ADOPT,
    )
    while True:
        try:
            return await call.twins.engine.submit(new, room=call.twins.bulk.room)
        except JobNotFound:
            continue  # the job that had the id was deleted while we looked: the id is free
