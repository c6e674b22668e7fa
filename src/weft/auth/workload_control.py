"""Who calls the workload control API: a workload, for a person. The two tokens of `SubjectAndAppToken1.0`.

Source: contracts/workload.md 2, "Workload -> Fabric": both tokens are for Fabric itself, the subject's got on
behalf of the person, the app's with the workload's own credentials in its publisher's tenant.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from weft.auth.errors import TokenFault, TokenRefused
from weft.auth.issuer import app_object_id
from weft.auth.subject_and_app import tokens_of
from weft.auth.tokens import Claims, Remembered, check_audience, check_times, invalid, verified
from weft.auth.trust import KeySource, with_news
from weft.catalog.model import Principal
from weft.engine.ports import Clock

SCHEME: Final = "SubjectAndAppToken1.0"


def workload_app_id(publisher_tenant: str, workload: str) -> str:
    """Return the client id that a workload's app has here where its manifest names none.

    It is that of `weft token --app WORKLOAD`, and of `weft app create WORKLOAD`.
    """
    return app_object_id(publisher_tenant, f"client/{workload}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCaller(Principal):
    """The person for whom a workload calls. *app_id* is the workload's app, of the tenant *app_tenant*."""

    app_id: str
    app_tenant: str


class WorkloadControlVerifier:
    """*audiences*: those of Fabric. Whether the app owns an item's type is for the face to see."""

    def __init__(self, keys: KeySource, audiences: Collection[str], clock: Clock) -> None:
        self._keys = keys
        self._audiences = frozenset(audiences)
        self._clock = clock
        self._remembered: Remembered[ControlCaller] = Remembered()

    def verify(self, authorization: Sequence[str]) -> ControlCaller:
        """Return for whom, and as which app, all `Authorization` headers speak.

        Raises TokenRefused, and KeysUnavailable where the keys are those of an issuer elsewhere.
        """
        if not authorization:
            raise TokenRefused(TokenFault.MISSING, "no Authorization header")
        if len(authorization) != 1:
            raise invalid(f"{len(authorization)} Authorization headers")
        now = self._clock.now()
        key = (self._keys.generation, authorization[0])
        known = self._remembered.get(key, now)
        if known is not None:
            return known
        caller, ends_at = self._verified(authorization[0], now)
        self._remembered.put(key, caller, ends_at)
        return caller

    async def admit(self, authorization: Sequence[str]) -> ControlCaller:
        """As `verify`, but ask the issuer first for a key that is not known."""
        return await with_news(self._keys, lambda: self.verify(authorization))

    def _verified(self, authorization: str, now: datetime) -> tuple[ControlCaller, datetime]:
        subject_token, app_token = tokens_of(authorization)
        app = self._app(app_token, now)
        if not subject_token:
            raise invalid("subjectToken is empty")
        subject = self._subject(subject_token, app, now)
        caller = ControlCaller(
            id=subject.oid,
            tenant=subject.tid,
            name=subject.display_name,
            is_app=False,
            scopes=subject.scopes,
            app_id=(app.client or "").lower(),
            app_tenant=app.tid,
        )
        return caller, min(app.ends_at, subject.ends_at)

    def _app(self, token: str, now: datetime) -> Claims:
        claims = self._common(token, now)
        if claims.idtyp != "app" or claims.scp is not None:
            raise invalid("appToken is no app-only token")
        return claims

    def _subject(self, token: str, app: Claims, now: datetime) -> Claims:
        claims = self._common(token, now)
        if claims.idtyp not in (None, "user") or not claims.scopes:
            raise invalid("subjectToken is no delegated token")
        if claims.client != app.client:
            raise invalid(f"subjectToken is of app {claims.client!r}, appToken of {app.client!r}")
        return claims

    def _common(self, token: str, now: datetime) -> Claims:
        claims = verified(token, self._keys)
        check_audience(claims, self._audiences)
        if not claims.client:
            raise invalid("no appid or azp")
        check_times(claims, now)
        return claims
