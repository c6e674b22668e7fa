"""What the store does with workspaces, items and roles: one function a verb."""

from __future__ import annotations

from collections.abc import Sequence

from apsw import Connection

from weft.catalog.errors import WorkspaceNotFound
from weft.catalog.model import Item, Role, Workspace
from weft.stores.queries import load
from weft.stores.sqlite.rows import Bindings, item_of, micros, workspace_of

SQL = load("weft.stores.sqlite", "catalog.sql")

# ---- writes


def add_workspace(db: Connection, workspace: Workspace, admin: str) -> bool:
    kept: Bindings = {
        "id": workspace.id,
        "tenant": workspace.tenant,
        "display_name": workspace.display_name,
        "description": workspace.description,
        "created_at": micros(workspace.created_at),
    }
    with db:
        db.execute(SQL["add_workspace"], kept)
        if not db.changes():
            return False
        set_role(db, workspace.id, admin, Role.ADMIN)
    return True


def delete_workspace(db: Connection, id: str) -> bool:
    db.execute(SQL["delete_workspace"], {"id": id})
    return bool(db.changes())


def set_role(db: Connection, workspace: str, principal: str, role: Role) -> None:
    db.execute(SQL["set_role"], {"workspace": workspace, "principal": principal, "role": int(role)})
    if not db.changes():
        raise WorkspaceNotFound(workspace)


def add_item(db: Connection, item: Item) -> bool:
    kept: Bindings = {
        "id": item.id,
        "workspace": item.workspace,
        "type": item.type,
        "display_name": item.display_name,
        "description": item.description,
        "created_at": micros(item.created_at),
    }
    db.execute(SQL["add_item"], kept)
    return bool(db.changes())


def delete_item(db: Connection, workspace: str, id: str) -> bool:
    db.execute(SQL["delete_item"], {"workspace": workspace, "id": id})
    return bool(db.changes())


# ---- reads


def workspace(db: Connection, id: str) -> Workspace | None:
    rows = db.execute(SQL["workspace"], {"id": id}).fetchall()
    return workspace_of(rows[0]) if rows else None


def workspaces(db: Connection, tenant: str, principal: str, after: int, limit: int) -> Sequence[Workspace]:
    wanted: Bindings = {"tenant": tenant, "principal": principal, "after": after, "limit": limit}
    return [workspace_of(row) for row in db.execute(SQL["workspaces"], wanted)]


def role(db: Connection, workspace: str, principal: str) -> Role | None:
    held = db.execute(SQL["role"], {"workspace": workspace, "principal": principal}).get
    return None if held is None else Role(held)


def item(db: Connection, workspace: str, id: str) -> Item | None:
    rows = db.execute(SQL["item"], {"workspace": workspace, "id": id}).fetchall()
    return item_of(rows[0]) if rows else None


def items(db: Connection, workspace: str, type: str | None, after: int, limit: int) -> Sequence[Item]:
    wanted: Bindings = {"workspace": workspace, "after": after, "limit": limit}
    if type is None:
        rows = db.execute(SQL["items"], wanted)
    else:
        rows = db.execute(SQL["items_of_type"], wanted | {"type": type})
    return [item_of(row) for row in rows]
