"""Where a workload's backend is, and what proves to it who calls."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from weft.engine.jobs import Job, JobError
from weft.runners.workload_answers import Answer, Refused, Silence


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a workload's backend is. *base_url* has no slash at its end.

    *tls*: what trusts its certificate; None: what the machine trusts.
    """

    base_url: str
    workload: str
    tls: ssl.SSLContext | None = None


class Directory(Protocol):
    def endpoint(self, item_type: str) -> Endpoint | None:
        """Return where jobs of *item_type* are sent, or None where no workload owns it."""


class Credentials(Protocol):
    def headers(self, job: Job) -> Mapping[str, str]:
        """Return what proves to the workload who calls, for whom and for which tenant, fresh for one call."""


class Leftovers(Protocol):
    async def answer(self, call: str, job: Job) -> Answer:
        """Answer the *call* create, read or cancel for a job of an item type that no workload owns now."""


class Nobody:
    """Knows nothing of jobs whose workload is gone."""

    async def answer(self, call: str, job: Job) -> Answer:
        error = unowned(job)
        return Refused(404, error) if call == "create" else Silence(error.message, arrived=False)


def unowned(job: Job) -> JobError:
    return JobError("", f"No workload is known for items of type {job.labels['item_type']!r}.")
