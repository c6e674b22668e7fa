"""What the catalog needs of a store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from weft.catalog.model import EVERYWHERE, Folder, Item, Operation, Principal, Role, Within, Workspace
from weft.catalog.principals import KnownPrincipal


@dataclass(frozen=True, slots=True)
class Reached:
    """What a principal with *role* finds in a workspace of *tenant*; *item* None: no such item."""

    role: Role
    tenant: str
    item: Item | None


class FolderStore(Protocol):
    """Durable folders. Every write is on disk before its call returns; they go with their workspace.

    *deepest*: how many levels of folders there may be. Any call may raise engine.errors.StoreUnavailable;
    `tests/stores` holds the contract.
    """

    async def add_folder(self, folder: Folder, *, deepest: int) -> None:
        """Raises WorkspaceNotFound, FolderNotFound for its parent, FolderTooDeep, FolderNameTaken."""

    async def folder(self, workspace: str, id: str) -> Folder | None: ...

    async def folders(self, workspace: str, within: Within, *, after: int, limit: int) -> Sequence[Folder]:
        """Return the folders, oldest first, above number *after*."""

    async def folder_path(self, workspace: str, id: str) -> Sequence[tuple[str, str]]:
        """Return ids and names of the folder and of those above it, the uppermost first; none: no folder."""

    async def rename_folder(self, workspace: str, id: str, display_name: str) -> Folder:
        """Raises FolderNotFound, FolderNameTaken."""

    async def move_folder(self, workspace: str, id: str, parent: str | None, *, deepest: int) -> Folder:
        """Put a folder into another, None: to the top.

        Raises FolderNotFound for either, FolderLoop, FolderTooDeep, FolderNameTaken.
        """

    async def delete_folder(self, workspace: str, id: str) -> None:
        """Raises FolderNotFound, FolderNotEmpty: an item that is being made counts."""


class OperationStore(Protocol):
    """Durable long-running operations. Every write is on disk before its call returns."""

    async def add_operation(self, operation: Operation) -> None: ...

    async def operation(self, id: str, *, tenant: str, principal: str) -> Operation | None:
        """Return an operation of the principal; another's is not found."""

    async def forget_operations(self, before: datetime, limit: int) -> int:
        """Delete operations that were begun before an instant, the oldest first; return how many."""


class CatalogStore(FolderStore, OperationStore, Protocol):
    """Durable workspaces and items, and what belongs to them. Every write is on disk before its call returns.

    Any call may raise engine.errors.StoreUnavailable; `tests/stores` holds the contract.
    """

    async def add_workspace(self, workspace: Workspace, admin: KnownPrincipal) -> bool:
        """Keep a workspace whose Admin is *admin*; False where its tenant has the name."""

    async def workspace(self, id: str) -> Workspace | None: ...

    async def workspaces(
        self,
        tenant: str,
        principal: str,
        *,
        roles: Collection[Role] | None = None,
        after: int,
        limit: int,
    ) -> Sequence[Workspace]:
        """Return the workspaces in which the principal has a role, oldest first, above number *after*.

        *roles*: only those in which it is one of these.
        """

    async def update_workspace(
        self, id: str, *, display_name: str | None = None, description: str | None = None
    ) -> Workspace | None:
        """Change what is given, and return the workspace, None where it is gone. Raises NameTaken."""

    async def assign_capacity(self, id: str, capacity: str | None) -> bool:
        """Return whether the workspace is there."""

    async def delete_workspace(self, id: str) -> Sequence[Item] | None:
        """Delete a workspace and its roles; return the items that went along, or None where there is none."""

    async def role(self, workspace: str, principal: str) -> Role | None: ...

    async def add_item(self, item: Item, *, definition: bytes = b"", is_visible: bool = True) -> bool:
        """Keep an item; False where the workspace has one of that type and name, or it or the folder is gone.

        One that is not visible is found by no other verb than those that say so, but its name is taken.
        """

    async def show_item(self, id: str) -> bool:
        """Make a hidden item visible; False where there is none."""

    async def free_name(self, id: str) -> None:
        """Let others have the name of a hidden item."""

    async def drop_hidden_item(self, id: str) -> bool: ...

    async def hidden_items(self, before: datetime, *, limit: int) -> Sequence[Item]:
        """Return hidden items that were made before an instant, oldest first."""

    async def item(self, workspace: str, id: str) -> Item | None: ...

    async def reach_item(self, workspace: str, id: str, principal: str) -> Reached | None:
        """Return what a principal finds at an item's address, in one look; None: it has no role there."""

    async def items_of(self, ids: Collection[str]) -> Sequence[Item]:
        """Return the items of *ids*, whatever workspace they are in."""

    async def item_named(self, workspace: str, type: str, display_name: str) -> str | None:
        """Return the id of the item, hidden or not, that has the name."""

    async def items(
        self, workspace: str, *, type: str | None, within: Within = EVERYWHERE, after: int, limit: int
    ) -> Sequence[Item]:
        """Return the items, of *type* if given, oldest first, above number *after*."""

    async def definition(self, workspace: str, id: str) -> bytes:
        """Return an item's definition, JSON text; b"" where there is none."""

    async def definition_bytes(self, workspace: str, ids: Collection[str] | None) -> int:
        """Return how large the definitions of these items are together, None: of all in the workspace."""

    async def update_item(self, item: Item, *, definition: bytes = b"") -> bool:
        """Keep an item's name and description as they are in *item*, and its *definition* where one is given.

        False where it is gone. Raises NameTaken.
        """

    async def move_item(self, workspace: str, id: str, folder: str | None) -> Item | None:
        """Put an item into a folder of its workspace, None: to the top; None where the item is gone.

        Raises FolderNotFound.
        """

    async def delete_item(self, workspace: str, id: str) -> bool: ...


class ItemLifecycle(Protocol):
    """Tells the workload that owns an item's type what becomes of the item, and returns when it has answered.

    *payload* is a JSON object as text, *definition* the contract's ItemDefinition as JSON text; b"": none.
    Calls raise errors.ItemRefused where the workload refuses, or cannot be reached.
    """

    async def created(
        self, caller: Principal, item: Item, *, payload: bytes = b"", definition: bytes = b""
    ) -> None: ...

    async def updated(
        self, caller: Principal, item: Item, *, payload: bytes = b"", definition: bytes = b""
    ) -> None:
        """*item* is as it will be."""

    async def deleted(self, caller: Principal, item: Item, *, is_soft: bool = False) -> None:
        """Nothing is raised: a delete cannot be blocked. It is repeated for a while, then given up."""

    async def payload(self, caller: Principal, item: Item) -> bytes:
        """Return what the workload shows of the item, a JSON value; b"": nothing."""


class NoLifecycle:
    """For catalogs without workloads."""

    async def created(
        self, caller: Principal, item: Item, *, payload: bytes = b"", definition: bytes = b""
    ) -> None:
        return

    async def updated(
        self, caller: Principal, item: Item, *, payload: bytes = b"", definition: bytes = b""
    ) -> None:
        return

    async def deleted(self, caller: Principal, item: Item, *, is_soft: bool = False) -> None:
        return

    async def payload(self, caller: Principal, item: Item) -> bytes:
        return b""
