"""Registered apps: who may get tokens with a secret. Kept in one file, each secret as a hash only."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from weft.auth.issuer import app_object_id
from weft.auth.registers import LONGEST_NAME, NotRegistered, Register, name_fault
from weft.auth.subject_and_app import FABRIC_APP, FABRIC_CLIENT_FOR_WORKLOADS, resource_id
from weft.catalog.ids import is_uuid

MOST_APPS: Final = 1000
SECRET_BYTES: Final = 32

_NOT_OF_THIS_APP: Final = "0" * 64
_FABRICS_OWN: Final = (FABRIC_APP, FABRIC_CLIENT_FOR_WORKLOADS)


class AppRefused(NotRegistered):
    """An app that cannot be registered as asked, or is not known."""


class RegisteredApp(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """*object_id* is whom roles are given to. *resources*: the audiences of tokens that are for this app."""

    name: str
    client_id: str
    object_id: str
    created_at: datetime
    secret_hash: str
    workload: str | None = None
    resources: tuple[str, ...] = ()

    def has_secret(self, secret: str) -> bool:
        """Compare in a time that tells nothing of the secret."""
        return hmac.compare_digest(_hash(self.client_id, secret), self.secret_hash)


class _Kept(msgspec.Struct):
    apps: list[RegisteredApp] = []


class Apps:
    """The apps of the home *tenant*, in `apps.json` of the data directory."""

    def __init__(self, data: Path, tenant: str) -> None:
        self._register = Register(data, "apps", _Kept)
        self._tenant = tenant
        self._indexed: _Kept | None = None
        self._known: dict[str, RegisteredApp] = {}
        self._by_object: dict[str, RegisteredApp] = {}

    def all(self) -> list[RegisteredApp]:
        """Return all apps by name. Raises DataRefused."""
        return sorted(self._register.read().apps, key=lambda app: app.name)

    def find(self, client_id: str) -> RegisteredApp | None:
        """Return the app of that id, in any case. Raises DataRefused."""
        self._refresh()
        return self._known.get(client_id.lower())

    def of_object(self, object_id: str) -> RegisteredApp | None:
        """Return the app of that object id. Raises DataRefused."""
        self._refresh()
        return self._by_object.get(object_id)

    def of_resource(self, resource: str) -> RegisteredApp | None:
        """Return the app that tokens for *resource* are meant for. Raises DataRefused."""
        self._refresh()
        return next((app for app in self._known.values() if resource in audiences_of(app)), None)

    def create(
        self,
        name: str,
        *,
        client_id: str | None = None,
        workload: str | None = None,
        resource: str | None = None,
    ) -> tuple[RegisteredApp, str]:
        """Register an app; return it and its secret, which is kept nowhere. Raises AppRefused, DataRefused.

        Without *client_id* it has the one that `weft token --app` uses for that name, so that both are one.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        app = self._new(name, client_id, workload, resource, secret)
        with self._register.changing() as kept:
            _check_new(app, kept.apps)
            kept.apps.append(app)
        return app, secret

    def delete(self, named: str) -> RegisteredApp:
        """Forget the app of that name or client id. Raises AppRefused, DataRefused."""
        with self._register.changing() as kept:
            found = next((app for app in kept.apps if named in (app.name, app.client_id)), None)
            if found is None:
                raise AppRefused(f"no app {named!r} is registered")
            kept.apps.remove(found)
        return found

    def _new(
        self, name: str, client_id: str | None, workload: str | None, resource: str | None, secret: str
    ) -> RegisteredApp:
        if fault := name_fault(name):
            raise AppRefused(fault)
        client = _client_id(client_id) or app_object_id(self._tenant, f"client/{name}")
        named = (resource_id(self._tenant, workload) if workload else None, resource)
        return RegisteredApp(
            name=name,
            client_id=client,
            object_id=app_object_id(self._tenant, name),
            created_at=datetime.now(UTC).replace(microsecond=0),
            secret_hash=_hash(client, secret),
            workload=workload,
            resources=tuple(_checked_resource(one) for one in named if one is not None),
        )

    def _refresh(self) -> None:
        kept = self._register.current()
        if kept is not self._indexed:
            self._known = {app.client_id: app for app in kept.apps}
            self._by_object = {app.object_id: app for app in kept.apps}
            self._indexed = kept


def audiences_of(app: RegisteredApp) -> tuple[str, ...]:
    """Return all audiences of tokens that are for *app*."""
    return (app.client_id, f"api://{app.client_id}", *app.resources)


def secret_fits(app: RegisteredApp | None, secret: str) -> bool:
    """Return whether *secret* is that of *app*; an app that is not known takes as long to say no."""
    if app is None:
        hmac.compare_digest(_hash("", secret), _NOT_OF_THIS_APP)
        return False
    return app.has_secret(secret)


def _hash(client_id: str, secret: str) -> str:
    """A secret has 256 random bits: nobody can try them all, however fast the hash is."""
    return hashlib.sha256(f"{client_id}\n{secret}".encode("utf-8", "surrogatepass")).hexdigest()


def _client_id(given: str | None) -> str | None:
    if given is None:
        return None
    if not is_uuid(given):
        raise AppRefused(f"the client id must be a GUID, not {given!r}")
    if given.lower() in _FABRICS_OWN:
        raise AppRefused(f"the client id {given} is Fabric's own: its tokens prove to workloads who calls")
    return given.lower()


def _checked_resource(resource: str) -> str:
    host = resource.removeprefix("api://")
    if host == resource or not host or len(resource) > LONGEST_NAME or re.search(r"\s|//|/$", host):
        raise AppRefused(
            f"a resource id is api://... without spaces and without an end in /, not {resource!r}"
        )
    return resource


def _check_new(app: RegisteredApp, known: list[RegisteredApp]) -> None:
    if len(known) >= MOST_APPS:
        raise AppRefused(f"{MOST_APPS} apps are registered; delete one first")
    for other in known:
        if other.name == app.name:
            raise AppRefused(f"an app {app.name!r} is registered already")
        if other.client_id == app.client_id:
            raise AppRefused(f"the client id {app.client_id} is that of the app {other.name!r}")
        for resource in app.resources:
            if resource in audiences_of(other):
                raise AppRefused(f"the resource id {resource} is that of the app {other.name!r}")
