"""The same tokens, and the same check of them, for weft and for the app beside it."""

from datetime import timedelta
from pathlib import Path

from jwt import PyJWK, PyJWKSet

from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.auth.subject_and_app import SubjectAndAppVerifier, resource_id
from weft.engine.clock import SystemClock
from weft.examples.forecast import workload as forecast

DAY = timedelta(days=1)
IDS = {
    "ActivityId": "11111111-1111-4111-8111-111111111111",
    "RequestId": "22222222-2222-4222-8222-222222222222",
}


def host_headers(data: Path, workload: str) -> dict[str, str]:
    home = Home.open(data)
    issuer = Issuer(Keys.open(data), SystemClock(), home)
    pair = issuer.subject_and_app(workload=workload, user="admin", tenant=home.tenant, lifetime=DAY)
    return {"Authorization": pair, "x-ms-client-tenant-id": home.tenant, **IDS}


def core_headers(data: Path) -> dict[str, str]:
    home = Home.open(data)
    issuer = Issuer(Keys.open(data), SystemClock(), home)
    return {"Authorization": f"Bearer {issuer.core_token(user='admin', lifetime=DAY)}"}


def twins_headers(data: Path) -> dict[str, str]:
    home = Home.open(data)
    issuer = Issuer(Keys.open(data), SystemClock(), home)
    return {"Authorization": f"Bearer {issuer.twins_token(user='admin', lifetime=DAY)}"}


def verifier(data: Path) -> SubjectAndAppVerifier:
    tenant = Home.open(data).tenant
    return SubjectAndAppVerifier(Keys.open(data), tenant, [resource_id(tenant, forecast.name)], SystemClock())


def public_key(data: Path) -> PyJWK:
    """Return the local issuer's key as a library that knows nothing of weft reads it."""
    (key,) = PyJWKSet.from_dict(Keys.open(data).jwks()).keys
    return key
