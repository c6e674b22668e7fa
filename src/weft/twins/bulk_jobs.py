"""Bulk jobs as the engine keeps them: what they are called, and what goes with one when it is deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from weft.engine.engine import Engine
from weft.engine.errors import JobNotEnded, JobNotFound
from weft.engine.jobs import Job, JobKey, Room
from weft.twins.graph import BulkGraph, Section

QUEUE = "twins"
FAMILY = "twins"
IMPORTS = f"{FAMILY}/imports"
DELETIONS = f"{FAMILY}/deletions"
IMPORT = "import"
DELETION = "deletion"

# What one import may hold in the service: MicrosoftDocs/azure-docs, includes/digital-twins-limits.md. That of
# models holds everywhere: see model_section.
PUBLISHED_LIMITS: Mapping[Section, int] = MappingProxyType(
    {Section.TWINS: 2_000_000, Section.RELATIONSHIPS: 10_000_000}
)

_PURGED_AT_ONCE = 100


class DeletionPayload(msgspec.Struct, frozen=True, rename="camel"):
    """The payload of a deletion job, as JSON."""

    timeout_in_minutes: int


def fence_name(store_id: str, job: Job) -> str:
    """Return what a bulk job is called in the graph for ever: its id may be used again."""
    return f"{store_id}/{job.number}"


class BulkJobs:
    """*store_id* names the store of the jobs, *most* is how many may live at once."""

    def __init__(self, engine: Engine, graph: BulkGraph, *, store_id: str, most: int) -> None:
        self._engine = engine
        self._graph = graph
        self._store_id = store_id
        self.room = Room(FAMILY, most)

    async def delete(self, key: JobKey) -> None:
        """Delete a job that has ended, and what the graph keeps of it. Raises JobNotFound, JobNotEnded."""
        job = await self._engine.get(key)
        if not job.is_final:
            raise JobNotEnded(job)
        # In this order a call that failed halfway can be repeated.
        await self._graph.forget(fence_name(self._store_id, job))
        await self._engine.delete(key)

    async def purge(self, submitted_before: datetime) -> None:
        """Delete the jobs that were submitted before and have ended: the published purge date."""
        for scope in (IMPORTS, DELETIONS):
            for job in await self._engine.oldest_first(scope, limit=_PURGED_AT_ONCE):
                if job.submitted_at >= submitted_before:
                    break
                await self._purge(job.key)

    async def _purge(self, key: JobKey) -> None:
        try:
            await self.delete(key)
        except (JobNotEnded, JobNotFound):
            return  # it still works, or somebody was faster
