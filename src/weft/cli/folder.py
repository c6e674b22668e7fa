"""`weft folder`: create, list, move and delete the folders of a workspace."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from weft.cli.connect import connect
from weft.cli.names import find_folder, find_workspace, paths_of
from weft.cli.options import AsJson, Data, FolderNamed, WorkspaceNamed, group
from weft.cli.output import print_json, print_table
from weft.contracts.core import Folder

app = group("folder", "Create, list, move and delete the folders of a workspace.")


@app.command
def create(
    workspace: WorkspaceNamed,
    name: Annotated[str, Parameter(help="Display name of the folder.")],
    /,
    *,
    parent: Annotated[str | None, Parameter(help="Path or id of the folder to make it in.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Create a folder and print its id."""

    async def call() -> Folder:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            above = None if parent is None else await find_folder(client, home, parent)
            return await client.folders.create(home, name, parent=above)

    created = asyncio.run(call())
    if as_json:
        print_json(created)
    else:
        print(created.id)


@app.command(name="list")
def list_all(workspace: WorkspaceNamed, /, *, as_json: AsJson = False, data: Data = None) -> None:
    """List the folders of a workspace, with their paths."""

    async def call() -> list[Folder]:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            return [known async for known in client.folders.all(home)]

    found = asyncio.run(call())
    if as_json:
        print_json(found)
    else:
        paths = paths_of(found)
        print_table(("ID", "PATH"), [(known.id, paths[known.id]) for known in found])


@app.command
def move(
    workspace: WorkspaceNamed,
    folder: FolderNamed,
    target: Annotated[str | None, Parameter(help="Path or id of the folder to move it into.")] = None,
    /,
    *,
    data: Data = None,
) -> None:
    """Move a folder, and all that lies in it, into another; without one, to the top of the workspace."""

    async def call() -> None:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            into = None if target is None else await find_folder(client, home, target)
            await client.folders.move(home, await find_folder(client, home, folder), into)

    asyncio.run(call())


@app.command
def delete(workspace: WorkspaceNamed, folder: FolderNamed, /, *, data: Data = None) -> None:
    """Delete a folder in which nothing lies."""

    async def call() -> None:
        async with connect(data) as client:
            home = await find_workspace(client, workspace)
            await client.folders.delete(home, await find_folder(client, home, folder))

    asyncio.run(call())
