"""The workload control API: what a workload may ask of Core about its own items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from weft.auth.errors import TokenRefused
from weft.auth.workload_control import SCHEME, ControlCaller, workload_app_id
from weft.catalog.errors import ItemNotFound, WorkspaceNotFound
from weft.catalog.item_types import ItemType
from weft.catalog.model import Item, Role
from weft.contracts import core as wire
from weft.faces.core import access, answers
from weft.faces.core.calls import Call, Endpoint, Operation
from weft.faces.core.face import ControlVerifier, CoreFace
from weft.faces.routing import AnyCaseRoute

ADDRESS: Final = "/workload-control/workspaces/{workspaceId}/items/{itemId}/resolvePermissions"

# The published words are those of an item's permissions; which role has which is ours to say.
READS: Final = ("Read",)
WORKS: Final = (*READS, "Write", "Explore", "Execute")
SHARES: Final = (*WORKS, "Reshare")
PERMISSIONS: Final = {
    Role.VIEWER: READS,
    Role.CONTRIBUTOR: WORKS,
    Role.MEMBER: SHARES,
    Role.ADMIN: SHARES,
}


async def resolve_permissions(call: Call) -> Response:
    """Whatever is not the calling workload's, or not known to the person, is told as no item at all."""
    workspace, id = call.path_id("workspaceId"), call.path_id("itemId")
    try:
        role = await call.core.catalog.role(call.caller, workspace)
        item = await call.core.catalog.item(call.caller, workspace, id)
    except WorkspaceNotFound:
        raise ItemNotFound(workspace, id) from None
    if not _owns(call, item):
        raise ItemNotFound(workspace, id)
    return answers.with_body(200, wire.ResolveItemPermissionsResponse(list(PERMISSIONS[role])))


class ControlEndpoint(Endpoint):
    """An address that is called with the two tokens of a workload in place of a bearer token."""

    def __init__(
        self, core: CoreFace, verifier: ControlVerifier, operations: Mapping[str, Operation]
    ) -> None:
        super().__init__(core, operations)
        self._verifier = verifier

    def authenticate(self, request: Request) -> ControlCaller:
        return self._verifier.verify(request.headers.getlist("authorization"))

    def answer(self, error: Exception, id: str) -> Response:
        response = super().answer(error, id)
        if isinstance(error, TokenRefused):
            response.headers["WWW-Authenticate"] = SCHEME
        return response


OPERATIONS: Final = {"GET": Operation(resolve_permissions, access.NONE)}


def routes(core: CoreFace) -> list[BaseRoute]:
    if core.control is None:
        return []
    return [AnyCaseRoute(ADDRESS, ControlEndpoint(core, core.control, OPERATIONS))]


def _owns(call: Call, item: Item) -> bool:
    caller = cast(ControlCaller, call.caller)  # who passed a ControlEndpoint is one
    found = call.core.directory.find(item.type)
    if found is None or caller.app_tenant != found.backend.publisher_tenant:
        return False
    return _is_app_of(call, caller.app_id, found)


def _is_app_of(call: Call, app_id: str, item_type: ItemType) -> bool:
    if item_type.app_id:
        return app_id == item_type.app_id.lower()
    workload = item_type.backend.workload
    if app_id == workload_app_id(item_type.backend.publisher_tenant, workload):
        return True
    return call.core.workload_of_app(app_id) == workload
