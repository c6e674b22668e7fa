"""What the store does with roles: one function a verb."""

from __future__ import annotations

from collections.abc import Sequence

from apsw import Connection

from weft.catalog.errors import LastAdmin, WorkspaceNotFound
from weft.catalog.model import Role
from weft.catalog.principals import KnownPrincipal, PrincipalKind
from weft.catalog.roles import RoleAssignment
from weft.stores.queries import load
from weft.stores.sqlite.values import Bindings, Row

SQL = load("weft.stores.sqlite", "roles.sql")

# ---- writes


def give_role(db: Connection, workspace: str, to: KnownPrincipal, role: Role) -> bool:
    given: Bindings = {
        "workspace": workspace,
        "principal": to.id,
        "role": int(role),
        "kind": to.kind,
        "name": to.name,
        "upn": to.upn,
        "app_id": to.app_id,
    }
    db.execute(SQL["give_role"], given)
    if db.changes():
        return True
    if _role(db, workspace, to.id) is None:
        raise WorkspaceNotFound(workspace)
    return False


def change_role(db: Connection, workspace: str, principal: str, role: Role) -> RoleAssignment | None:
    whose = _whose(workspace, principal)
    rows = db.execute(SQL["change_role"], whose | {"role": int(role), "admin": int(Role.ADMIN)}).fetchall()
    if rows:
        return _assignment_of(rows[0])
    _check_not_last(db, workspace, principal)
    return None


def take_role(db: Connection, workspace: str, principal: str) -> bool:
    db.execute(SQL["take_role"], _whose(workspace, principal) | {"admin": int(Role.ADMIN)})
    if db.changes():
        return True
    _check_not_last(db, workspace, principal)
    return False


def _check_not_last(db: Connection, workspace: str, principal: str) -> None:
    """Raises LastAdmin: no other role is held fast."""
    if _role(db, workspace, principal) is not None:
        raise LastAdmin(workspace, principal)


# ---- reads


def role(db: Connection, workspace: str, principal: str) -> Role | None:
    held = _role(db, workspace, principal)
    return None if held is None else Role(held)


def assignment(db: Connection, workspace: str, principal: str) -> RoleAssignment | None:
    rows = db.execute(SQL["assignment"], _whose(workspace, principal)).fetchall()
    return _assignment_of(rows[0]) if rows else None


def assignments(db: Connection, workspace: str, after: int, limit: int) -> Sequence[RoleAssignment]:
    wanted: Bindings = {"workspace": workspace, "after": after, "limit": limit}
    return [_assignment_of(row) for row in db.execute(SQL["assignments"], wanted)]


def _role(db: Connection, workspace: str, principal: str) -> int | None:
    held: int | None = db.execute(SQL["role"], _whose(workspace, principal)).get
    return held


def _whose(workspace: str, principal: str) -> Bindings:
    return {"workspace": workspace, "principal": principal}


def _assignment_of(row: Row) -> RoleAssignment:
    workspace, principal, role, kind, name, upn, app_id, number = row
    known = None
    if kind is not None:
        known = KnownPrincipal(id=principal, name=name, kind=PrincipalKind(kind), upn=upn, app_id=app_id)
    return RoleAssignment(
        workspace=workspace, principal=principal, role=Role(role), known=known, number=number
    )
