"""`weft app`: register apps, which get tokens with a secret as they would from Entra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from weft.auth.apps import AppRefused, Apps, RegisteredApp
from weft.auth.errors import DataRefused
from weft.auth.home import Home
from weft.cli.errors import CommandFailed, Misused
from weft.cli.options import AsJson, Data, group
from weft.cli.output import print_json, print_pairs, print_table
from weft.settings import data_directory

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
    with _registered(data) as (apps, tenant):
        made, secret = apps.create(name, client_id=client_id, workload=workload, resource=resource)
    if as_json:
        print_json({**_shown(made, tenant), "clientSecret": secret})
        return
    print_pairs(
        [
            ("tenant id", tenant),
            ("client id", made.client_id),
            ("client secret", secret),
            ("object id", made.object_id),
            ("resource id", ", ".join(made.resources)),
        ]
    )


@app.command(name="list")
def list_all(*, as_json: AsJson = False, data: Data = None) -> None:
    """List the registered apps, without their secrets."""
    with _registered(data) as (apps, tenant):
        known = apps.all()
    if as_json:
        print_json([_shown(one, tenant) for one in known])
        return
    print_table(
        ("NAME", "CLIENT ID", "OBJECT ID", "TENANT ID", "RESOURCES"),
        [(one.name, one.client_id, one.object_id, tenant, ", ".join(one.resources)) for one in known],
    )


@app.command
def delete(
    named: Annotated[str, Parameter(name="NAME", help="Name or client id of the app.")],
    /,
    *,
    data: Data = None,
) -> None:
    """Forget an app: its secret gets no more tokens. Those that it has stay good until they end."""
    with _registered(data) as (apps, _):
        apps.delete(named)


@contextmanager
def _registered(data: Path | None) -> Iterator[tuple[Apps, str]]:
    directory = data_directory(data)
    try:
        tenant = Home.open(directory).tenant
        yield Apps(directory, tenant), tenant
    except AppRefused as refused:
        raise Misused(str(refused)) from None
    except (DataRefused, OSError) as refused:
        raise CommandFailed(f"cannot use the data directory: {refused}") from None


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
