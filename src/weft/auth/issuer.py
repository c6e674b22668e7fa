"""The embedded local issuer: makes the tokens that Entra makes for the real services, signed with our key."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from weft.auth.home import Home
from weft.auth.keys import ALGORITHM, Keys
from weft.auth.subject_and_app import CONTROL_SCOPE, FABRIC_APP, resource_id
from weft.auth.tokens import Remembered, issuer_of
from weft.engine.ports import Clock

CORE_AUDIENCES: Final = ("https://api.fabric.microsoft.com", "https://analysis.windows.net/powerbi/api")
TWINS_AUDIENCES: Final = ("https://digitaltwins.azure.net", "0b07f429-9f4b-4714-9392-cc5e8e80c8b0")
CORE_SCOPES: Final = (
    "Capacity.Read.All",
    "Capacity.ReadWrite.All",
    "Item.Execute.All",
    "Item.Read.All",
    "Item.ReadWrite.All",
    "Item.Reshare.All",
    "Workspace.Read.All",
    "Workspace.ReadWrite.All",
)
TWINS_SCOPES: Final = ("Read.Write",)
CORE_LIFETIME: Final = timedelta(hours=1)
APP_LIFETIME: Final = timedelta(hours=24)
SUBJECT_LIFETIME: Final = timedelta(seconds=4108)  # as in the published sample claims

_WEFT_CLIENT: Final = str(uuid.uuid5(uuid.NAMESPACE_URL, "https://weft.invalid/client"))


def user_id(tenant: str, name: str) -> str:
    """Return the object id of the user *name* of *tenant*: always the same, so that nobody keeps a list."""
    return str(uuid.uuid5(uuid.UUID(tenant), name))


def upn_of(name: str) -> str:
    """Return the name with which the user *name* signs in, unless it is registered with another."""
    return name if "@" in name else f"{name}@weft.local"


def app_object_id(tenant: str, name: str) -> str:
    """Return the object id of the app *name* of *tenant*; a user of the same name has another."""
    return str(uuid.uuid5(uuid.UUID(tenant), f"\0app\0{name}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegate:
    """For whom an app acts: *user* is an object id of *tenant*, *upn* the name to sign in with."""

    tenant: str
    user: str
    name: str
    upn: str


class Issuer:
    """Signs version 1.0 tokens, as Fabric's and Digital Twins' are; both versions are accepted everywhere."""

    def __init__(self, keys: Keys, clock: Clock, home: Home) -> None:
        self._keys = keys
        self._clock = clock
        self._home = home
        self._headers: Remembered[str] = Remembered()

    def core_token(
        self,
        user: str,
        tenant: str | None = None,
        scopes: Sequence[str] | None = None,
        app: bool = False,
        lifetime: timedelta = CORE_LIFETIME,
        *,
        audience: str = CORE_AUDIENCES[0],
    ) -> str:
        """Return a token for Core: of the user, or of the app, named *user*; by default with all scopes."""
        return self._token(user, tenant, CORE_SCOPES if scopes is None else scopes, app, lifetime, audience)

    def twins_token(
        self,
        user: str,
        tenant: str | None = None,
        scopes: Sequence[str] | None = None,
        app: bool = False,
        lifetime: timedelta = CORE_LIFETIME,
        *,
        audience: str = TWINS_AUDIENCES[0],
    ) -> str:
        return self._token(user, tenant, TWINS_SCOPES if scopes is None else scopes, app, lifetime, audience)

    def subject_and_app(
        self,
        workload: str,
        user: str,
        user_id: str | None = None,
        tenant: str | None = None,
        lifetime: timedelta | None = None,
        *,
        audience: str | None = None,
        publisher_tenant: str | None = None,
    ) -> str:
        """Return the whole `Authorization` value with which Fabric calls *workload* for a user of *tenant*.

        *user* "": for nobody, without a subject token. *lifetime* is that of the subject token. *audience*
        and *publisher_tenant* are those of a workload of the home tenant where they are not given. The same
        value is returned again during the first half of its life: each one costs two signatures.
        """
        tenant = tenant or self._home.tenant
        publisher = publisher_tenant or self._home.tenant
        audience = audience or resource_id(publisher, workload)
        now = self._clock.now()
        wanted = (audience, publisher, user, user_id, tenant, lifetime)
        known = self._headers.get(wanted, now)
        if known is not None:
            return known
        life = SUBJECT_LIFETIME if lifetime is None else lifetime
        app = self._app_claims(FABRIC_APP, FABRIC_APP, publisher) | self._frame(
            publisher, audience, max(APP_LIFETIME, life), now
        )
        subject = self._user_claims(user, user_id, tenant, (CONTROL_SCOPE,), FABRIC_APP) | self._frame(
            tenant, audience, life, now
        )
        header = (
            f'SubjectAndAppToken1.0 subjectToken="{self._keys.sign(subject) if user else ""}", '
            f'appToken="{self._keys.sign(app)}"'
        )
        self._headers.put(wanted, header, now + life / 2)
        return header

    def app_token(
        self, client: str, object_id: str, name: str, tenant: str, *, audience: str, lifetime: timedelta
    ) -> str:
        """Return a token of the registered app *client*, which proved itself with a secret."""
        who = self._app_claims(client, object_id, tenant, name) | {"appidacr": "1"}
        return self._keys.sign(who | self._frame(tenant, audience, lifetime, self._clock.now()))

    def delegated_token(
        self, person: Delegate, client: str, scopes: Sequence[str], *, audience: str, lifetime: timedelta
    ) -> str:
        """Return a token with which the registered app *client* acts for *person*."""
        who = self._user_claims(person.name, person.user, person.tenant, scopes, client)
        proved = {"appidacr": "1", "upn": person.upn, "unique_name": person.upn}
        return self._keys.sign(
            who | proved | self._frame(person.tenant, audience, lifetime, self._clock.now())
        )

    def id_token(self, person: Delegate, client: str, *, lifetime: timedelta) -> str:
        """Return what tells the app *client* who *person* is; no access token, for it has no scopes."""
        who = {
            "name": person.name,
            "oid": person.user,
            "preferred_username": person.upn,
            "sub": person.user,
        }
        frame = self._frame(person.tenant, client, lifetime, self._clock.now())
        return self._keys.sign(who | frame | {"iss": issuer_of(person.tenant, "2.0"), "ver": "2.0"})

    def discovery(self, base_url: str, tenant: str) -> dict[str, Any]:
        """Return the discovery document of *tenant*, with Entra's fields and our addresses."""
        return self.discovery_at(f"{base_url.rstrip('/')}/issuer/{tenant}", tenant)

    @staticmethod
    def discovery_at(here: str, tenant: str) -> dict[str, Any]:
        """Return the same document for an issuer whose addresses begin with *here*."""
        return {
            "token_endpoint": f"{here}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "jwks_uri": f"{here}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer_of(tenant, "2.0"),
            "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
            "claims_supported": [
                "sub", "iss", "aud", "exp", "iat", "nbf", "name", "oid", "tid", "upn", "ver", "scp",
            ],
        }  # fmt: skip

    def jwks(self) -> dict[str, Any]:
        return self._keys.jwks()

    def _token(
        self,
        user: str,
        tenant: str | None,
        scopes: Sequence[str],
        app: bool,
        lifetime: timedelta,
        audience: str,
    ) -> str:
        tenant = tenant or self._home.tenant
        if app:
            client = app_object_id(tenant, f"client/{user}")
            who = self._app_claims(client, app_object_id(tenant, user), tenant, user)
        else:
            who = self._user_claims(user, None, tenant, scopes, _WEFT_CLIENT)
        return self._keys.sign(who | self._frame(tenant, audience, lifetime, self._clock.now()))

    @staticmethod
    def _frame(tenant: str, audience: str, lifetime: timedelta, now: datetime) -> dict[str, Any]:
        issued = int(now.timestamp())
        return {
            "aud": audience,
            "iss": issuer_of(tenant, "1.0"),
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(lifetime.total_seconds()),
            "tid": tenant,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }

    @staticmethod
    def _user_claims(
        user: str, oid: str | None, tenant: str, scopes: Sequence[str], client: str
    ) -> dict[str, Any]:
        object_id = oid or user_id(tenant, user)
        upn = upn_of(user)
        return {
            "acr": "1",
            "amr": ["pwd"],
            "appid": client,
            "appidacr": "0",
            "ipaddr": "127.0.0.1",
            "name": user,
            "oid": object_id,
            "scp": " ".join(scopes),
            "sub": object_id,
            "unique_name": upn,
            "upn": upn,
        }

    @staticmethod
    def _app_claims(client: str, oid: str, tenant: str, name: str | None = None) -> dict[str, Any]:
        named = {"app_displayname": name} if name else {}
        return {
            "appid": client,
            "appidacr": "2",
            "idp": issuer_of(tenant, "1.0"),
            "idtyp": "app",
            "oid": oid,
            "sub": oid,
            **named,
        }
