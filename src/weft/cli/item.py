"""`weft item`: create and list the items of a workspace."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from weft.cli.connect import connect
from weft.cli.hosting import hosted
from weft.cli.names import find_workspace
from weft.cli.options import AsJson, Data, WorkspaceNamed, group
from weft.cli.output import print_json, print_table
from weft.contracts.core import Item

EXAMPLE_TYPE = "Contoso.FinanceAnalytics.Forecast"

app = group("item", "Create and list the items of a workspace.")


@app.command
def create(
    workspace: WorkspaceNamed,
    name: Annotated[str, Parameter(help="Display name of the item.")],
    /,
    *,
    type: Annotated[str, Parameter(name="--type", help="Item type of a workload.")] = EXAMPLE_TYPE,
    description: str | None = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Create an item and print its id."""

    async def call() -> Item:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            with hosted(type):
                return await client.create_item(home, name, type, description=description)

    created = asyncio.run(call())
    if as_json:
        print_json(created)
    else:
        print(created.id)


@app.command(name="list")
def list_all(
    workspace: WorkspaceNamed,
    /,
    *,
    type: Annotated[str | None, Parameter(name="--type", help="Only items of this type.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List the items of a workspace."""

    async def call() -> list[Item]:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            return [known async for known in client.items(home, type=type)]

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        rows = [(known.id, known.type, known.display_name) for known in found]
        print_table(("ID", "TYPE", "NAME"), rows)
