"""What the catalog needs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from weft.catalog.model import Item, Principal, Role, Workspace
from weft.catalog.principals import KnownPrincipal


class CatalogStore(Protocol):
    """Durable workspaces, items and roles. Every write is on disk before its call returns.

    Any call may raise engine.errors.StoreUnavailable; `tests/stores` holds the contract.
    """

    async def add_workspace(self, workspace: Workspace, admin: KnownPrincipal) -> bool:
        """Keep a workspace whose Admin is *admin*; False where its tenant has the name."""

    async def workspace(self, id: str) -> Workspace | None: ...

    async def workspaces(self, tenant: str, principal: str, *, after: int, limit: int) -> Sequence[Workspace]:
        """Return the workspaces in which the principal has a role, oldest first, above number *after*."""

    async def delete_workspace(self, id: str) -> Sequence[Item] | None:
        """Delete a workspace and its roles; return the items that went along, or None where there is none."""

    async def role(self, workspace: str, principal: str) -> Role | None: ...

    async def add_item(self, item: Item, *, definition: bytes = b"", is_visible: bool = True) -> bool:
        """Keep an item; False where the workspace has one of that type and name, or is gone.

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

    async def item_named(self, workspace: str, type: str, display_name: str) -> str | None:
        """Return the id of the item, hidden or not, that has the name."""

    async def items(self, workspace: str, *, type: str | None, after: int, limit: int) -> Sequence[Item]:
        """Return the items, of *type* if given, oldest first, above number *after*."""

    async def definition(self, workspace: str, id: str) -> bytes:
        """Return an item's definition, JSON text; b"" where there is none."""

    async def update_item(self, item: Item, *, definition: bytes = b"") -> bool:
        """Keep an item's name and description as they are in *item*, and its *definition* where one is given.

        False where it is gone. Raises NameTaken.
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
