"""Items: create, list, get, update, move, delete; and how a call finds an item."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from weft.catalog.errors import ItemNotFound
from weft.catalog.fabric_types import item_type_of_collection
from weft.catalog.model import Item, OperationKind, Role
from weft.contracts import core as wire
from weft.faces.core import answers, folders, mapping, operations
from weft.faces.core.calls import Call, Page
from weft.faces.core.item_requests import (
    creation_payload,
    item_request,
    item_type_filter,
    item_update,
)
from weft.faces.core.own_errors import InvalidItemType
from weft.faces.core.workspace_requests import target_folder

NO_VERSION = {"ETag": '""'}  # as the service sends it: items have no versions


async def create(call: Call) -> Response:
    workspace = call.path_id("workspaceId")
    raw = await call.body()
    await call.core.catalog.workspace(call.caller, workspace, needs=Role.CONTRIBUTOR)
    return await make(call, workspace, item_request(raw))


async def make(call: Call, workspace: str, request: wire.CreateItemRequest) -> Response:
    item_type = call.core.directory.item_type(request.type)
    if item_type is None:
        raise InvalidItemType(request.type)
    call.scopes.check_for(call.caller, item_type)
    made = await call.core.catalog.create_item(
        call.caller,
        workspace,
        item_type,
        display_name=request.display_name,
        description=request.description,
        folder=request.folder_id,
        payload=creation_payload(request),
        definition=b"" if request.definition is None else msgspec.json.encode(request.definition),
    )
    if request.definition is not None and operations.answers_later(OperationKind.CREATE, item_type):
        return await operations.accepted(call, OperationKind.CREATE, workspace, [made.id], NO_VERSION)
    return answers.with_body(201, mapping.item(made), NO_VERSION)


async def list_all(call: Call) -> Response:
    workspace, item_type = call.path_id("workspaceId"), _wanted_type(call)
    query = {} if item_type is None else {"type": item_type}
    found, *onward = await page(call, f"/workspaces/{workspace}/items", item_type, query)
    return answers.with_body(200, wire.Items([mapping.listed_item(item) for item in found], *onward))


async def page(call: Call, path: str, item_type: str | None, query: dict[str, str]) -> Page[Item]:
    """*query*: what the caller chose, besides the folder to look in, which is read here."""
    workspace = call.path_id("workspaceId")
    within, chosen = folders.wanted(call)
    return await call.page(
        path,
        {**query, **chosen},
        lambda after, limit: call.core.catalog.items(
            call.caller, workspace, type=item_type, within=within, after=after or 0, limit=limit
        ),
    )


async def get(call: Call) -> Response:
    return answers.with_body(200, mapping.item(await find(call)), NO_VERSION)


async def update(call: Call) -> Response:
    return answers.with_body(200, mapping.item(await change(call)), NO_VERSION)


async def change(call: Call) -> Item:
    """Give the item of the path another name or description, and return it."""
    raw = await call.body()
    item = await find(call, needs=Role.CONTRIBUTOR)
    request = item_update(raw)
    return await call.core.catalog.update_item(
        call.caller,
        item.workspace,
        item.id,
        display_name=request.display_name,
        description=request.description,
    )


async def move(call: Call) -> Response:
    raw = await call.body()
    item = await find(call, needs=Role.CONTRIBUTOR)
    moved = await call.core.catalog.move_item(call.caller, item.workspace, item.id, target_folder(raw))
    return answers.with_body(200, wire.MovedItems([mapping.item(moved)]))


async def delete(call: Call) -> Response:
    item = await find(call, needs=Role.CONTRIBUTOR)
    await call.core.catalog.delete_item(call.caller, item.workspace, item.id)
    return answers.without_body(200)


async def find(call: Call, *, needs: Role = Role.VIEWER) -> Item:
    """Return the item of the path, if the caller's role and scopes reach it.

    Below the collection of a type, an item of another is answered as an unknown one.
    Raises Refused, WorkspaceNotFound, RoleTooLow, ItemNotFound, InsufficientScopes.
    """
    workspace, id = call.path_id("workspaceId"), call.path_id("itemId")
    item = await call.core.catalog.item(call.caller, workspace, id, needs=needs)
    if not _is_of_collection(call, item):
        raise ItemNotFound(workspace, id)
    call.scopes.check_for(call.caller, item.type)
    return item


def _is_of_collection(call: Call, item: Item) -> bool:
    collection = call.request.path_params.get("collection")
    if collection is None:
        return True
    item_type = item_type_of_collection(collection)
    return item_type is not None and item_type.lower() == item.type.lower()


def _wanted_type(call: Call) -> str | None:
    """Return the type to list. A type that no workload owns (any more) may still have items."""
    given = call.query("type")
    if given is None:
        return None
    return call.core.directory.item_type(given) or item_type_filter(given)
