"""`weft item`: create, list, update, move and delete the items of a workspace, and their definitions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import UNSET

from weft.cli.connect import connect
from weft.cli.definitions import read_definition, write_definition
from weft.cli.errors import Misused
from weft.cli.hosting import hosted
from weft.cli.names import find_folder, find_item, find_workspace
from weft.cli.options import AsJson, Data, ItemNamed, WorkspaceNamed, group
from weft.cli.output import print_json, print_table, printable
from weft.cli.payload import read_payload
from weft.contracts.core import Item, ItemDefinition

EXAMPLE_TYPE = "Contoso.FinanceAnalytics.Forecast"

app = group("item", "Create, list, update, move and delete the items of a workspace.")
definition_app = group("definition", "Read and write the definition of an item.")
app.command(definition_app, name="definition")

InFolder = Annotated[
    str | None,
    Parameter(name="--folder", help="Path or id of a folder of the workspace, such as sales/2026."),
]


@app.command
def create(  # noqa: PLR0913 - each is an option of the command
    workspace: WorkspaceNamed,
    name: Annotated[str, Parameter(help="Display name of the item.")],
    /,
    *,
    type: Annotated[str, Parameter(name="--type", help="Item type of a workload.")] = EXAMPLE_TYPE,
    description: str | None = None,
    folder: InFolder = None,
    payload: Annotated[
        str | None,
        Parameter(name="--payload", help="A JSON object for the workload, or @FILE that holds one."),
    ] = None,
    definition: Annotated[
        Path | None,
        Parameter(name="--definition", help="A directory whose files are its parts, or one file."),
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Create an item and print its id."""
    creation_payload = UNSET if payload is None else read_payload(payload)
    parts = None if definition is None else read_definition(definition)

    async def call() -> Item:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            place = None if folder is None else await find_folder(client, home, folder)
            with hosted(type):
                return await client.create_item(
                    home,
                    name,
                    type,
                    description=description,
                    folder=place,
                    payload=creation_payload,
                    definition=parts,
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
    folder: Annotated[
        str | None, Parameter(name="--folder", help="Only items in this folder, and in those below it.")
    ] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """List the items of a workspace."""

    async def call() -> list[Item]:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            place = None if folder is None else await find_folder(client, home, folder)
            return [known async for known in client.items(home, type=type, folder=place)]

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
def move(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    folder: Annotated[str | None, Parameter(help="Path or id of the folder to move it into.")] = None,
    /,
    *,
    data: Data = None,
) -> None:
    """Move an item into a folder; without one, to the top of the workspace."""

    async def call() -> None:
        async with connect(data) as client:
            place = await find_item(client, workspace, item)
            into = None if folder is None else await find_folder(client, place.workspace, folder)
            await client.move_item(*place, into)

    asyncio.run(call())


@definition_app.command(name="get")
def get_definition(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    directory: Annotated[
        Path | None, Parameter(help="Where to write the parts as files: a new or an empty directory.")
    ] = None,
    /,
    *,
    format: Annotated[
        str | None,
        Parameter(help="ipynb or fabricGitSource, for a notebook; fabricGitSource if none is given."),
    ] = None,
    data: Data = None,
) -> None:
    """Print the definition of an item as JSON, or write its parts into a directory and print their names."""

    async def call() -> ItemDefinition:
        async with connect(data) as client:
            return await client.definition(*await find_item(client, workspace, item), format)

    definition = asyncio.run(call())
    if directory is None:
        print_json(definition)
        return
    for file in write_definition(definition, directory):
        print(printable(str(file)))


@definition_app.command(name="set")
def set_definition(
    workspace: WorkspaceNamed,
    item: ItemNamed,
    definition: Annotated[Path, Parameter(help="A directory whose files are its parts, or one file.")],
    /,
    *,
    data: Data = None,
) -> None:
    """Give an item another definition: a directory, whose files become its parts, or one file."""
    parts = read_definition(definition)

    async def call() -> None:
        async with connect(data) as client:
            await client.set_definition(*await find_item(client, workspace, item), parts)

    asyncio.run(call())


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
