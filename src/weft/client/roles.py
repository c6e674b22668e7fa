"""Who has which role in a workspace, as typed calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

from weft.client.paging import each
from weft.client.paths import path_of
from weft.client.transport import Transport, encode
from weft.contracts.core import WorkspaceRoleAssignment, WorkspaceRoleAssignments


class Roles:
    """*principal* is always an object id, *role* one of Admin, Member, Contributor, Viewer, in any case.

    Every call may raise ApiError, ServerUnreachable and UnreadableAnswer.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self, workspace: str) -> AsyncIterator[WorkspaceRoleAssignment]:
        return each(self._transport, _path(workspace), WorkspaceRoleAssignments)

    async def give(self, workspace: str, principal: str, role: str) -> WorkspaceRoleAssignment:
        """Give a role to who has none. The type is not asked for: the server knows whose the id is."""
        body = encode({"principal": {"id": principal, "type": "User"}, "role": role})
        return (await self._transport.call("POST", _path(workspace), body=body)).read(WorkspaceRoleAssignment)

    async def change(self, workspace: str, principal: str, role: str) -> WorkspaceRoleAssignment:
        path = _path(workspace, principal)
        return (await self._transport.call("PATCH", path, body=encode({"role": role}))).read(
            WorkspaceRoleAssignment
        )

    async def take(self, workspace: str, principal: str) -> None:
        await self._transport.call("DELETE", _path(workspace, principal))


def _path(workspace: str, principal: str | None = None) -> str:
    return path_of("workspaces", workspace, "roleAssignments", principal)
