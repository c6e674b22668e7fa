"""Tokens for running jobs from the local issuer: what Entra would give the workload, without any network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from weft.auth.issuer import CORE_LIFETIME, Delegate, Issuer, app_object_id
from weft.auth.resources import Resources, ScopeRefused
from weft.auth.workload_control import workload_app_id
from weft.catalog.item_types import ItemType
from weft.catalog.tokens import Token, nobody
from weft.engine.jobs import Job, JobError
from weft.engine.ports import Clock

Find = Callable[[str], ItemType | None]

_DOMAIN: Final = "weft.local"


class LocalTokens:
    """Gives what is asked for, as far as the issuer knows the resource: here every user has consented.

    *find* tells of which workload an item type is, and so whose app asks.
    """

    def __init__(self, issuer: Issuer, resources: Resources, find: Find, clock: Clock) -> None:
        self._issuer = issuer
        self._resources = resources
        self._find = find
        self._clock = clock

    async def token(self, job: Job, scope: str, as_app: bool) -> Token | JobError:
        item_type = self._find(job.labels.get("item_type", ""))
        if item_type is None:
            why = f"There is no token for {scope!r}: no workload is known that the job is of."
            return JobError("TokensNotConfigured", why, "System", is_permanent=True)
        try:
            text = self._of_app(item_type, scope) if as_app else self._on_behalf(item_type, job, scope)
        except ScopeRefused as refused:
            return JobError("InvalidScope", refused.message, "User", is_permanent=True)
        return Token(text, self._clock.now() + CORE_LIFETIME) if text else nobody(scope)

    def _of_app(self, item_type: ItemType, scope: str) -> str:
        workload, publisher = item_type.backend.workload, item_type.backend.publisher_tenant
        return self._issuer.app_token(
            _client_id(item_type),
            app_object_id(publisher, workload),
            workload,
            publisher,
            audience=self._resources.for_app(scope).audience,
            lifetime=CORE_LIFETIME,
        )

    def _on_behalf(self, item_type: ItemType, job: Job, scope: str) -> str:
        """Return "" where the job has no user."""
        wanted = self._resources.for_person(scope)
        tenant, user = job.labels.get("tenant", ""), job.labels.get("user", "")
        if not tenant or not user:
            return ""
        name = job.labels.get("user_name") or user
        person = Delegate(
            tenant=tenant, user=user, name=name, upn=name if "@" in name else f"{name}@{_DOMAIN}"
        )
        return self._issuer.delegated_token(
            person,
            _client_id(item_type),
            wanted.scopes,
            audience=wanted.resource.audience,
            lifetime=CORE_LIFETIME,
        )


def _client_id(item_type: ItemType) -> str:
    """Return the app that a manifest names, else the one that every workload has here."""
    backend = item_type.backend
    return item_type.app_id.lower() or workload_app_id(backend.publisher_tenant, backend.workload)
