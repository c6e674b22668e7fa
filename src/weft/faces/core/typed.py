"""Items under the name of their type: `/notebooks`, `/lakehouses` and the other published collections."""

from __future__ import annotations

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response

from weft.catalog.fabric_types import COLLECTIONS, item_type_of_collection
from weft.catalog.model import Role
from weft.contracts import core as wire
from weft.faces.core import access, answers, definitions, items, mapping
from weft.faces.core.calls import Call, Operation
from weft.faces.core.item_requests import typed_item_request
from weft.faces.endpoint import EndpointNotFound


class CollectionConvertor(StringConvertor):
    """A segment of a path that is the published name of a collection; nothing is at any other."""

    regex = "|".join(COLLECTIONS.values())


register_url_convertor("collection", CollectionConvertor())


async def create(call: Call) -> Response:
    workspace, item_type = call.path_id("workspaceId"), _item_type(call)
    raw = await call.body()
    await call.core.catalog.workspace(call.caller, workspace, needs=Role.CONTRIBUTOR)
    return await items.make(call, workspace, typed_item_request(raw, item_type))


async def list_all(call: Call) -> Response:
    workspace, item_type = call.path_id("workspaceId"), _item_type(call)
    call.scopes.check_for(call.caller, item_type)
    path = f"/workspaces/{workspace}/{COLLECTIONS[item_type]}"
    registered = call.core.directory.item_type(item_type) or item_type
    found, *onward = await items.page(call, path, registered, {})
    return answers.with_body(200, wire.TypedItems([mapping.typed_item(item) for item in found], *onward))


async def get(call: Call) -> Response:
    return answers.with_body(200, mapping.typed_item(await items.find(call)), items.NO_VERSION)


async def update(call: Call) -> Response:
    return answers.with_body(200, mapping.typed_item(await items.change(call)), items.NO_VERSION)


def _item_type(call: Call) -> str:
    item_type = item_type_of_collection(call.request.path_params["collection"])
    if item_type is None:
        raise EndpointNotFound
    return item_type


COLLECTION = "/{collection:collection}"
TYPED = f"{COLLECTION}/{{itemId}}"
ADDRESSES: dict[str, dict[str, Operation]] = {
    COLLECTION: {
        "GET": Operation(list_all, access.READ_ITEMS),
        "POST": Operation(create, access.WRITE_ITEMS),
    },
    TYPED: {
        "GET": Operation(get, access.READ_ITEMS),
        "PATCH": Operation(update, access.WRITE_ITEMS),
        "DELETE": Operation(items.delete, access.WRITE_ITEMS),
    },
    f"{TYPED}/getDefinition": {"POST": Operation(definitions.get, access.WRITE_ITEMS)},
    f"{TYPED}/updateDefinition": {"POST": Operation(definitions.update, access.WRITE_ITEMS)},
}
