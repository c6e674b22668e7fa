"""The documents of the sign-in service: what it is called, where its addresses are, and its keys."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from weft.auth.grants import ANY_TENANT, GrantRefused, unknown_tenant
from weft.auth.issuer import Issuer
from weft.auth.tokens import issuer_of
from weft.catalog.ids import is_canonical
from weft.contracts.hosts import LOGIN_HOST, LOGIN_HOSTS

_CACHE_NAME: Final = "login.windows.net"
_PLACEHOLDER: Final = "{tenantid}"  # as Entra writes the issuer where the tenant is not known


def canonical_tenant(named: str) -> str:
    """Return the id of a tenant, or the word for any, in lower case. Raises GrantRefused.

    No list of tenants is kept: each id is one. Names such as contoso.onmicrosoft.com are not known.
    """
    tenant = named.lower()
    if tenant in ANY_TENANT or is_canonical(tenant):
        return tenant
    raise unknown_tenant(named)


def configuration(issuer: Issuer, base_url: str, named: str, *, v1: bool) -> dict[str, Any]:
    """Return the discovery document of a tenant; *base_url* has no path. Raises GrantRefused."""
    tenant = canonical_tenant(named)
    here = f"{base_url}/{tenant}"
    of = _PLACEHOLDER if tenant in ANY_TENANT else tenant
    document = issuer.discovery_at(here, of) | {"cloud_instance_name": "microsoftonline.com"}
    if v1:
        document |= {
            "token_endpoint": f"{here}/oauth2/token",
            "authorization_endpoint": f"{here}/oauth2/authorize",
            "jwks_uri": f"{base_url}/common/discovery/keys",
            "issuer": issuer_of(of, "1.0"),
        }
    return document


def instance(authorization_endpoint: str) -> dict[str, Any]:
    """Return what instance discovery says of the authority of an endpoint. Raises GrantRefused."""
    host, tenant = _authority(authorization_endpoint)
    if host not in LOGIN_HOSTS or not tenant:
        raise GrantRefused("invalid_instance", 50049, "Unknown or invalid instance.")
    return {
        "tenant_discovery_endpoint": f"https://{host}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            {"preferred_network": LOGIN_HOST, "preferred_cache": _CACHE_NAME, "aliases": list(LOGIN_HOSTS)}
        ],
    }


def _authority(endpoint: str) -> tuple[str, str]:
    """Return host and first segment of the path; empty where there is none."""
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
    except ValueError:
        return "", ""
    return (
        (host, parts.path.split("/")[1] if "/" in parts.path else "") if parts.scheme == "https" else ("", "")
    )
