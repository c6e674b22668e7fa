"""What the local issuer's token endpoint grants: tokens for apps, on behalf of people, and their renewal.

It answers as Entra does, with Entra's error codes (learn.microsoft.com, reference-error-codes), so that a
library which knows these needs nothing else.
"""

from __future__ import annotations

import base64
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from weft.auth.apps import Apps, RegisteredApp, audiences_of, secret_fits
from weft.auth.errors import TokenFault, TokenRefused
from weft.auth.issuer import CORE_LIFETIME, Delegate, Issuer
from weft.auth.keys import Keys
from weft.auth.refresh import RefreshRefused, RefreshTokens
from weft.auth.resources import Resource, Resources, ScopeRefused, Wanted
from weft.auth.tokens import Claims, check_times, verified
from weft.engine.ports import Clock

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ANY_TENANT: Final = ("common", "organizations")
LONGEST_MESSAGE: Final = 1000
MOST_GUESSES: Final = 10
GUESSES_WITHIN: Final = timedelta(minutes=1)

# A message may quote what was sent, and a form that is put together wrongly has secrets in any field.
_SECRET: Final = re.compile(r"eyJ[\w.-]+|weft1\.[\w-]+|(?<=secret=)[^\s&]+", re.ASCII)


class GrantRefused(Exception):
    """*error* is OAuth's word, *code* the number of Entra's error, *status* as Entra answers."""

    def __init__(
        self, error: str, code: int, message: str, *, status: int = 400, retry_after: int = 0
    ) -> None:
        self.error = error
        self.code = code
        self.message = _SECRET.sub("[secret]", _brief(message, LONGEST_MESSAGE))
        super().__init__(f"AADSTS{code}: {self.message}")
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """*tenant*: as the path names it. *basic*: id and secret of an `Authorization` header.

    *v1*: it came to the older endpoint, which knows resources in place of scopes.
    """

    tenant: str
    fields: Mapping[str, str]
    basic: tuple[str, str] | None = None
    v1: bool = False


