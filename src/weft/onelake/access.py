"""Who may do what with files: the roles of the catalog, with workspaces and items by name or by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from weft.catalog.catalog import Catalog
from weft.catalog.errors import ItemNotFound, RoleTooLow, WorkspaceNotFound
from weft.catalog.ids import is_uuid
from weft.catalog.model import Item, Principal, Role, Workspace
from weft.onelake.errors import FilesystemNotFound, NotPermitted, PathNotFound

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class ItemFolder:
    """*name*: `NAME.TYPE`, as it is listed."""

    id: str
    name: str


class Access(Protocol):
    """Finds what a caller may reach. What it may not know of is answered as unknown."""

    async def workspace(self, caller: Principal, name: str, *, writes: bool) -> str:
        """Return the id of a workspace by name or id. Raises FilesystemNotFound, NotPermitted."""

    async def item(self, caller: Principal, workspace: str, name: str) -> str:
        """Return the id of an item of the workspace *workspace*, an id, by `NAME.TYPE` or id.

        Raises FilesystemNotFound, PathNotFound.
        """

    async def items(self, caller: Principal, workspace: str) -> Sequence[ItemFolder]:
        """Raises FilesystemNotFound."""


class CatalogAccess:
    """Viewers read, Contributors write. Calls may raise StoreUnavailable."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def workspace(self, caller: Principal, name: str, *, writes: bool) -> str:
        id = name.lower() if is_uuid(name) else await self._by_name(caller, name)
        try:
            await self._catalog.workspace(caller, id, needs=Role.CONTRIBUTOR if writes else Role.VIEWER)
        except WorkspaceNotFound:
            raise FilesystemNotFound(name) from None
        except RoleTooLow:
            raise NotPermitted from None
        return id

    async def item(self, caller: Principal, workspace: str, name: str) -> str:
        if is_uuid(name):
            try:
                return (await self._catalog.item(caller, workspace, name.lower())).id
            except (ItemNotFound, WorkspaceNotFound):
                raise PathNotFound from None
        for folder in await self.items(caller, workspace):
            if folder.name.lower() == name.lower():
                return folder.id
        raise PathNotFound

    async def items(self, caller: Principal, workspace: str) -> Sequence[ItemFolder]:
        found: list[ItemFolder] = []
        after = 0
        while True:
            page = await self._page(caller, workspace, after)
            found += (ItemFolder(item.id, f"{item.display_name}.{item.type}") for item in page)
            if len(page) < _PAGE:
                return found
            after = page[-1].number

    async def _page(self, caller: Principal, workspace: str, after: int) -> Sequence[Item]:
        try:
            return await self._catalog.items(caller, workspace, type=None, after=after, limit=_PAGE)
        except WorkspaceNotFound:
            raise FilesystemNotFound(workspace) from None

    async def _by_name(self, caller: Principal, name: str) -> str:
        after = 0
        while True:
            page: Sequence[Workspace] = await self._catalog.workspaces(caller, after=after, limit=_PAGE)
            for workspace in page:
                if workspace.display_name == name:
                    return workspace.id
            if len(page) < _PAGE:
                raise FilesystemNotFound(name)
            after = page[-1].number
