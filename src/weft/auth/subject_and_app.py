"""Who calls a workload: the two tokens of `SubjectAndAppToken1.0`, checked in the published order.

Source: contracts/workload.md 2, after the Workload Development Kit's AuthenticationService.cs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from weft.auth.errors import TokenFault, TokenRefused
from weft.auth.tokens import Claims, Remembered, check_times, invalid, verified
from weft.auth.trust import KeySource, with_news
from weft.catalog.ids import is_uuid
from weft.engine.ports import Clock

FABRIC_APP: Final = "00000009-0000-0000-c000-000000000000"
FABRIC_CLIENT_FOR_WORKLOADS: Final = "d2450708-699c-41e3-8077-b0c8341509aa"
CONTROL_SCOPE: Final = "FabricWorkloadControl"

_FABRIC_APPS: Final = frozenset((FABRIC_APP, FABRIC_CLIENT_FOR_WORKLOADS))
_LONGEST_HEADER: Final = 32 * 1024
_HEADER = re.compile(
    r'SubjectAndAppToken1\.0 subjectToken="(eyJ[\w\-\._]+)?", appToken="(eyJ[\w\-\._]+)"', re.ASCII
)


def resource_id(publisher_tenant: str, workload: str) -> str:
    """Return the audience of a workload's tokens, in its local form."""
    return f"api://localdevinstance/{publisher_tenant}/{workload}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadCaller:
    """For whom Fabric calls: *user* is an object id, None where no subject token was needed or sent.

    *tenant* is "" where neither a header nor a subject token names one.
    """

    tenant: str
    user: str | None
    user_name: str | None
    app_id: str


