"""Folders of a workspace, in which items lie; below the address of a workspace."""

from __future__ import annotations

from starlette.responses import Response

from weft.catalog.model import Within
from weft.contracts import core as wire
from weft.faces.core import access, answers, mapping
from weft.faces.core.calls import Call, Operation
from weft.faces.core.workspace_requests import folder_name, new_folder, target_folder
from weft.faces.http import canonical_uuid

ROOT = "rootFolderId"
RECURSIVE = "recursive"


async def list_all(call: Call) -> Response:
    workspace = call.path_id("workspaceId")
    within, query = wanted(call)
    found, *onward = await call.page(
        _path(workspace),
        query,
        lambda after, limit: call.core.catalog.folders.all(
            call.caller, workspace, within, after=after or 0, limit=limit
        ),
    )
    return answers.with_body(200, wire.Folders([mapping.folder(folder) for folder in found], *onward))


async def create(call: Call) -> Response:
    workspace = call.path_id("workspaceId")
    request = new_folder(await call.body())
    made = await call.core.catalog.folders.create(
        call.caller, workspace, request.display_name, parent=request.parent_folder_id
    )
    location = {"Location": call.url(f"{_path(workspace)}/{made.id}")}
    return answers.with_body(201, mapping.folder(made), location)


async def get(call: Call) -> Response:
    workspace, id = _ids(call)
    return answers.with_body(
        200, mapping.folder(await call.core.catalog.folders.one(call.caller, workspace, id))
    )


async def update(call: Call) -> Response:
    workspace, id = _ids(call)
    name = folder_name(await call.body())
    renamed = await call.core.catalog.folders.rename(call.caller, workspace, id, name)
    return answers.with_body(200, mapping.folder(renamed))


async def move(call: Call) -> Response:
    workspace, id = _ids(call)
    target = target_folder(await call.body())
    moved = await call.core.catalog.folders.move(call.caller, workspace, id, target)
    return answers.with_body(200, mapping.folder(moved))


async def delete(call: Call) -> Response:
    workspace, id = _ids(call)
    await call.core.catalog.folders.delete(call.caller, workspace, id)
    return answers.without_body(200)


def wanted(call: Call) -> tuple[Within, dict[str, str]]:
    """Return where a list is to look, and the parameters that say so. Raises Refused."""
    query = {name: given for name in (RECURSIVE, ROOT) if (given := call.query(name)) is not None}
    root = canonical_uuid(query[ROOT], ROOT) if ROOT in query else None
    return Within(root, is_deep=call.flag(RECURSIVE, default=True)), query


def _ids(call: Call) -> tuple[str, str]:
    return call.path_id("workspaceId"), call.path_id("folderId")


def _path(workspace: str) -> str:
    return f"/workspaces/{workspace}/folders"


FOLDERS = "/folders"
FOLDER = f"{FOLDERS}/{{folderId}}"
ADDRESSES: dict[str, dict[str, Operation]] = {
    FOLDERS: {
        "GET": Operation(list_all, access.READ_WORKSPACES),
        "POST": Operation(create, access.WRITE_WORKSPACES),
    },
    FOLDER: {
        "GET": Operation(get, access.READ_WORKSPACES),
        "PATCH": Operation(update, access.WRITE_WORKSPACES),
        "DELETE": Operation(delete, access.WRITE_WORKSPACES),
    },
    f"{FOLDER}/move": {"POST": Operation(move, access.WRITE_WORKSPACES)},
}
