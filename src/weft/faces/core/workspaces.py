"""Workspaces: create, list, get, update, delete, and on which capacity they run."""

from __future__ import annotations

from starlette.responses import Response

from weft.catalog.errors import NameTaken
from weft.catalog.model import Role
from weft.contracts import core as wire
from weft.faces.core import answers, mapping
from weft.faces.core.calls import Call
from weft.faces.core.own_errors import InvalidRole, WorkspaceNameTaken
from weft.faces.core.workspace_requests import wanted_capacity, workspace_request, workspace_update

WORKSPACES = "/workspaces"


async def create(call: Call) -> Response:
    request = workspace_request(await call.body())
    try:
        made = await call.core.catalog.create_workspace(
            call.caller,
            request.display_name,
            description=request.description,
            capacity=request.capacity_id,
        )
    except NameTaken as taken:
        raise WorkspaceNameTaken(taken.name) from None
    location = {"Location": call.url(f"{WORKSPACES}/{made.id}")}
    return answers.with_body(201, mapping.workspace(made), location)


async def list_all(call: Call) -> Response:
    roles, query = _wanted_roles(call)
    found, *onward = await call.page(
        WORKSPACES,
        query,
        lambda after, limit: call.core.catalog.workspaces(
            call.caller, roles=roles, after=after or 0, limit=limit
        ),
    )
    return answers.with_body(200, wire.Workspaces([mapping.workspace(one) for one in found], *onward))


async def get(call: Call) -> Response:
    workspace = await call.core.catalog.workspace(call.caller, call.path_id("workspaceId"))
    return answers.with_body(200, mapping.workspace_info(workspace))


async def update(call: Call) -> Response:
    id = call.path_id("workspaceId")
    request = workspace_update(await call.body())
    try:
        changed = await call.core.catalog.update_workspace(
            call.caller, id, display_name=request.display_name, description=request.description
        )
    except NameTaken as taken:
        raise WorkspaceNameTaken(taken.name) from None
    return answers.with_body(200, mapping.workspace(changed))


async def assign(call: Call) -> Response:
    id = call.path_id("workspaceId")
    capacity = wanted_capacity(await call.body())
    await call.core.catalog.assign_capacity(call.caller, id, capacity)
    return answers.without_body(202)


async def unassign(call: Call) -> Response:
    await call.core.catalog.assign_capacity(call.caller, call.path_id("workspaceId"), None)
    return answers.without_body(202)


async def delete(call: Call) -> Response:
    await call.core.catalog.delete_workspace(call.caller, call.path_id("workspaceId"))
    return answers.without_body(200)


def _wanted_roles(call: Call) -> tuple[set[Role] | None, dict[str, str]]:
    """Return the roles to list, None for any, and the parameter that says so. Raises InvalidRole."""
    given = call.query("roles")
    if given is None:
        return None, {}
    return {_role(name) for name in given.split(",")}, {"roles": given}


def _role(name: str) -> Role:
    known = mapping.role_named(name.strip())
    if known is None:
        raise InvalidRole(name)
    return known
