"""The catalog: makes, finds and deletes workspaces and items for those whose role allows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import uuid4

from weft.catalog import scopes
from weft.catalog.errors import ItemNotFound, NameTaken, RoleTooLow, WorkspaceNotFound
from weft.catalog.model import Item, Principal, Role, Workspace
from weft.catalog.ports import CatalogStore
from weft.engine.engine import Engine
from weft.engine.ports import Clock


def random_id() -> str:
    return str(uuid4())


class Catalog:
    """Every call names its caller. A workspace in which the caller has no role is answered as an unknown one.

    *stop_seconds*: how long a delete waits for running jobs to stop. Any call may raise StoreUnavailable.
    """

    def __init__(
        self,
        store: CatalogStore,
        engine: Engine,
        clock: Clock,
        *,
        stop_seconds: float,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._stop_seconds = stop_seconds
        self._new_id = new_id

    # ---- workspaces

    async def create_workspace(
        self, caller: Principal, display_name: str, *, description: str | None = None
    ) -> Workspace:
        """Make a workspace whose Admin is the caller. Raises NameTaken."""
        workspace = Workspace(
            id=self._new_id(),
            tenant=caller.tenant,
            display_name=display_name,
            description=description,
            created_at=self._clock.now(),
        )
        if not await self._store.add_workspace(workspace, caller.id):
            raise NameTaken(display_name)
        return workspace

    async def workspaces(self, caller: Principal, *, after: int, limit: int) -> Sequence[Workspace]:
        """Return the caller's workspaces, oldest first, above number *after*."""
        return await self._store.workspaces(caller.tenant, caller.id, after=after, limit=limit)

    async def workspace(self, caller: Principal, id: str, *, needs: Role = Role.VIEWER) -> Workspace:
        """Raises WorkspaceNotFound, and RoleTooLow where the caller's role is less than *needs*."""
        # The role is asked first, so that an unknown workspace and a foreign one take the same time.
        role = await self._store.role(id, caller.id)
        if role is None:
            raise WorkspaceNotFound(id)
        workspace = await self._store.workspace(id)
        if workspace is None or workspace.tenant != caller.tenant:
            raise WorkspaceNotFound(id)
        if role < needs:
            raise RoleTooLow(needs.name.title())
        return workspace

    async def delete_workspace(self, caller: Principal, id: str) -> None:
        """Stop all jobs of its items, then delete it whole; needs Admin.

        Raises WorkspaceNotFound, RoleTooLow, and ScopeBusy where a job did not stop: it can be repeated.
        """
        await self.workspace(caller, id, needs=Role.ADMIN)
        await self._engine.close(scopes.of_workspace(id), by=caller.id, seconds=self._stop_seconds)
        if not await self._store.delete_workspace(id):
            raise WorkspaceNotFound(id)

    # ---- items

    async def create_item(
        self,
        caller: Principal,
        workspace: str,
        type: str,
        *,
        display_name: str,
        description: str | None = None,
    ) -> Item:
        """Make an item; needs Contributor. Raises WorkspaceNotFound, RoleTooLow, NameTaken."""
        await self.workspace(caller, workspace, needs=Role.CONTRIBUTOR)
        item = Item(
            id=self._new_id(),
            workspace=workspace,
            type=type,
            display_name=display_name,
            description=description,
            created_at=self._clock.now(),
        )
        if not await self._store.add_item(item):
            await self.workspace(caller, workspace)  # it may have been deleted meanwhile
            raise NameTaken(display_name)
        return item

    async def items(
        self, caller: Principal, workspace: str, *, type: str | None, after: int, limit: int
    ) -> Sequence[Item]:
        """Return the items, of *type* if given, oldest first, above number *after*.

        Raises WorkspaceNotFound.
        """
        await self.workspace(caller, workspace)
        return await self._store.items(workspace, type=type, after=after, limit=limit)

    async def item(self, caller: Principal, workspace: str, id: str, *, needs: Role = Role.VIEWER) -> Item:
        """Raises WorkspaceNotFound, RoleTooLow, ItemNotFound."""
        await self.workspace(caller, workspace, needs=needs)
        item = await self._store.item(workspace, id)
        if item is None:
            raise ItemNotFound(workspace, id)
        return item

    async def delete_item(self, caller: Principal, workspace: str, id: str) -> None:
        """Stop the item's jobs, then delete it; needs Contributor.

        Raises WorkspaceNotFound, RoleTooLow, ItemNotFound, and ScopeBusy where a job did not stop: no new
        job is taken from then on, and the delete can be repeated.
        """
        await self.item(caller, workspace, id, needs=Role.CONTRIBUTOR)
        await self._engine.close(scopes.of_item(workspace, id), by=caller.id, seconds=self._stop_seconds)
        if not await self._store.delete_item(workspace, id):
            raise ItemNotFound(workspace, id)
