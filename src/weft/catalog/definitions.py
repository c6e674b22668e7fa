"""The definition of a job's item, for the job: who gives it, and why there is none."""

from __future__ import annotations

from typing import Protocol

from weft.engine.jobs import Job, JobError


class Definitions(Protocol):
    async def definition(self, job: Job) -> bytes | JobError:
        """Return the definition of the job's item as it is now: the contract's ItemDefinition as JSON text.

        b"": the item has none.
        """


class NoDefinitions:
    """For servers that know no items."""

    async def definition(self, job: Job) -> JobError:
        why = "The definition of the job's item is not known: this server keeps no items."
        return JobError("DefinitionNotKnown", why, "System", is_permanent=True)