class SubjectAndAppVerifier:
    """*audiences* are workloads' resource ids; *client_ids* gives for some of them the audience of v2 tokens.

    A workload that is not in *client_ids* has one audience for both versions.
    """

    def __init__(
        self,
        keys: KeySource,
        publisher_tenant: str,
        audiences: Collection[str],
        clock: Clock,
        *,
        client_ids: Mapping[str, str] | None = None,
    ) -> None:
        named = client_ids or {}
        self._keys = keys
        self._publisher_tenant = publisher_tenant
        self._clock = clock
        self._workloads = {
            "1.0": {audience: audience for audience in audiences},
            "2.0": {named.get(audience, audience): audience for audience in audiences},
        }
        self._remembered: Remembered[tuple[WorkloadCaller, frozenset[str]]] = Remembered()

    def verify(
        self,
        authorization: Sequence[str],
        tenant: Sequence[str],
        *,
        needs_subject: bool = True,
        needs_tenant: bool = True,
        audience: str | None = None,
    ) -> WorkloadCaller:
        """Return the caller that all `Authorization` and `x-ms-client-tenant-id` headers speak for.

        With *audience* the tokens must be for that workload, else both for the same one of ours. Endpoint
        resolution *needs* neither subject nor tenant; without a header the tenant is that of the subject.
        Raises TokenRefused, its code always AuthError, and KeysUnavailable where the keys are those of an
        issuer elsewhere.
        """
        if len(authorization) != 1:
            raise _refused(f"{len(authorization)} Authorization headers")
        caller, workloads = self._caller(authorization[0], _tenant(tenant, is_needed=needs_tenant))
        if caller.user is None and needs_subject:
            raise _refused("subjectToken is empty")
        if audience is not None and audience not in workloads:
            raise _refused(f"the tokens are not for {audience}")
        return caller

    async def admit(
        self,
        authorization: Sequence[str],
        tenant: Sequence[str],
        *,
        needs_subject: bool = True,
        needs_tenant: bool = True,
        audience: str | None = None,
    ) -> WorkloadCaller:
        """As `verify`, but ask the issuer first for a key that is not known."""
        return await with_news(
            self._keys,
            lambda: self.verify(
                authorization,
                tenant,
                needs_subject=needs_subject,
                needs_tenant=needs_tenant,
                audience=audience,
            ),
        )

    def _caller(self, authorization: str, tenant: str) -> tuple[WorkloadCaller, frozenset[str]]:
        now = self._clock.now()
        key = (self._keys.generation, authorization, tenant)
        known = self._remembered.get(key, now)
        if known is not None:
            return known
        try:
            caller, workloads, ends_at = self._verified(authorization, tenant.lower(), now)
        except TokenRefused as refused:
            raise _refused(refused.reason, key_unknown=refused.key_unknown) from None
        self._remembered.put(key, (caller, workloads), ends_at)
        return caller, workloads

    def _verified(
        self, authorization: str, tenant: str, now: datetime
    ) -> tuple[WorkloadCaller, frozenset[str], datetime]:
        subject_token, app_token = tokens_of(authorization)
        app, workloads = self._app(app_token, now)
        app_id = app.client or ""
        if not subject_token:
            nobody = WorkloadCaller(tenant=tenant, user=None, user_name=None, app_id=app_id)
            return nobody, workloads, app.ends_at
        subject, subject_workloads = self._subject(subject_token, app_id, tenant, now)
        if not workloads & subject_workloads:
            raise invalid("subjectToken and appToken are for different workloads")
        caller = WorkloadCaller(
            tenant=subject.tid, user=subject.oid, user_name=subject.display_name, app_id=app_id
        )
        return caller, workloads & subject_workloads, min(app.ends_at, subject.ends_at)

    def _app(self, token: str, now: datetime) -> tuple[Claims, frozenset[str]]:
        claims, workloads = self._common(token, now)
        if claims.idtyp != "app" or claims.scp is not None:
            raise invalid("appToken is no app-only token")
        if claims.client not in _FABRIC_APPS:
            raise invalid(f"appToken is of app {claims.client!r}")
        if claims.tid != self._publisher_tenant:
            raise invalid(f"appToken is of tenant {claims.tid}")
        return claims, workloads

    def _subject(self, token: str, app_id: str, tenant: str, now: datetime) -> tuple[Claims, frozenset[str]]:
        claims, workloads = self._common(token, now)
        if claims.idtyp is not None or claims.scp is None:
            raise invalid("subjectToken is no delegated token")
        if claims.client != app_id:
            raise invalid(f"subjectToken is of app {claims.client!r}, appToken of {app_id!r}")
        if tenant and claims.tid != tenant:
            raise invalid(f"subjectToken is of tenant {claims.tid}, the header says {tenant}")
        if CONTROL_SCOPE not in claims.scopes:
            raise invalid(f"subjectToken has the scopes {claims.scp!r}")
        return claims, workloads

    def _common(self, token: str, now: datetime) -> tuple[Claims, frozenset[str]]:
        claims = verified(token, self._keys)
        check_times(claims, now)
        ours = self._workloads[claims.ver]
        workloads = frozenset(ours[audience] for audience in claims.audiences if audience in ours)
        if not workloads:
            raise invalid(f"aud {claims.aud!r}")
        if not claims.client:
            raise invalid("no appid or azp")
        return claims, workloads


def _tenant(values: Sequence[str], *, is_needed: bool) -> str:
    if not values and not is_needed:
        return ""
    if len(values) != 1 or not is_uuid(values[0]):
        raise _refused("no x-ms-client-tenant-id, or no UUID, or several")
    return values[0]


def subject_token_of(authorization: str) -> str:
    """Return the subject token of a header value that was verified; "" where it has none."""
    found = _HEADER.fullmatch(authorization)
    return "" if found is None else found[1] or ""


def tokens_of(authorization: str) -> tuple[str | None, str]:
    """Return the subject token, if there is one, and the app token of a header value. Raises TokenRefused."""
    if len(authorization) > _LONGEST_HEADER:
        raise invalid(f"an Authorization header of {len(authorization)} characters")
    found = _HEADER.fullmatch(authorization)
    if found is None:
        raise invalid("unexpected token format")
    return found[1], found[2]


def _refused(reason: str, *, key_unknown: bool = False) -> TokenRefused:
    return TokenRefused(TokenFault.AUTH_ERROR, reason, key_unknown=key_unknown)
