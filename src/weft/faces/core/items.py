"""Items: create, list, get, update, delete, their definitions; and how a call finds an item."""

from __future__ import annotations

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from weft.catalog.model import Item, Role
from weft.contracts import core as wire
from weft.faces.core import answers, mapping
from weft.faces.core.calls import Call
from weft.faces.core.errors import InvalidItemType
from weft.faces.core.requests import (
    creation_payload,
    definition_update,
    item_request,
    item_type_filter,
    item_update,
)
from weft.faces.http import Refusal, Refused, shown


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
        payload=creation_payload(request),
        definition=b"" if request.definition is None else msgspec.json.encode(request.definition),
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


async def update(call: Call) -> Response:
    raw = await call.body()
    item = await find(call, needs=Role.CONTRIBUTOR)
    request = item_update(raw)
    changed = await call.core.catalog.update_item(
        call.caller,
        item.workspace,
        item.id,
        display_name=request.display_name,
        description=request.description,
    )
    return answers.with_body(200, mapping.item(changed))


async def get_definition(call: Call) -> Response:
    """An item that was never given a definition has one without parts."""
    item = await find(call, needs=Role.CONTRIBUTOR)
    kept = await call.core.catalog.definition(call.caller, item.workspace, item.id)
    definition = (
        msgspec.json.decode(kept, type=wire.ItemDefinition) if kept else wire.ItemDefinition(parts=[])
    )
    _check_format(call, definition)
    return answers.with_body(200, wire.ItemDefinitionResponse(definition))


async def update_definition(call: Call) -> Response:
    _refuse_metadata(call)
    raw = await call.body()
    item = await find(call, needs=Role.CONTRIBUTOR)
    definition = msgspec.json.encode(definition_update(raw))
    await call.core.catalog.update_item(call.caller, item.workspace, item.id, definition=definition)
    return answers.without_body(200)


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


def _check_format(call: Call, definition: wire.ItemDefinition) -> None:
    """A definition is kept in the one format in which it was given. Raises Refused."""
    wanted = call.query("format")
    if wanted is not None and wanted != (definition.format or UNSET):
        raise Refused(
            Refusal.BAD_PARAMETER, "format", f"the definition is not there in the format {shown(wanted)}"
        )


def _refuse_metadata(call: Call) -> None:
    """Who wants name and description changed along must not believe that they were. Raises Refused."""
    given = call.query("updateMetadata")
    if given is not None and given.lower() != "false":
        raise Refused(
            Refusal.BAD_PARAMETER,
            "updateMetadata",
            f"metadata is not taken from a definition: updateMetadata={shown(given)}",
        )
