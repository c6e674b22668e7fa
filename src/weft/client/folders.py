"""The folders of a workspace as typed calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

from weft.client.paging import each
from weft.client.paths import path_of
from weft.client.transport import Transport, encode
from weft.contracts.core import Folder
from weft.contracts.core import Folders as Page


class Folders:
    """Ids are UUIDs; no parent, or no target, is the top of the workspace.

    Every call may raise ApiError, ServerUnreachable and UnreadableAnswer.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self, workspace: str) -> AsyncIterator[Folder]:
        """Yield the folders of the workspace, also those that lie in others, oldest first."""
        return each(self._transport, _path(workspace), Page)

    async def create(self, workspace: str, name: str, *, parent: str | None = None) -> Folder:
        body = {"displayName": name} | ({} if parent is None else {"parentFolderId": parent})
        return (await self._transport.call("POST", _path(workspace), body=encode(body))).read(Folder)

    async def move(self, workspace: str, folder: str, target: str | None = None) -> Folder:
        body = {} if target is None else {"targetFolderId": target}
        path = f"{_path(workspace, folder)}/move"
        return (await self._transport.call("POST", path, body=encode(body))).read(Folder)

    async def delete(self, workspace: str, folder: str) -> None:
        """Delete a folder in which nothing lies."""
        await self._transport.call("DELETE", _path(workspace, folder))


def _path(workspace: str, folder: str | None = None) -> str:
    return path_of("workspaces", workspace, "folders", folder)
