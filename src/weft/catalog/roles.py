"""Who has which role in a workspace, and who may give, change and take roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from weft.catalog.catalog import Catalog
from weft.catalog.errors import AlreadyHasRole, PrincipalNotFound, RoleNotFound, RoleTooLow
from weft.catalog.model import Principal, Role
from weft.catalog.principals import KnownPrincipal, Principals


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssignment:
    """*principal* is an object id. *known*: as it was known when the role was given; None: not known."""

    workspace: str
    principal: str
    role: Role
    known: KnownPrincipal | None
    number: int = 0


class RoleStore(Protocol):
    """Durable roles. Every write is on disk before its call returns.

    Any call may raise engine.errors.StoreUnavailable; `tests/stores` holds the contract.
    """

    async def give_role(self, workspace: str, to: KnownPrincipal, role: Role) -> bool:
        """False where the principal has a role already. Raises WorkspaceNotFound."""

    async def change_role(self, workspace: str, principal: str, role: Role) -> RoleAssignment | None:
        """Return the assignment as it is then; None where there is none. Raises LastAdmin."""

    async def take_role(self, workspace: str, principal: str) -> bool:
        """Return whether there was one. Raises LastAdmin."""

    async def assignment(self, workspace: str, principal: str) -> RoleAssignment | None: ...

    async def assignments(self, workspace: str, *, after: int, limit: int) -> Sequence[RoleAssignment]:
        """Return the assignments above number *after*, in the order in which they were made."""


class Roles:
    """The rules are those published with each operation; docs/fidelity.md says where they are silent.

    Every call names its caller, and may raise WorkspaceNotFound, RoleTooLow and StoreUnavailable.
    """

    def __init__(self, catalog: Catalog, store: RoleStore, principals: Principals) -> None:
        self._catalog = catalog
        self._store = store
        self._principals = principals

    async def all(
        self, caller: Principal, workspace: str, *, after: int, limit: int
    ) -> Sequence[RoleAssignment]:
        """Return the assignments above number *after*, in the order they were made; needs Member."""
        await self._catalog.workspace(caller, workspace, needs=Role.MEMBER)
        found = await self._store.assignments(workspace, after=after, limit=limit)
        return [self._named(caller, one) for one in found]

    async def one(self, caller: Principal, workspace: str, principal: str) -> RoleAssignment:
        """Needs Member. Raises RoleNotFound."""
        await self._catalog.workspace(caller, workspace, needs=Role.MEMBER)
        return self._found(caller, workspace, principal, await self._store.assignment(workspace, principal))

    async def give(self, caller: Principal, workspace: str, principal: str, role: Role) -> KnownPrincipal:
        """Give a role to who has none; needs Member, and to make an Admin, Admin.

        Raises PrincipalNotFound, AlreadyHasRole.
        """
        held = await self._catalog.role(caller, workspace)
        needed = max(Role.MEMBER, role)
        if held < needed:
            raise RoleTooLow(needed)
        known = self._principals.find(caller.tenant, principal)
        if known is None:
            raise PrincipalNotFound(workspace, principal)
        if not await self._store.give_role(workspace, known, role):
            raise AlreadyHasRole(workspace, principal)
        return known

    async def change(self, caller: Principal, workspace: str, principal: str, role: Role) -> RoleAssignment:
        """Needs Admin. Raises RoleNotFound, LastAdmin."""
        await self._catalog.workspace(caller, workspace, needs=Role.ADMIN)
        changed = await self._store.change_role(workspace, principal, role)
        return self._found(caller, workspace, principal, changed)

    async def take(self, caller: Principal, workspace: str, principal: str) -> None:
        """Needs Admin. Raises RoleNotFound, LastAdmin."""
        await self._catalog.workspace(caller, workspace, needs=Role.ADMIN)
        if not await self._store.take_role(workspace, principal):
            raise RoleNotFound(workspace, principal)

    def _found(
        self, caller: Principal, workspace: str, principal: str, found: RoleAssignment | None
    ) -> RoleAssignment:
        if found is None:
            raise RoleNotFound(workspace, principal)
        return self._named(caller, found)

    def _named(self, caller: Principal, assignment: RoleAssignment) -> RoleAssignment:
        """Roles that were given before version 0.4 are kept without whose they are."""
        if assignment.known is not None:
            return assignment
        return replace(assignment, known=self._principals.find(caller.tenant, assignment.principal))
