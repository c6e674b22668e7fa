"""Items: create, list, get, delete; and the look-up of an item on behalf of a call."""

from __future__ import annotations

from starlette.responses import Response

from weft.catalog.model import Item, Role
from weft.contracts import core as wire
from weft.faces.core import answers, mapping
from weft.faces.core.calls import Call
from weft.faces.core.errors import InvalidItemType
from weft.faces.core.requests import item_request, item_type_filter


async def create(call: Call) -> Response:
    workspace = call.path_id("workspaceId")
    raw = await call.body()
    await call.core.catalog.workspace(call.caller, workspace, needs=Role.CONTRIBUTOR)
    request = item_request(raw)
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
    )
    return answers.with_body(201, mapping.item(made))


async def list_all(call: Call) -> Response:
    workspace = call.path_id("workspaceId")
    item_type = _wanted_type(call)
    path, size = f"/workspaces/{workspace}/items", call.core.page_size
    listing = path if item_type is None else f"{path}?type={item_type}"
    after = call.position(listing) or 0
    found = await call.core.catalog.items(call.caller, workspace, type=item_type, after=after, limit=size + 1)
    page = wire.Items([mapping.item(item) for item in found[:size]])
    if len(found) > size:
        query = None if item_type is None else {"type": item_type}
        page.continuation_token, page.continuation_uri = call.onward(
            listing, found[size - 1].number, path, query
        )
    return answers.with_body(200, page)


async def get(call: Call) -> Response:
    return answers.with_body(200, mapping.item(await find(call)))


async def delete(call: Call) -> Response:
    item = await find(call, needs=Role.CONTRIBUTOR)
    await call.core.catalog.delete_item(call.caller, item.workspace, item.id)
    return answers.without_body(200)


async def find(call: Call, *, needs: Role = Role.VIEWER) -> Item:
    """Return the item of the path, if the caller's role and scopes reach it.

    Raises Refused, WorkspaceNotFound, RoleTooLow, ItemNotFound, InsufficientScopes.
    """
    workspace, id = call.path_id("workspaceId"), call.path_id("itemId")
    item = await call.core.catalog.item(call.caller, workspace, id, needs=needs)
    call.scopes.check_for(call.caller, item.type)
    return item


def _wanted_type(call: Call) -> str | None:
    """Return the type to list. A type that no workload owns (any more) may still have items."""
    given = call.query("type")
    if given is None:
        return None
    return call.core.directory.item_type(given) or item_type_filter(given)
