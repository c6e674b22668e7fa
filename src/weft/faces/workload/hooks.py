"""Calls of a workload's item hooks: each is a job of the engine, waited for and then forgotten."""

from __future__ import annotations

from contextlib import suppress
from uuid import uuid4

from weft.catalog import scopes
from weft.catalog.hosted_items import HostedItem
from weft.catalog.item_types import ItemEvent
from weft.engine.engine import Engine
from weft.engine.errors import JobEnded, JobNotEnded, JobNotFound, ScopeBusy, StoreUnavailable
from weft.engine.jobs import Job, JobError, JobKey, NewJob
from weft.faces.workload.call import Call
from weft.faces.workload.errors import HookFailed, HookRefused
from weft.faces.workload.mapping import hook_payload_of, was_cancelled
from weft.faces.workload.registered import Registered

STOP_SECONDS = 0.2


class Hooks:
    def __init__(self, engine: Engine, registered: Registered) -> None:
        self._engine = engine
        self._registered = registered

    async def call(self, event: ItemEvent, item: HostedItem, call: Call, *, seconds: float) -> bytes | None:
        """Return the payload that the hook of *item* gives it, None where there is no hook or it gives none.

        A hook may be called again for the same call, as one of a server that was killed. Raises HookRefused,
        and HookFailed where it has not ended well within *seconds*, or could not be called.
        """
        if not self._registered.has_hook(item.key.type, event):
            return None
        await self._stop_earlier(item, call)
        new = _job(event, item, call)
        await self._engine.submit(new)
        try:
            return _payload(await self._ended(new.key, seconds))
        finally:
            with suppress(JobNotEnded, JobNotFound, StoreUnavailable):  # retention takes what is left
                await self._engine.delete(new.key)

    async def _stop_earlier(self, item: HostedItem, call: Call) -> None:
        """End what an earlier call, or a server that was killed, left behind: two hooks must not meet."""
        try:
            await self._engine.stop(scopes.of_hooks(item.key), by=call.user, seconds=STOP_SECONDS)
        except ScopeBusy:
            raise HookFailed("An earlier call of a hook of the item has not stopped yet.") from None

    async def _ended(self, key: JobKey, seconds: float) -> Job:
        job = await self._engine.wait(key, seconds=seconds)
        if job.is_final:
            return job
        try:
            await self._engine.cancel(key)
            await self._engine.wait(key, seconds=STOP_SECONDS)
        except JobEnded as ended:
            return ended.job  # just now
        begun = "has not ended" if job.started_at else "could not be begun"
        raise HookFailed(f"The item hook {job.kind[1:]!r} {begun} within {seconds:g} seconds.")


def _job(event: ItemEvent, item: HostedItem, call: Call) -> NewJob:
    id = str(uuid4())
    return NewJob(
        key=JobKey(scopes.of_hooks(item.key), id),
        queue=scopes.HOOKS,
        kind=f"@{event}",
        payload=hook_payload_of(item),
        labels={**call.labels(item.key), **call.gate.kept(call, id)},
        submitted_by=call.user,
    )


def _payload(job: Job) -> bytes | None:
    if was_cancelled(job):
        raise HookFailed(f"The item hook {job.kind[1:]!r} was stopped before it had ended.")
    if job.error is not None:
        if job.error.source != "User" and not job.error.is_permanent:
            raise HookFailed(job.error.message, job.error)
        raise HookRefused(job.error)
    if job.result is not None and not job.result.startswith(b"{"):
        why = f"The item hook {job.kind[1:]!r} returned no JSON object."
        raise HookRefused(JobError("HookResultInvalid", why, "User", True))
    return job.result
