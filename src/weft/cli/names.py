"""Workspaces and items by the name or the id that a person gave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from weft.catalog.ids import is_uuid
from weft.cli.errors import CommandFailed
from weft.client import WeftClient
from weft.contracts.core import Folder


class Named(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def display_name(self) -> str: ...


N = TypeVar("N", bound=Named)


class Place(NamedTuple):
    """The ids of an item and of its workspace."""

    workspace: str
    item: str


async def find_workspace(client: WeftClient, given: str) -> str:
    """Return the id of a workspace. Raises CommandFailed where none, or more than one, has the name."""
    return await _find("workspace", given, client.workspaces())


async def find_item(client: WeftClient, workspace: str, item: str) -> Place:
    """Raises CommandFailed, as find_workspace does."""
    found = await find_workspace(client, workspace)
    return Place(found, await _find("item", item, client.items(found)))


async def find_folder(client: WeftClient, workspace: str, given: str) -> str:
    """Return the id of a folder by its path or id; *workspace* is an id. Raises CommandFailed."""
    if is_uuid(given):
        return given.lower()
    paths = paths_of([known async for known in client.folders.all(workspace)])
    wanted = given.strip("/")
    for id, path in paths.items():
        if path == wanted:
            return id
    raise CommandFailed(f"no folder has the path {wanted!r}")


def paths_of(folders: Sequence[Folder]) -> dict[str, str]:
    """Return the path of each folder by its id, such as `sales/2026`; *folders*: all of a workspace."""
    known = {folder.id: folder for folder in folders}

    def path_of(folder: Folder) -> str:
        names = [folder.display_name]
        while isinstance(folder.parent_folder_id, str) and len(names) <= len(known):
            folder = known[folder.parent_folder_id]
            names.append(folder.display_name)
        return "/".join(reversed(names))

    return {id: path_of(folder) for id, folder in known.items()}


async def _find(what: str, given: str, known: AsyncIterator[N]) -> str:
    if is_uuid(given):
        return given.lower()
    ids = [one.id async for one in known if one.display_name == given]
    if not ids:
        raise CommandFailed(f"no {what} is named {given!r}")
    if len(ids) > 1:
        raise CommandFailed(f"{len(ids)} {what}s are named {given!r}; give one of the ids {', '.join(ids)}")
    return ids[0]
