"""`weft item`: create, list, update and delete the items of a workspace."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter
from msgspec import UNSET

from weft.cli.connect import connect
from weft.cli.errors import Misused
from weft.cli.hosting import hosted
from weft.cli.names import find_item, find_workspace
from weft.cli.options import AsJson, Data, ItemNamed, WorkspaceNamed, group
from weft.cli.output import print_json, print_table
from weft.cli.payload import read_payload
from weft.contracts.core import Item

EXAMPLE_TYPE = "Contoso.FinanceAnalytics.Forecast"

app = group("item", "Create, list, update and delete the items of a workspace.")


@app.command
def create(
    workspace: WorkspaceNamed,
    name: Annotated[str, Parameter(help="Display name of the item.")],
    /,
    *,
    type: Annotated[str, Parameter(name="--type", help="Item type of a workload.")] = EXAMPLE_TYPE,
    description: str | None = None,
    payload: Annotated[
        str | None,
        Parameter(name="--payload", help="A JSON object for the workload, or @FILE that holds one."),
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Create an item and print its id."""
    creation_payload = UNSET if payload is None else read_payload(payload)

    async def call() -> Item:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            with hosted(type):
                return await client.create_item(
                    home, name, type, description=description, payload=creation_payload
                )

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


@app.command
def update(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    /,
    *,
    name: Annotated[str | None, Parameter(help="The new display name.")] = None,
    description: Annotated[str | None, Parameter(help="The new description; may be empty.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Give an item another name or description, and print its id."""
    if name is None and description is None:
        raise Misused("--name or --description is needed")

    async def call() -> Item:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            return await client.update_item(*place, name=name, description=description)

    updated = asyncio.run(call())
    if as_json:
        print_json(updated)
    else:
        print(updated.id)


@app.command
def delete(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    /,
    *,
    data: Data = None,
) -> None:
    """Stop the jobs of an item, and delete it."""

    async def call() -> None:
        async with connect(data) as client:
            await client.delete_item(*await find_item(client, workspace, item))

    asyncio.run(call())
