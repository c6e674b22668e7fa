"""Definitions of many items at once, each with the path of the folders that its item lies in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from weft.catalog.errors import ExportTooLarge, ItemNotFound
from weft.catalog.folders import Enter, Folders
from weft.catalog.model import Item, Principal, Role
from weft.catalog.ports import CatalogStore

MOST_BYTES: Final = 32 * 1024 * 1024
"""How large the definitions may be that are exported together: they are held in memory."""

ITEMS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Exported:
    """*path* is of folders and the item's name, such as `/sales/plan.Notebook`; *definition* is JSON text."""

    item: Item
    path: str
    definition: bytes


class Exports:
    """Every call names its caller, needs Contributor, and may raise WorkspaceNotFound, RoleTooLow.

    *ids*: of the items to export; none: all of the workspace.
    """

    def __init__(self, store: CatalogStore, enter: Enter, folders: Folders) -> None:
        self._store = store
        self._enter = enter
        self._folders = folders

    async def check(self, caller: Principal, workspace: str, ids: Sequence[str]) -> None:
        """Raise ItemNotFound for the first id that is unknown, ExportTooLarge for too much at once."""
        await self._enter(caller, workspace, needs=Role.CONTRIBUTOR)
        for id in ids:
            if await self._store.item(workspace, id) is None:
                raise ItemNotFound(workspace, id)
        _check_size(await self._store.definition_bytes(workspace, ids or None))

    async def read(self, caller: Principal, workspace: str, ids: Sequence[str]) -> Sequence[Exported]:
        """Return the items that have a definition, and are there. Raises ExportTooLarge."""
        await self._enter(caller, workspace, needs=Role.CONTRIBUTOR)
        exported, size = [], 0
        async for item in self._items(workspace, ids):
            definition = await self._store.definition(workspace, item.id)
            size += len(definition)
            _check_size(size)
            if definition:
                exported.append(Exported(item, await self._path(item), definition))
        return exported

    async def _items(self, workspace: str, ids: Sequence[str]) -> AsyncIterator[Item]:
        for id in ids:
            item = await self._store.item(workspace, id)
            if item is not None:
                yield item
        after = 0
        while not ids and (
            page := await self._store.items(workspace, type=None, after=after, limit=ITEMS_AT_ONCE)
        ):
            for item in page:
                yield item
            after = page[-1].number

    async def _path(self, item: Item) -> str:
        # Clients make files of paths: a name must not lead out of the folder that they chose.
        name = item.display_name.replace("/", "_").replace("\\", "_")
        return f"{await self._folders.path(item.workspace, item.folder)}/{name}.{item.type}"


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise ExportTooLarge(size, MOST_BYTES)
