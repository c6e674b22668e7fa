"""`weft role`: who may do what in a workspace."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from cyclopts import Parameter

from weft.catalog.ids import is_uuid
from weft.cli.connect import connect
from weft.cli.errors import CommandFailed
from weft.cli.names import find_workspace
from weft.cli.options import AsJson, Data, WorkspaceNamed, group
from weft.cli.output import print_json, print_table
from weft.cli.registered import find_principal
from weft.client import ApiError, WeftClient
from weft.contracts.core import WorkspaceRoleAssignment

app = group("role", "Say who may do what in a workspace.")

Someone = Annotated[str, Parameter(name="USER|APP", help="Name or object id of a user or an app.")]
RoleNamed = Literal["Admin", "Member", "Contributor", "Viewer"]

HAS_ONE = "PrincipalAlreadyHasWorkspaceRolePermissions"


@app.command(name="list")
def list_all(workspace: WorkspaceNamed, /, *, as_json: AsJson = False, data: Data = None) -> None:
    """List who has which role in a workspace."""

    async def call() -> list[WorkspaceRoleAssignment]:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            return [known async for known in client.roles.all(home)]

    found = asyncio.run(call())
    if as_json:
        print_json(found)
        return
    print_table(
        ("NAME", "TYPE", "ROLE", "OBJECT ID"),
        [(one.principal.display_name or "", one.principal.type, one.role, one.id) for one in found],
    )


@app.command
def give(
    workspace: WorkspaceNamed,
    someone: Someone,
    role: RoleNamed,
    /,
    *,
    data: Data = None,
) -> None:
    """Give a user or an app a role, in place of the one there is."""

    async def call() -> None:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            principal = find_principal(data, someone)
            try:
                await client.roles.give(home, principal, role)
            except ApiError as refused:
                if refused.code != HAS_ONE:
                    raise
                await client.roles.change(home, principal, role)

    asyncio.run(call())


@app.command
def take(workspace: WorkspaceNamed, someone: Someone, /, *, data: Data = None) -> None:
    """Take the role of a user or an app, also of one that is not registered any more."""

    async def call() -> None:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            await client.roles.take(home, await _holder(client, home, someone))

    asyncio.run(call())


async def _holder(client: WeftClient, workspace: str, given: str) -> str:
    """Return the id of who has a role. Raises CommandFailed where nobody, or more than one, has the name."""
    if is_uuid(given):
        return given.lower()
    ids = [one.id async for one in client.roles.all(workspace) if one.principal.display_name == given]
    if not ids:
        raise CommandFailed(f"nobody named {given!r} has a role in the workspace")
    if len(ids) > 1:
        raise CommandFailed(f"{len(ids)} are named {given!r}; give one of the ids {', '.join(ids)}")
    return ids[0]
