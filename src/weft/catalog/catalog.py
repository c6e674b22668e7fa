"""The catalog: makes, finds and deletes workspaces and items for those whose role allows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from weft.catalog import scopes
from weft.catalog.capacities import check_capacity
from weft.catalog.errors import (
    ItemNotFound,
    ItemRefused,
    NameTaken,
    RoleTooLow,
    WorkspaceNotFound,
)
from weft.catalog.exports import Exports
from weft.catalog.folders import Folders
from weft.catalog.locks import Locks
from weft.catalog.model import EVERYWHERE, Item, Principal, Role, Within, Workspace
from weft.catalog.operations import Operations
from weft.catalog.ports import CatalogStore, ItemLifecycle, NoLifecycle
from weft.catalog.principals import as_known
from weft.engine.engine import Engine
from weft.engine.ports import Clock

TOLD_AT_ONCE: Final = 16
"""How many items of a workspace, or of those left behind, have their workloads told at the same time."""

LEFT_BEHIND_AFTER: Final = timedelta(minutes=1)
"""How old a hidden item is at least when nobody can be making it any more."""

NO_LIMIT: Final = 2**63 - 1

log = logging.getLogger(__name__)


def random_id() -> str:
    return str(uuid4())


class Catalog:
    """Every call names its caller. A workspace in which the caller has no role is answered as an unknown one.

    *stop_seconds*: how long a delete waits for running jobs to stop. *lifecycle* tells workloads of their
    items. Any call may raise StoreUnavailable.
    """

    def __init__(
        self,
        store: CatalogStore,
        engine: Engine,
        clock: Clock,
        *,
        stop_seconds: float,
        lifecycle: ItemLifecycle | None = None,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._stop_seconds = stop_seconds
        self._lifecycle = lifecycle or NoLifecycle()
        self._new_id = new_id
        self.folders = Folders(store, self.workspace, clock, new_id)
        self.exports = Exports(store, self.workspace, self.folders)
        self.operations = Operations(store, clock, new_id)
        self._being_made: set[str] = set()
        self._items = Locks()  # what is told of one item is told, and kept, one after the other
        self._names = Locks()  # a name that an update is about to take is nobody else's meanwhile

    # ---- workspaces

    async def create_workspace(
        self,
        caller: Principal,
        display_name: str,
        *,
        description: str | None = None,
        capacity: str | None = None,
    ) -> Workspace:
        """Make a workspace whose Admin is the caller. Raises NameTaken, CapacityNotFound."""
        check_capacity(caller.tenant, capacity)
        workspace = Workspace(
            id=self._new_id(),
            tenant=caller.tenant,
            display_name=display_name,
            description=description,
            created_at=self._clock.now(),
            capacity=capacity,
        )
        if not await self._store.add_workspace(workspace, as_known(caller)):
            raise NameTaken(display_name)
        return workspace

    async def workspaces(
        self, caller: Principal, *, roles: Collection[Role] | None = None, after: int, limit: int
    ) -> Sequence[Workspace]:
        """Return the caller's workspaces, oldest first, above number *after*.

        *roles*: only those in which the caller is one of these.
        """
        return await self._store.workspaces(caller.tenant, caller.id, roles=roles, after=after, limit=limit)

    async def reach(self, caller: Principal) -> frozenset[str]:
        """Return the ids of all workspaces in which the caller has a role."""
        known = await self._store.workspaces(caller.tenant, caller.id, roles=None, after=0, limit=NO_LIMIT)
        return frozenset(workspace.id for workspace in known)

    async def workspace(self, caller: Principal, id: str, *, needs: Role = Role.VIEWER) -> Workspace:
        """Raises WorkspaceNotFound, and RoleTooLow where the caller's role is less than *needs*."""
        workspace, role = await self._entered(caller, id)
        if role < needs:
            raise RoleTooLow(needs)
        return workspace

    async def role(self, caller: Principal, workspace: str) -> Role:
        """Raises WorkspaceNotFound."""
        _, role = await self._entered(caller, workspace)
        return role

    async def update_workspace(
        self,
        caller: Principal,
        id: str,
        *,
        display_name: str | None = None,
        description: str | None = None,
    ) -> Workspace:
        """Change what is given of a workspace, and return it; needs Admin.

        Raises WorkspaceNotFound, RoleTooLow, NameTaken.
        """
        await self.workspace(caller, id, needs=Role.ADMIN)
        changed = await self._store.update_workspace(id, display_name=display_name, description=description)
        if changed is None:
            raise WorkspaceNotFound(id)
        return changed

    async def assign_capacity(self, caller: Principal, id: str, capacity: str | None) -> None:
        """Assign a workspace to a capacity, None: to none; needs Admin.

        Raises WorkspaceNotFound, RoleTooLow, CapacityNotFound.
        """
        await self.workspace(caller, id, needs=Role.ADMIN)
        check_capacity(caller.tenant, capacity)
        if not await self._store.assign_capacity(id, capacity):
            raise WorkspaceNotFound(id)

    async def delete_workspace(self, caller: Principal, id: str) -> None:
        """Stop all jobs of its items, tell their workloads, then delete it whole; needs Admin.

        Raises WorkspaceNotFound, RoleTooLow, and ScopeBusy where a job did not stop: it can be repeated.
        """
        await self.workspace(caller, id, needs=Role.ADMIN)
        await self._engine.close(scopes.of_workspace(id), by=caller.id, seconds=self._stop_seconds)
        after = 0
        while items := await self._store.items(id, type=None, after=after, limit=TOLD_AT_ONCE):
            after = items[-1].number
            await _all(self._remove(caller, item) for item in items)
        late = await self._store.delete_workspace(id)
        if late is None:
            raise WorkspaceNotFound(id)
        await _all(self._lifecycle.deleted(caller, item) for item in late)

    # ---- items

    async def create_item(  # noqa: PLR0913 - each says one thing of the item
        self,
        caller: Principal,
        workspace: str,
        type: str,
        *,
        display_name: str,
        description: str | None = None,
        folder: str | None = None,
        payload: bytes = b"",
        definition: bytes = b"",
    ) -> Item:
        """Make an item, if its workload agrees; needs Contributor.

        *payload* is for the workload alone: it is not kept. Raises WorkspaceNotFound, RoleTooLow,
        FolderNotFound, NameTaken, and ItemRefused: then there is no item.
        """
        await self.workspace(caller, workspace, needs=Role.CONTRIBUTOR)
        await self.folders.check(workspace, folder)
        item = Item(
            id=self._new_id(),
            workspace=workspace,
            type=type,
            display_name=display_name,
            description=description,
            created_at=self._clock.now(),
            folder=folder,
        )
        self._being_made.add(item.id)
        try:
            await self._reserve(caller, item, definition)
            await self._ask_to_create(caller, item, payload, definition)
            await self._show(caller, item)
        finally:
            self._being_made.discard(item.id)
        return item

    async def items(
        self,
        caller: Principal,
        workspace: str,
        *,
        type: str | None,
        within: Within = EVERYWHERE,
        after: int,
        limit: int,
    ) -> Sequence[Item]:
        """Return the items, of *type* if given, oldest first, above number *after*.

        Raises WorkspaceNotFound, FolderNotFound.
        """
        await self.workspace(caller, workspace)
        await self.folders.check(workspace, within.root)
        return await self._store.items(workspace, type=type, within=within, after=after, limit=limit)

    async def item(self, caller: Principal, workspace: str, id: str, *, needs: Role = Role.VIEWER) -> Item:
        """Raises WorkspaceNotFound, RoleTooLow, ItemNotFound."""
        reached = await self._store.reach_item(workspace, id, caller.id)
        if reached is None or reached.tenant != caller.tenant:
            raise WorkspaceNotFound(workspace)
        if reached.role < needs:
            raise RoleTooLow(needs)
        if reached.item is None:
            raise ItemNotFound(workspace, id)
        return reached.item

    async def items_of(self, caller: Principal, ids: Collection[str]) -> Sequence[Item]:
        """Return those items of *ids* that are in workspaces of the caller."""
        within = await self.reach(caller)
        return [item for item in await self._store.items_of(ids) if item.workspace in within]

    async def definition(self, caller: Principal, workspace: str, id: str) -> bytes:
        """Return the item's definition, JSON text, b"" where it has none; needs Contributor, as published.

        Raises WorkspaceNotFound, RoleTooLow, ItemNotFound.
        """
        await self.item(caller, workspace, id, needs=Role.CONTRIBUTOR)
        return await self._store.definition(workspace, id)

    async def update_item(
        self,
        caller: Principal,
        workspace: str,
        id: str,
        *,
        display_name: str | None = None,
        description: str | None = None,
        definition: bytes = b"",
    ) -> Item:
        """Change what is given of an item, if its workload agrees, and return it; needs Contributor.

        Raises WorkspaceNotFound, RoleTooLow, ItemNotFound, NameTaken, and ItemRefused: then all is as it was.
        """
        await self.workspace(caller, workspace, needs=Role.CONTRIBUTOR)
        async with self._items.of(id):
            item = await self._known(workspace, id)
            changed = replace(
                item,
                display_name=item.display_name if display_name is None else display_name,
                description=item.description if description is None else description,
            )
            async with self._names.of(_name_of(changed)):
                await self._change(caller, changed, definition)
        return changed

    async def move_item(self, caller: Principal, workspace: str, id: str, folder: str | None) -> Item:
        """Put an item into a folder of its workspace, None: to the top; needs Contributor.

        Raises WorkspaceNotFound, RoleTooLow, ItemNotFound, FolderNotFound.
        """
        await self.item(caller, workspace, id, needs=Role.CONTRIBUTOR)
        moved = await self._store.move_item(workspace, id, folder)
        if moved is None:
            raise ItemNotFound(workspace, id)
        return moved

    async def delete_item(self, caller: Principal, workspace: str, id: str) -> None:
        """Stop the item's jobs, tell its workload, then delete it; needs Contributor.

        Raises WorkspaceNotFound, RoleTooLow, ItemNotFound, and ScopeBusy where a job did not stop: no new
        job is taken from then on, and the delete can be repeated.
        """
        item = await self.item(caller, workspace, id, needs=Role.CONTRIBUTOR)
        await self._engine.close(scopes.of_item(workspace, id), by=caller.id, seconds=self._stop_seconds)
        if not await self._remove(caller, item):
            raise ItemNotFound(workspace, id)

    async def sweep(self) -> None:
        """Remove items whose making was cut off, by a crash or by a workload that did not answer.

        Their workloads may have heard of them, and are told on nobody's behalf. So go the operations that
        nobody can ask for any more. A maintenance duty: it takes some at a time.
        """
        before = self._clock.now() - LEFT_BEHIND_AFTER
        hidden = await self._store.hidden_items(before, limit=TOLD_AT_ONCE)
        await _all(self._sweep(item) for item in hidden if item.id not in self._being_made)
        await self.operations.forget()

    # ---- steps

    async def _entered(self, caller: Principal, id: str) -> tuple[Workspace, Role]:
        # The role is asked first, so that an unknown workspace and a foreign one take the same time.
        role = await self._store.role(id, caller.id)
        if role is None:
            raise WorkspaceNotFound(id)
        workspace = await self._store.workspace(id)
        if workspace is None or workspace.tenant != caller.tenant:
            raise WorkspaceNotFound(id)
        return workspace, role

    async def _known(self, workspace: str, id: str) -> Item:
        item = await self._store.item(workspace, id)
        if item is None:
            raise ItemNotFound(workspace, id)
        return item

    async def _reserve(self, caller: Principal, item: Item, definition: bytes) -> None:
        """Keep an item that nobody sees yet."""
        async with self._names.of(_name_of(item)):
            kept = await self._store.add_item(item, definition=definition, is_visible=False)
        if not kept:
            await self.workspace(caller, item.workspace)  # it may have been deleted meanwhile
            await self.folders.check(item.workspace, item.folder)
            raise NameTaken(item.display_name)

    async def _ask_to_create(self, caller: Principal, item: Item, payload: bytes, definition: bytes) -> None:
        try:
            await self._lifecycle.created(caller, item, payload=payload, definition=definition)
        except ItemRefused as refused:
            if refused.status is None or refused.status >= 500:
                # The workload may have it all the same: it stays hidden until `sweep` has told it otherwise.
                await self._store.free_name(item.id)
            else:
                await self._store.drop_hidden_item(item.id)
            raise

    async def _show(self, caller: Principal, item: Item) -> None:
        if await self._store.show_item(item.id):
            return
        await self._lifecycle.deleted(caller, item)
        raise WorkspaceNotFound(item.workspace)  # nothing else takes away an item that is being made

    async def _change(self, caller: Principal, item: Item, definition: bytes) -> None:
        holder = await self._store.item_named(item.workspace, item.type, item.display_name)
        if holder not in (None, item.id):
            raise NameTaken(item.display_name)
        await self._lifecycle.updated(caller, item, definition=definition)
        if not await self._store.update_item(item, definition=definition):
            raise ItemNotFound(item.workspace, item.id)  # its workspace was deleted meanwhile

    async def _remove(self, caller: Principal, item: Item) -> bool:
        """Return whether it was this call that deleted the item."""
        async with self._items.of(item.id):
            if await self._store.item(item.workspace, item.id) is None:
                return False
            await self._lifecycle.deleted(caller, item)
            return await self._store.delete_item(item.workspace, item.id)

    async def _sweep(self, item: Item) -> None:
        workspace = await self._store.workspace(item.workspace)
        if workspace is None:
            return  # deleted meanwhile, and the item with it
        log.warning("removing an item that was never made", extra={"item": item.id, "item_type": item.type})
        nobody = Principal(id="", tenant=workspace.tenant, name="", is_app=True, scopes=frozenset())
        await self._lifecycle.deleted(nobody, item)
        await self._store.drop_hidden_item(item.id)


def _name_of(item: Item) -> tuple[str, str, str]:
    return item.workspace, item.type, item.display_name


async def _all(steps: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Take all *steps* at once, and wait for each; then raise what the first that failed raised."""
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
