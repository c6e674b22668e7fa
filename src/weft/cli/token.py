"""`weft token`: signs a token with the key in the data directory; no server is needed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal
from uuid import uuid4

from cyclopts import Parameter

from weft.auth.issuer import CORE_AUDIENCES, CORE_SCOPES, TWINS_AUDIENCES, TWINS_SCOPES
from weft.auth.resources import STORAGE_AUDIENCE, USER_IMPERSONATION
from weft.cli.errors import Misused
from weft.cli.options import Data, canonical_id, whole
from weft.cli.server import USER
from weft.cli.signing import Signing, open_issuer
from weft.settings import data_directory

EXAMPLE = "Contoso.FinanceAnalytics"
LONGEST_SECONDS = 10 * 365 * 24 * 3600
# Audience, and all delegated scopes that it has.
SERVICES: Final = {
    "core": (CORE_AUDIENCES[0], CORE_SCOPES),
    "powerbi": (CORE_AUDIENCES[1], CORE_SCOPES),
    "onelake": (STORAGE_AUDIENCE, (USER_IMPERSONATION,)),
    "twins": (TWINS_AUDIENCES[0], TWINS_SCOPES),
}

Seconds = Annotated[int, Parameter(converter=whole, allow_leading_hyphen=True)]


def token(  # noqa: PLR0913 - each is an option of the command
    *,
    audience: Annotated[
        Literal["core", "powerbi", "onelake", "workload", "twins"],
        Parameter(name="--for", help="Whom the token is for; powerbi: Core by its older name."),
    ] = "core",
    user: str = USER,
    tenant: str | None = None,
    scope: Annotated[list[str] | None, Parameter(name="--scope")] = None,
    app: bool = False,
    expires_in: Annotated[
        int, Parameter(name="--expires-in", allow_leading_hyphen=True, converter=whole)
    ] = 3600,
    headers: bool = False,
    workload: str = EXAMPLE,
    data: Data = None,
) -> None:
    """Print a token: by default for Core, of the user admin, with all scopes, for one hour.

    Parameters
    ----------
    user
        Name of the user, or with --app of the app.
    tenant
        Tenant of the user [the one kept in the data directory].
    scope
        A delegated scope; repeatable [all].
    app
        A token of an app (service principal), which has no scopes.
    expires_in
        Seconds until it expires.
    headers
        Print whole header lines, fit for: curl -H @FILE
    workload
        With --for workload: the name of the workload.
    """
    if not 1 <= expires_in <= LONGEST_SECONDS:
        raise Misused(f"--expires-in must be from 1 to {LONGEST_SECONDS} seconds, not {expires_in}")
    if app and scope:
        raise Misused("--scope and --app exclude one another: a token of an app has no scopes")
    of_tenant = None if tenant is None else canonical_id("--tenant", tenant)
    lifetime = timedelta(seconds=expires_in)
    if audience == "workload":
        _refuse_for_workload(app=app, scope=scope)
        lines = _for_workload(open_issuer(data_directory(data)), workload, user, of_tenant, lifetime)
        print("\n".join(lines) if headers else lines[0].removeprefix("Authorization: "))
        return
    issuer = open_issuer(data_directory(data)).issuer
    of, all_scopes = SERVICES[audience]
    scopes = all_scopes if scope is None else scope
    signed = issuer.core_token(user, of_tenant, scopes, app, lifetime, audience=of)
    print(f"Authorization: Bearer {signed}" if headers else signed)


def _refuse_for_workload(*, app: bool, scope: list[str] | None) -> None:
    if app or scope:
        raise Misused(f"{'--app' if app else '--scope'} does not go with --for workload")


def _for_workload(
    signing: Signing, workload: str, user: str, tenant: str | None, lifetime: timedelta
) -> list[str]:
    value = signing.issuer.subject_and_app(workload, user, tenant=tenant, lifetime=lifetime)
    return [
        f"Authorization: {value}",
        f"x-ms-client-tenant-id: {tenant or signing.tenant}",
        f"ActivityId: {uuid4()}",
        f"RequestId: {uuid4()}",
    ]
