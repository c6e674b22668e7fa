"""Tokens for running jobs, made here: what Entra would give the workload, signed with our key; no network."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

from weft.auth.issuer import CORE_AUDIENCES, CORE_SCOPES, TWINS_AUDIENCES, TWINS_SCOPES, app_object_id
from weft.auth.tokens import issuer_of
from weft.catalog.tokens import Token, nobody
from weft.engine.jobs import Job, JobError
from weft.engine.ports import Clock

LIFETIME: Final = timedelta(hours=1)
DEFAULT: Final = ".default"

# What a user has consented to where a scope asks for all of it; elsewhere there is one scope for everything.
_CONSENTED: Final = {
    **dict.fromkeys(CORE_AUDIENCES, CORE_SCOPES),
    **dict.fromkeys(TWINS_AUDIENCES, TWINS_SCOPES),
}
_EVERYTHING: Final = ("user_impersonation",)


class Signer(Protocol):
    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a compact token over *claims*."""


class LocalTokens:
    """Gives whatever is asked for: here every user has consented to everything.

    *client_id* is the workload's app; by default one that is made up for *publisher_tenant*.
    """

    def __init__(self, keys: Signer, clock: Clock, *, publisher_tenant: str, client_id: str = "") -> None:
        self._keys = keys
        self._clock = clock
        self._publisher = publisher_tenant
        self._client = client_id or app_object_id(publisher_tenant, "client/workload")

    async def token(self, job: Job, scope: str, as_app: bool) -> Token | JobError:
        asked = resource_and_scopes(scope)
        if asked is None:
            return invalid_scope(scope)
        resource, scopes = asked
        if as_app:
            return self._signed(self._publisher, resource, self._app())
        user = job.labels.get("user", "")
        tenant = job.labels.get("tenant", "")
        if not user or not tenant:
            return nobody(scope)
        if scopes == (DEFAULT,):
            scopes = _CONSENTED.get(resource, _EVERYTHING)
        return self._signed(tenant, resource, self._user(user, job.labels.get("user_name", ""), scopes))

    def _signed(self, tenant: str, resource: str, who: Mapping[str, Any]) -> Token:
        now = self._clock.now()
        issued = int(now.timestamp())
        frame = {
            "aud": resource,
            "iss": issuer_of(tenant, "1.0"),
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(LIFETIME.total_seconds()),
            "tid": tenant,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
            "appid": self._client,
        }
        return Token(self._keys.sign({**who, **frame}), now + LIFETIME)

    def _user(self, user: str, name: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        named = {"name": name} if name else {}
        return {"appidacr": "1", "oid": user, "sub": user, "scp": " ".join(scopes), **named}

    def _app(self) -> dict[str, Any]:
        oid = app_object_id(self._publisher, self._client)
        idp = issuer_of(self._publisher, "1.0")
        return {"appidacr": "1", "idp": idp, "idtyp": "app", "oid": oid, "sub": oid}


def resource_and_scopes(scope: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the one resource that *scope* is of, and the names of its scopes; None where it is no scope.

    As with Entra, the resource is what stands before the last slash: with `https://a.example//.default` it is
    `https://a.example/`.
    """
    parts = [one.rpartition("/") for one in scope.split()]
    resources = {resource for resource, _, _ in parts}
    if len(resources) != 1 or not all(resource and name for resource, _, name in parts):
        return None
    return resources.pop(), tuple(name for _, _, name in parts)


def invalid_scope(scope: str) -> JobError:
    why = f"{scope!r} is no scope of one resource, such as 'https://storage.azure.com/.default'."
    return JobError("InvalidScope", why, "User", is_permanent=True)
