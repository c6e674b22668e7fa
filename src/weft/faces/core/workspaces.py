"""Workspaces: create, list, get, delete."""

from __future__ import annotations

from starlette.responses import Response

from weft.catalog.errors import NameTaken
from weft.contracts import core as wire
from weft.faces.core import answers, mapping
from weft.faces.core.calls import Call
from weft.faces.core.errors import WorkspaceNameTaken
from weft.faces.core.requests import workspace_request

WORKSPACES = "/workspaces"


async def create(call: Call) -> Response:
    request = workspace_request(await call.body())
    try:
        made = await call.core.catalog.create_workspace(
            call.caller, request.display_name, description=request.description
        )
    except NameTaken as taken:
        raise WorkspaceNameTaken(taken.name) from None
    location = {"Location": call.url(f"{WORKSPACES}/{made.id}")}
    return answers.with_body(201, mapping.workspace(made), location)


async def list_all(call: Call) -> Response:
    after, size = call.position(WORKSPACES) or 0, call.core.page_size
    found = await call.core.catalog.workspaces(call.caller, after=after, limit=size + 1)
    page = wire.Workspaces([mapping.workspace(workspace) for workspace in found[:size]])
    if len(found) > size:
        page.continuation_token, page.continuation_uri = call.onward(
            WORKSPACES, found[size - 1].number, WORKSPACES
        )
    return answers.with_body(200, page)


async def get(call: Call) -> Response:
    workspace = await call.core.catalog.workspace(call.caller, call.path_id("workspaceId"))
    return answers.with_body(200, mapping.workspace(workspace))


async def delete(call: Call) -> Response:
    await call.core.catalog.delete_workspace(call.caller, call.path_id("workspaceId"))
    return answers.without_body(200)
