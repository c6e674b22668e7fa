"""`weft app`: register apps, which get tokens with a secret as they would from Entra."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from weft.auth.apps import RegisteredApp
from weft.cli.options import AsJson, Data, group
from weft.cli.output import print_json, print_pairs, print_table
from weft.cli.registered import registered

app = group("app", "Register apps, which get tokens with a secret.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the app.")],
    /,
    *,
    workload: str | None = None,
    resource: str | None = None,
    client_id: str | None = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Register an app; print its ids and its secret, which is shown this once.

    Parameters
    ----------
    workload
        The workload that the app is the backend of: tokens for it can be exchanged for others.
    resource
        A resource id of the app of your own, as api://...: tokens for it can be exchanged for others.
    client_id
        The app's client id, a GUID [the one that weft token --app uses for the name].
    """
    with registered(data) as known:
        made, secret = known.apps.create(name, client_id=client_id, workload=workload, resource=resource)
    if as_json:
        print_json({**_shown(made, known.tenant), "clientSecret": secret})
        return
    print_pairs(
        [
            ("tenant id", known.tenant),
            ("client id", made.client_id),
            ("client secret", secret),
            ("object id", made.object_id),
            ("resource id", ", ".join(made.resources)),
        ]
    )


@app.command(name="list")
def list_all(*, as_json: AsJson = False, data: Data = None) -> None:
    """List the registered apps, without their secrets."""
    with registered(data) as known:
        apps = known.apps.all()
    if as_json:
        print_json([_shown(one, known.tenant) for one in apps])
        return
    print_table(
        ("NAME", "CLIENT ID", "OBJECT ID", "TENANT ID", "RESOURCES"),
        [(one.name, one.client_id, one.object_id, known.tenant, ", ".join(one.resources)) for one in apps],
    )


@app.command
def delete(
    named: Annotated[str, Parameter(name="NAME", help="Name or client id of the app.")],
    /,
    *,
    data: Data = None,
) -> None:
    """Forget an app: its secret gets no more tokens, and it gets no new role.

    Tokens that it has stay good until they end. Take the roles that it has with: weft role take
    """
    with registered(data) as known:
        known.apps.delete(named)


def _shown(known: RegisteredApp, tenant: str) -> dict[str, Any]:
    return {
        "name": known.name,
        "tenantId": tenant,
        "clientId": known.client_id,
        "objectId": known.object_id,
        "workload": known.workload,
        "resources": known.resources,
        "createdAt": known.created_at,
    }
