"""What the catalog needs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weft.catalog.model import Item, Role, Workspace


class CatalogStore(Protocol):
    """Durable workspaces, items and roles. Every write is on disk before its call returns.

    Any call may raise engine.errors.StoreUnavailable; `tests/stores` holds the contract.
    """

    async def add_workspace(self, workspace: Workspace, admin: str) -> bool:
        """Keep a workspace whose Admin is the principal *admin*; False where its tenant has the name."""

    async def workspace(self, id: str) -> Workspace | None: ...

    async def workspaces(self, tenant: str, principal: str, *, after: int, limit: int) -> Sequence[Workspace]:
        """Return the workspaces in which the principal has a role, oldest first, above number *after*."""

    async def delete_workspace(self, id: str) -> bool:
        """Delete a workspace, its roles and its items; False where there is none."""

    async def role(self, workspace: str, principal: str) -> Role | None: ...

    async def set_role(self, workspace: str, principal: str, role: Role) -> None: ...

    async def add_item(self, item: Item) -> bool:
        """Keep an item; False where the workspace has one of that type and name, or is gone."""

    async def item(self, workspace: str, id: str) -> Item | None: ...

    async def items(self, workspace: str, *, type: str | None, after: int, limit: int) -> Sequence[Item]:
        """Return the items, of *type* if given, oldest first, above number *after*."""

    async def delete_item(self, workspace: str, id: str) -> bool: ...
