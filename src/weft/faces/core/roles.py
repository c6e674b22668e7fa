"""Who has which role in a workspace: list, give, get, change, take; below the address of a workspace."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET
from starlette.responses import Response

from weft.catalog.errors import PrincipalNotFound
from weft.catalog.model import Role
from weft.catalog.principals import PrincipalKind
from weft.catalog.roles import RoleAssignment
from weft.contracts import core as wire
from weft.faces.core import access, answers, mapping
from weft.faces.core.calls import Call, Operation
from weft.faces.core.own_errors import RoleNotAllowedForProfile
from weft.faces.core.workspace_requests import role_change, role_request

# There are no groups here, and no profiles; both are told so as recorded.
WITHOUT_ROLES: Final = {"Group": PrincipalNotFound, "ServicePrincipalProfile": RoleNotAllowedForProfile}


async def list_all(call: Call) -> Response:
    workspace = call.path_id("workspaceId")
    found, *onward = await call.page(
        _path(workspace),
        {},
        lambda after, limit: call.core.roles.all(call.caller, workspace, after=after or 0, limit=limit),
    )
    return answers.with_body(200, wire.WorkspaceRoleAssignments([_shown(one) for one in found], *onward))


async def give(call: Call) -> Response:
    """The principal is found by its id: what the request says of its type does not matter, as recorded."""
    workspace = call.path_id("workspaceId")
    asked = role_request(await call.body())
    if refusal := WITHOUT_ROLES.get(asked.type):
        await call.core.catalog.workspace(call.caller, workspace, needs=Role.MEMBER)
        raise refusal(workspace, asked.principal)
    given = await call.core.roles.give(call.caller, workspace, asked.principal, asked.role)
    body = wire.WorkspaceRoleAssignment(
        given.id, wire.RoleHolder(id=given.id, type=given.kind), mapping.ROLES[asked.role]
    )
    return answers.with_body(201, body, {"Location": call.url(f"{_path(workspace)}/{given.id}")})


async def get(call: Call) -> Response:
    found = await call.core.roles.one(call.caller, *_ids(call))
    return answers.with_body(200, _shown(found))


async def change(call: Call) -> Response:
    workspace, principal = _ids(call)
    role = role_change(await call.body())
    changed = await call.core.roles.change(call.caller, workspace, principal, role)
    return answers.with_body(200, _shown(changed))


async def take(call: Call) -> Response:
    await call.core.roles.take(call.caller, *_ids(call))
    return answers.without_body(200)


ADDRESSES: dict[str, dict[str, Operation]] = {
    "/roleAssignments": {
        "GET": Operation(list_all, access.READ_WORKSPACES),
        "POST": Operation(give, access.WRITE_WORKSPACES),
    },
    "/roleAssignments/{workspaceRoleAssignmentId}": {
        "GET": Operation(get, access.READ_WORKSPACES),
        "PATCH": Operation(change, access.WRITE_WORKSPACES),
        "DELETE": Operation(take, access.WRITE_WORKSPACES),
    },
}


def _path(workspace: str) -> str:
    return f"/workspaces/{workspace}/roleAssignments"


def _ids(call: Call) -> tuple[str, str]:
    return call.path_id("workspaceId"), call.path_id("workspaceRoleAssignmentId")


def _shown(assignment: RoleAssignment) -> wire.WorkspaceRoleAssignment:
    return wire.WorkspaceRoleAssignment(
        assignment.principal, _holder(assignment), mapping.ROLES[assignment.role]
    )


def _holder(assignment: RoleAssignment) -> wire.RoleHolder:
    """One that is not known any more, from before it was kept, is shown as a user: apps were rare then."""
    known = assignment.known
    if known is None:
        return wire.RoleHolder(id=assignment.principal, type=PrincipalKind.USER)
    return wire.RoleHolder(
        id=known.id,
        display_name=known.name,
        type=known.kind,
        user_details=wire.UserDetails(known.upn) if known.upn else UNSET,
        service_principal_details=wire.ServicePrincipalDetails(known.app_id) if known.app_id else UNSET,
    )
