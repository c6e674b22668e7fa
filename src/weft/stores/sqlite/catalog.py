"""What the store does with workspaces, items and roles: one function a verb."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from apsw import Connection

from weft.catalog.errors import FolderNotFound, NameTaken
from weft.catalog.model import EVERYWHERE, Item, Role, Within, Workspace
from weft.catalog.ports import Reached
from weft.catalog.principals import KnownPrincipal
from weft.stores.queries import load
from weft.stores.sqlite.roles import give_role
from weft.stores.sqlite.rows import item_of, workspace_of
from weft.stores.sqlite.values import Bindings, Row, json_text, micros

SQL = load("weft.stores.sqlite", "catalog.sql")

# ---- writes


def add_workspace(db: Connection, workspace: Workspace, admin: KnownPrincipal) -> bool:
    kept: Bindings = {
        "id": workspace.id,
        "tenant": workspace.tenant,
        "display_name": workspace.display_name,
        "description": workspace.description,
        "created_at": micros(workspace.created_at),
        "capacity": workspace.capacity,
    }
    with db:
        db.execute(SQL["add_workspace"], kept)
        if not db.changes():
            return False
        give_role(db, workspace.id, admin, Role.ADMIN)
    return True


def update_workspace(
    db: Connection, id: str, display_name: str | None, description: str | None
) -> Workspace | None:
    with db:
        wanted: Bindings = {"id": id, "display_name": display_name, "description": description}
        db.execute(SQL["update_workspace"], wanted)
        is_changed = bool(db.changes())
        known = workspace(db, id)
    if known is not None and not is_changed:
        raise NameTaken(display_name or "")
    return known


def assign_capacity(db: Connection, id: str, capacity: str | None) -> bool:
    db.execute(SQL["assign_capacity"], {"id": id, "capacity": capacity})
    return bool(db.changes())


def delete_workspace(db: Connection, id: str) -> Sequence[Item] | None:
    with db:
        items = [item_of(row) for row in db.execute(SQL["delete_items"], {"workspace": id})]
        db.execute(SQL["delete_workspace"], {"id": id})
    return items if db.changes() else None


def add_item(db: Connection, item: Item, definition: bytes, is_visible: bool) -> bool:
    with db:
        db.execute(
            SQL["add_item"],
            _row_of(item)
            | {
                "type": item.type,
                "created_at": micros(item.created_at),
                "folder": item.folder,
                "is_visible": is_visible,
            },
        )
        if not db.changes():
            return False
        _keep_definition(db, item.id, definition)
    return True


def show_item(db: Connection, id: str) -> bool:
    db.execute(SQL["show_item"], {"id": id})
    return bool(db.changes())


def free_name(db: Connection, id: str) -> None:
    db.execute(SQL["free_name"], {"id": id})


def drop_hidden_item(db: Connection, id: str) -> bool:
    db.execute(SQL["drop_hidden_item"], {"id": id})
    return bool(db.changes())


def update_item(db: Connection, item: Item, definition: bytes) -> bool:
    with db:
        db.execute(SQL["update_item"], _row_of(item))
        if not db.changes():
            if db.execute(SQL["item"], {"workspace": item.workspace, "id": item.id}).get is not None:
                raise NameTaken(item.display_name)
            return False
        _keep_definition(db, item.id, definition)
    return True


def move_item(db: Connection, workspace: str, id: str, folder: str | None) -> Item | None:
    with db:
        db.execute(SQL["move_item"], {"workspace": workspace, "id": id, "folder": folder})
        is_moved = bool(db.changes())
        known = item(db, workspace, id)
    if known is not None and folder is not None and not is_moved:
        raise FolderNotFound(folder)
    return known


def delete_item(db: Connection, workspace: str, id: str) -> bool:
    db.execute(SQL["delete_item"], {"workspace": workspace, "id": id})
    return bool(db.changes())


def _row_of(item: Item) -> Bindings:
    return {
        "id": item.id,
        "workspace": item.workspace,
        "display_name": item.display_name,
        "description": item.description,
    }


def _keep_definition(db: Connection, item: str, definition: bytes) -> None:
    if definition:
        db.execute(SQL["keep_definition"], {"id": item, "definition": definition})


# ---- reads


def workspace(db: Connection, id: str) -> Workspace | None:
    rows = db.execute(SQL["workspace"], {"id": id}).fetchall()
    return workspace_of(rows[0]) if rows else None


def workspaces(
    db: Connection, tenant: str, principal: str, roles: Collection[Role] | None, after: int, limit: int
) -> Sequence[Workspace]:
    wanted: Bindings = {
        "tenant": tenant,
        "principal": principal,
        "roles": None if roles is None else json_text(list(map(int, roles))),
        "after": after,
        "limit": limit,
    }
    return [workspace_of(row) for row in db.execute(SQL["workspaces"], wanted)]


def item(db: Connection, workspace: str, id: str) -> Item | None:
    rows = db.execute(SQL["item"], {"workspace": workspace, "id": id}).fetchall()
    return item_of(rows[0]) if rows else None


def reach_item(db: Connection, workspace: str, id: str, principal: str) -> Reached | None:
    wanted: Bindings = {"workspace": workspace, "id": id, "principal": principal}
    rows = db.execute(SQL["reach_item"], wanted).fetchall()
    if not rows:
        return None
    row: Row = rows[0]
    role, tenant, found = row[0], row[1], row[2:]
    return Reached(Role(role), tenant, None if found[0] is None else item_of(found))


def items(
    db: Connection, workspace: str, type: str | None, within: Within, after: int, limit: int
) -> Sequence[Item]:
    wanted: Bindings = {"workspace": workspace, "after": after, "limit": limit}
    if within == EVERYWHERE and type is None:
        rows = db.execute(SQL["items"], wanted)
    elif within == EVERYWHERE:
        rows = db.execute(SQL["items_of_type"], wanted | {"type": type})
    elif within.root is None:
        rows = db.execute(SQL["items_at_top"], wanted | {"type": type})
    else:
        statement = "items_below" if within.is_deep else "items_in"
        rows = db.execute(SQL[statement], wanted | {"type": type, "root": within.root})
    return [item_of(row) for row in rows]


def hidden_items(db: Connection, before: datetime, limit: int) -> Sequence[Item]:
    wanted: Bindings = {"before": micros(before), "limit": limit}
    return [item_of(row) for row in db.execute(SQL["hidden_items"], wanted)]


def items_of(db: Connection, ids: Collection[str]) -> Sequence[Item]:
    return [item_of(row) for row in db.execute(SQL["items_of"], {"ids": json_text(list(ids))})]


def item_named(db: Connection, workspace: str, type: str, display_name: str) -> str | None:
    wanted: Bindings = {"workspace": workspace, "type": type, "display_name": display_name}
    id: str | None = db.execute(SQL["item_named"], wanted).get
    return id


def definition(db: Connection, workspace: str, id: str) -> bytes:
    kept: bytes | None = db.execute(SQL["definition"], {"workspace": workspace, "id": id}).get
    return kept or b""


def definition_bytes(db: Connection, workspace: str, ids: Collection[str] | None) -> int:
    wanted: Bindings = {"workspace": workspace, "ids": None if ids is None else json_text(list(ids))}
    total: int = db.execute(SQL["definition_bytes"], wanted).get
    return total