class Guesses:
    """Counts wrong secrets of each app: after too many none is looked at for a while, right or wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def check(self, app: RegisteredApp) -> None:
        """Raises GrantRefused."""
        with self._lock:
            wrong = self._recent(app)
            if len(wrong) >= MOST_GUESSES:
                left = wrong[0] + GUESSES_WITHIN - self._clock.now()
                raise GrantRefused(
                    "temporarily_unavailable",
                    90055,
                    f"There were {MOST_GUESSES} wrong secrets for the application '{app.client_id}' within "
                    f"{GUESSES_WITHIN.total_seconds():.0f} seconds; try again later.",
                    status=429,
                    retry_after=max(1, int(left.total_seconds()) + 1),
                )

    def note_wrong(self, app: RegisteredApp) -> None:
        with self._lock:
            self._recent(app).append(self._clock.now())

    def _recent(self, app: RegisteredApp) -> deque[datetime]:
        """Return the times that still count: at most a few for each registered app are kept."""
        wrong = self._wrong.setdefault(app.client_id, deque(maxlen=MOST_GUESSES))
        while wrong and self._clock.now() - wrong[0] >= GUESSES_WITHIN:
            wrong.popleft()
        return wrong


class Grants:
    """Answers token requests. It may be called from several threads."""

    def __init__(
        self,
        issuer: Issuer,
        keys: Keys,
        home_tenant: str,
        clock: Clock,
        *,
        apps: Apps,
        resources: Resources,
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._home = home_tenant
        self._clock = clock
        self._apps = apps
        self._resources = resources
        self._refresh = RefreshTokens(keys.secret)
        self._guesses = Guesses(clock)

    def token(self, request: TokenRequest) -> dict[str, Any]:
        """Return the members of the answer. Raises GrantRefused; DataRefused where apps cannot be read."""
        grant = _needed(request.fields, "grant_type")
        try:
            if grant == "client_credentials":
                return self._to_app(request)
            if grant == JWT_BEARER:
                return self._on_behalf_of(request)
            if grant == "refresh_token":
                return self._renewed(request)
        except ScopeRefused as refused:
            raise GrantRefused(refused.error, refused.code, refused.message) from None
        raise GrantRefused(
            "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{_brief(grant)}'."
        )

    # ---- the three grants

    def _to_app(self, request: TokenRequest) -> dict[str, Any]:
        app = self._client(request)
        if request.tenant in ANY_TENANT:
            raise GrantRefused(
                "invalid_request",
                50059,
                "No tenant-identifying information found in either the request or implied by any provided "
                f"credentials: an app asks at its own tenant, {self._home}.",
            )
        if request.tenant != self._home:
            raise unknown_tenant(request.tenant)
        resource = self._resource_for_app(request)
        token = self._issuer.app_token(
            app.client_id,
            app.object_id,
            app.name,
            self._home,
            audience=resource.audience,
            lifetime=CORE_LIFETIME,
        )
        return self._answer(request, resource, token)

    def _on_behalf_of(self, request: TokenRequest) -> dict[str, Any]:
        app = self._client(request)
        use = _needed(request.fields, "requested_token_use")
        if use != "on_behalf_of":
            raise GrantRefused(
                "invalid_request", 90023, f"The requested_token_use '{_brief(use)}' is not 'on_behalf_of'."
            )
        person = self._asserted(app, request, _needed(request.fields, "assertion"))
        return self._to_person(app, person, request)

    def _renewed(self, request: TokenRequest) -> dict[str, Any]:
        app = self._client(request)
        token = _needed(request.fields, "refresh_token")
        try:
            person = self._refresh.take(app, token, self._clock.now())
        except RefreshRefused as refused:
            code = 700082 if refused.has_ended else 9002313
            raise GrantRefused("invalid_grant", code, f"The refresh token is not valid: {refused}.") from None
        self._check_tenant(request, person.tenant)
        return self._to_person(app, person, request, always_renewable=True)

    def _to_person(
        self, app: RegisteredApp, person: Delegate, request: TokenRequest, *, always_renewable: bool = False
    ) -> dict[str, Any]:
        wanted = self._wanted(request)
        token = self._issuer.delegated_token(
            person,
            app.client_id,
            wanted.scopes,
            audience=wanted.resource.audience,
            lifetime=CORE_LIFETIME,
        )
        answer = self._answer(request, wanted.resource, token)
        answer["scope"] = " ".join(f"{wanted.resource.audience}/{scope}" for scope in wanted.scopes)
        if always_renewable or "offline_access" in wanted.protocol:
            answer["refresh_token"] = self._refresh.give(app, person, self._clock.now())
        if "openid" in wanted.protocol:
            answer["id_token"] = self._issuer.id_token(person, app.client_id, lifetime=CORE_LIFETIME)
        if request.fields.get("client_info") == "1":
            answer["client_info"] = _client_info(person)
        return answer

    # ---- who asks

    def _client(self, request: TokenRequest) -> RegisteredApp:
        """Return the app that proved itself. Raises GrantRefused."""
        client_id, secret = _credentials(request)
        app = self._apps.find(client_id)
        if app is not None:
            self._guesses.check(app)
        fits = secret_fits(app, secret)
        if app is None:
            raise GrantRefused(
                "unauthorized_client",
                700016,
                f"Application with identifier '{_brief(client_id)}' was not found in the directory. Register "
                "it with: weft app create NAME",
            )
        if not fits:
            self._guesses.note_wrong(app)
            raise GrantRefused(
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the one that "
                f"weft app create printed for app '{app.client_id}'.",
                status=401,
            )
        return app

    def _asserted(self, app: RegisteredApp, request: TokenRequest, assertion: str) -> Delegate:
        """Return for whom the assertion was given to *app*. Raises GrantRefused."""
        claims = self._verified(assertion)
        if not set(claims.audiences) & set(audiences_of(app)):
            raise GrantRefused(
                "invalid_grant",
                500131,
                "Assertion audience does not match the Client app presenting the assertion. The audience in "
                f"the assertion was '{_brief(', '.join(claims.audiences))}' and the expected audience is "
                f"'{app.client_id}' or one of the Application Uris of this application with App ID "
                f"'{app.client_id}'.",
            )
        if claims.idtyp not in (None, "user") or not claims.scopes:
            raise GrantRefused(
                "invalid_grant",
                7000114,
                f"Application '{claims.client}' is not allowed to make application on-behalf-of calls: the "
                "assertion is no delegated access token.",
            )
        self._check_tenant(request, claims.tid)
        upn = claims.sign_in_name or claims.display_name
        return Delegate(tenant=claims.tid, user=claims.oid, name=claims.display_name, upn=upn)

    def _verified(self, assertion: str) -> Claims:
        try:
            claims = verified(assertion, self._keys)
            check_times(claims, self._clock.now())
        except TokenRefused as refused:
            if refused.code is TokenFault.EXPIRED:
                message = "Assertion is not within its valid time range: it has expired."
                raise GrantRefused("invalid_grant", 500133, message) from None
            message = "Assertion failed signature validation, or is no token of the local issuer."
            raise GrantRefused("invalid_grant", 50013, message) from None
        return claims

    def _check_tenant(self, request: TokenRequest, tenant: str) -> None:
        if request.tenant not in (*ANY_TENANT, tenant):
            raise GrantRefused(
                "invalid_grant",
                50020,
                f"The user is of the tenant '{tenant}', and the token was asked for at '{request.tenant}'.",
            )

    # ---- what is asked for

    def _resource_for_app(self, request: TokenRequest) -> Resource:
        if request.v1:
            return self._resources.named(_needed(request.fields, "resource"))
        return self._resources.for_app(_needed(request.fields, "scope"))

    def _wanted(self, request: TokenRequest) -> Wanted:
        if request.v1:
            protocol = request.fields.get("scope", "")
            return self._resources.for_person(f"{_needed(request.fields, 'resource')}/.default {protocol}")
        return self._resources.for_person(_needed(request.fields, "scope"))

    def _answer(self, request: TokenRequest, resource: Resource, token: str) -> dict[str, Any]:
        seconds = int(CORE_LIFETIME.total_seconds()) - 1  # as Entra says it
        if not request.v1:
            return {
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": token,
            }
        now = int(self._clock.now().timestamp())
        return {
            "token_type": "Bearer",
            "expires_in": str(seconds),
            "ext_expires_in": str(seconds),
            "expires_on": str(now + seconds),
            "not_before": str(now),
            "resource": resource.audience,
            "access_token": token,
        }


def unknown_tenant(tenant: str) -> GrantRefused:
    return GrantRefused(
        "invalid_request",
        90002,
        f"Tenant '{_brief(tenant)}' not found. Check to make sure you have the correct tenant ID: weft app "
        "list prints that of the local issuer.",
    )


def _credentials(request: TokenRequest) -> tuple[str, str]:
    """Return id and secret of the client, from the body or from the header. Raises GrantRefused."""
    fields = request.fields
    if request.basic is not None:
        client_id, secret = request.basic
        if fields.get("client_id", client_id) != client_id or "client_secret" in fields:
            raise GrantRefused("invalid_request", 90023, "The client is named in the header and in the body.")
        return client_id, secret
    client_id = _needed(fields, "client_id")
    if "client_assertion" in fields:
        raise GrantRefused(
            "invalid_client",
            700027,
            "The local issuer knows no certificates of applications: send client_secret in place of "
            "client_assertion.",
            status=401,
        )
    if not fields.get("client_secret"):
        raise GrantRefused(
            "invalid_client",
            7000218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            status=401,
        )
    return client_id, fields["client_secret"]


def _needed(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name)
    if not value:
        raise GrantRefused(
            "invalid_request", 900144, f"The request body must contain the following parameter: '{name}'."
        )
    return value


def _client_info(person: Delegate) -> str:
    """Return who signed in, as libraries key their caches."""
    raw = msgspec.json.encode({"uid": person.user, "utid": person.tenant})
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _brief(text: str, length: int = 200) -> str:
    """Return *text* fit for a message: printable, and not too long."""
    return "".join(c if c.isprintable() else "?" for c in text[:length])
