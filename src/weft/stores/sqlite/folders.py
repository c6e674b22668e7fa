"""What the store does with the folders of workspaces: one function a verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from apsw import Connection

from weft.catalog.errors import (
    FolderLoop,
    FolderNameTaken,
    FolderNotEmpty,
    FolderNotFound,
    FolderTooDeep,
    WorkspaceNotFound,
)
from weft.catalog.model import Folder, Within
from weft.stores.queries import load
from weft.stores.sqlite.values import Bindings, Row, instant, micros

SQL = load("weft.stores.sqlite", "folders.sql")

# ---- writes


def add_folder(db: Connection, folder: Folder, deepest: int) -> None:
    with db:
        if folder.parent is not None and len(path(db, folder.workspace, folder.parent)) >= deepest:
            raise FolderTooDeep(folder.parent, deepest)
        db.execute(SQL["add_folder"], _row_of(folder) | {"created_at": micros(folder.created_at)})
        if not db.changes():
            raise _why_not_added(db, folder)


def rename_folder(db: Connection, workspace: str, id: str, display_name: str) -> Folder:
    with db:
        db.execute(SQL["rename_folder"], {"workspace": workspace, "id": id, "display_name": display_name})
        renamed = db.changes()
        known = _known(db, workspace, id)
    if not renamed:
        raise FolderNameTaken(display_name)
    return known


def move_folder(db: Connection, workspace: str, id: str, parent: str | None, deepest: int) -> Folder:
    with db:
        known = _known(db, workspace, id)
        if parent is not None:
            _check_target(db, known, parent, deepest)
        db.execute(SQL["move_folder"], {"workspace": workspace, "id": id, "parent": parent})
        if not db.changes():
            raise FolderNameTaken(known.display_name)
    return replace(known, parent=parent)


def delete_folder(db: Connection, workspace: str, id: str) -> None:
    with db:
        db.execute(SQL["delete_folder"], {"workspace": workspace, "id": id})
        if not db.changes():
            _known(db, workspace, id)
            raise FolderNotEmpty(id)


def _why_not_added(db: Connection, folder: Folder) -> Exception:
    if folder.parent is not None and known_folder(db, folder.workspace, folder.parent) is None:
        return FolderNotFound(folder.parent)
    if db.execute(SQL["workspace_of_folders"], {"workspace": folder.workspace}).get is None:
        return WorkspaceNotFound(folder.workspace)
    return FolderNameTaken(folder.display_name)


def _check_target(db: Connection, moved: Folder, parent: str, deepest: int) -> None:
    above = path(db, moved.workspace, parent)
    if not above:
        raise FolderNotFound(parent)
    if moved.id in (id for id, _ in above):
        raise FolderLoop(moved.id, parent)
    levels: int = db.execute(SQL["levels"], {"workspace": moved.workspace, "id": moved.id}).get
    if len(above) + levels > deepest:
        raise FolderTooDeep(parent, deepest)


def _known(db: Connection, workspace: str, id: str) -> Folder:
    known = known_folder(db, workspace, id)
    if known is None:
        raise FolderNotFound(id)
    return known


def _row_of(folder: Folder) -> Bindings:
    return {
        "id": folder.id,
        "workspace": folder.workspace,
        "parent": folder.parent,
        "display_name": folder.display_name,
    }


# ---- reads


def known_folder(db: Connection, workspace: str, id: str) -> Folder | None:
    rows = db.execute(SQL["folder"], {"workspace": workspace, "id": id}).fetchall()
    return _folder_of(rows[0]) if rows else None


def folders(db: Connection, workspace: str, within: Within, after: int, limit: int) -> Sequence[Folder]:
    wanted: Bindings = {"workspace": workspace, "after": after, "limit": limit}
    if within.root is not None:
        statement = "folders_below" if within.is_deep else "folders_in"
        wanted |= {"root": within.root}
    else:
        statement = "folders" if within.is_deep else "folders_at_top"
    return [_folder_of(row) for row in db.execute(SQL[statement], wanted)]


def path(db: Connection, workspace: str, id: str) -> Sequence[tuple[str, str]]:
    rows: list[Row] = db.execute(SQL["path"], {"workspace": workspace, "id": id}).fetchall()
    return [(id, name) for id, name in rows]


def _folder_of(row: Row) -> Folder:
    id, workspace, parent, display_name, created_at, number = row
    return Folder(
        id=id,
        workspace=workspace,
        parent=parent,
        display_name=display_name,
        created_at=instant(created_at),
        number=number,
    )
