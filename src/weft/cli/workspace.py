"""`weft workspace`: create and list workspaces."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from weft.cli.connect import connect
from weft.cli.options import AsJson, Data, group
from weft.cli.output import print_json, print_table
from weft.contracts.core import Workspace

app = group("workspace", "Create and list workspaces.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Display name of the workspace.")],
    /,
    *,
    description: str | None = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Create a workspace and print its id; you are its Admin."""

    async def call() -> Workspace:
        async with connect(data) as client:
            return await client.create_workspace(name, description=description)

    created = asyncio.run(call())
    if as_json:
        print_json(created)
    else:
        print(created.id)


@app.command(name="list")
def list_all(*, as_json: AsJson = False, data: Data = None) -> None:
    """List the workspaces in which you have a role."""

    async def call() -> list[Workspace]:
        async with connect(data) as client:
            return [known async for known in client.workspaces()]

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        print_table(("ID", "NAME"), [(known.id, known.display_name) for known in found])
