"""The two tokens of a call to a workload, made by hand: good until they are changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.auth.conftest import CUSTOMER, Forger, seconds
from weft.auth.subject_and_app import FABRIC_APP, resource_id

FINANCE = "Contoso.FinanceAnalytics"
USER = "2b6e3b6c-7a2c-4f5e-8f8e-6f3f0d7c9a11"
SCHEME = "SubjectAndAppToken1.0"


@dataclass(frozen=True)
class Forge:
    """Writes the tokens of a call to FINANCE. A claim that is changed to `...` is left out."""

    forger: Forger
    publisher: str

    def app(self, header: Mapping[str, Any] | None = None, sign: Any = None, **changed: Any) -> str:
        own = {"idtyp": "app", "exp": seconds() + 86400}
        return self._token(self.publisher, own | changed, header, sign)

    def subject(self, header: Mapping[str, Any] | None = None, sign: Any = None, **changed: Any) -> str:
        own = {"scp": "FabricWorkloadControl", "name": "Ada", "exp": seconds() + 4108}
        return self._token(CUSTOMER, own | changed, header, sign)

    def header(
        self, *, app: Mapping[str, Any] | None = None, subject: Mapping[str, Any] | None = None
    ) -> str:
        """Return the whole value of `Authorization`."""
        return written(self.subject(**(subject or {})), self.app(**(app or {})))

    def claims(self, tenant: str, **changed: Any) -> dict[str, Any]:
        claims = {
            "aud": resource_id(self.publisher, FINANCE),
            "iss": f"https://sts.windows.net/{tenant}/",
            "tid": tenant,
            "oid": USER,
            "ver": "1.0",
            "iat": seconds(),
            "nbf": seconds(),
            "appid": FABRIC_APP,
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not ...}

    def _token(
        self, tenant: str, changed: Mapping[str, Any], header: Mapping[str, Any] | None, sign: Any
    ) -> str:
        return self.forger.token(self.claims(tenant, **changed), sign=sign, **(header or {}))


def written(subject: str, app: str) -> str:
    return f'{SCHEME} subjectToken="{subject}", appToken="{app}"'


def v2(tenant: str) -> dict[str, Any]:
    """Return what turns a v1 token of *tenant* into a v2 token."""
    issuer = f"https://login.microsoftonline.com/{tenant}/v2.0"
    return {"ver": "2.0", "iss": issuer, "azp": FABRIC_APP, "appid": ...}
