"""Folders of a workspace: made, found, moved and deleted for those whose role allows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from weft.catalog.errors import FolderNotFound
from weft.catalog.model import Folder, Principal, Role, Within, Workspace
from weft.catalog.ports import FolderStore
from weft.engine.ports import Clock

DEEPEST: Final = 10
"""How many levels of folders a workspace has at most."""


class Enter(Protocol):
    def __call__(self, caller: Principal, id: str, *, needs: Role = ...) -> Awaitable[Workspace]:
        """Raises WorkspaceNotFound, RoleTooLow."""


class Folders:
    """Every call names its caller, and may raise WorkspaceNotFound, RoleTooLow and StoreUnavailable.

    Changes need Contributor.
    """

    def __init__(self, store: FolderStore, enter: Enter, clock: Clock, new_id: Callable[[], str]) -> None:
        self._store = store
        self._enter = enter
        self._clock = clock
        self._new_id = new_id

    async def create(
        self, caller: Principal, workspace: str, display_name: str, *, parent: str | None = None
    ) -> Folder:
        """Raises FolderNotFound for *parent*, FolderTooDeep, FolderNameTaken."""
        await self._enter(caller, workspace, needs=Role.CONTRIBUTOR)
        folder = Folder(
            id=self._new_id(),
            workspace=workspace,
            display_name=display_name,
            created_at=self._clock.now(),
            parent=parent,
        )
        await self._store.add_folder(folder, deepest=DEEPEST)
        return folder

    async def all(
        self, caller: Principal, workspace: str, within: Within, *, after: int, limit: int
    ) -> Sequence[Folder]:
        """Return the folders, oldest first, above number *after*. Raises FolderNotFound for the root."""
        await self._enter(caller, workspace)
        await self.check(workspace, within.root)
        return await self._store.folders(workspace, within, after=after, limit=limit)

    async def one(self, caller: Principal, workspace: str, id: str) -> Folder:
        """Raises FolderNotFound."""
        await self._enter(caller, workspace)
        found = await self._store.folder(workspace, id)
        if found is None:
            raise FolderNotFound(id)
        return found

    async def rename(self, caller: Principal, workspace: str, id: str, display_name: str) -> Folder:
        """Raises FolderNotFound, FolderNameTaken."""
        await self._enter(caller, workspace, needs=Role.CONTRIBUTOR)
        return await self._store.rename_folder(workspace, id, display_name)

    async def move(self, caller: Principal, workspace: str, id: str, parent: str | None) -> Folder:
        """Raises FolderNotFound for either, FolderLoop, FolderTooDeep, FolderNameTaken."""
        await self._enter(caller, workspace, needs=Role.CONTRIBUTOR)
        return await self._store.move_folder(workspace, id, parent, deepest=DEEPEST)

    async def delete(self, caller: Principal, workspace: str, id: str) -> None:
        """Raises FolderNotFound, FolderNotEmpty."""
        await self._enter(caller, workspace, needs=Role.CONTRIBUTOR)
        await self._store.delete_folder(workspace, id)

    async def check(self, workspace: str, id: str | None) -> None:
        """Raise FolderNotFound where *id*, unless None, is no folder of the workspace."""
        if id is not None and await self._store.folder(workspace, id) is None:
            raise FolderNotFound(id)

    async def path(self, workspace: str, id: str | None) -> str:
        """Return the names of the folder and of those above it, such as `/sales/2026`; "" for the top."""
        if id is None:
            return ""
        return "".join(f"/{name}" for _, name in await self._store.folder_path(workspace, id))
