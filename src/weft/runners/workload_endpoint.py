"""Where a workload's backend is, and what proves to it who calls."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Protocol

from weft.catalog import scopes
from weft.catalog.item_types import Backend, ItemType
from weft.catalog.model import Principal
from weft.engine.jobs import Job, JobError
from weft.runners.workload_answers import Answer, Refused, Silence


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a workload's backend is, with the base URL filled in for one that this server hosts.

    *tls*: what trusts its certificate; None: what the machine trusts.
    """

    backend: Backend
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """For whom a workload is called: *user* is an object id, "" for nobody (deletes and resolutions only)."""

    tenant: str
    user: str = ""
    name: str = ""

    @classmethod
    def of(cls, job: Job) -> Person:
        labels = job.labels
        return cls(labels["tenant"], labels["user"], labels["user_name"])

    @classmethod
    def calling(cls, caller: Principal) -> Person:
        """*caller* without an id: nobody who is known."""
        return cls(caller.tenant, caller.id, (caller.name or caller.id) if caller.id else "")


class Directory(Protocol):
    def find(self, name: str) -> ItemType | None:
        """Return what is known of an item type named in any ASCII case; None where no workload owns it."""

    def endpoint(self, item_type: str) -> Endpoint | None:
        """Return where jobs of *item_type* are sent, or None where no workload owns it."""


class Credentials(Protocol):
    def authorization(self, backend: Backend, person: Person) -> str:
        """Return the SubjectAndAppToken1.0 value that proves to *backend* who calls, and for whom."""


class Leftovers(Protocol):
    async def answer(self, call: str, job: Job) -> Answer:
        """Answer the *call* create, read or cancel for a job of an item type that no workload owns now."""


class Nobody:
    """Knows nothing of jobs whose workload is gone."""

    async def answer(self, call: str, job: Job) -> Answer:
        error = unowned(job)
        return Refused(404, error) if call == "create" else Silence(error.message, arrived=False)


def unowned(job: Job) -> JobError:
    return JobError("", f"No workload is known for items of type {scopes.at_workload(job).item_type!r}.")
