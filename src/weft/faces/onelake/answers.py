"""What the answers of the OneLake face carry: the headers of a path, and its bytes."""

from __future__ import annotations

import os
from email.utils import formatdate
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from weft.faces.onelake.face import OneLakeFace
from weft.onelake.files import Entry

PIECE_BYTES: Final = 1024 * 1024
OWNED: Final = {
    "x-ms-owner": "$superuser",
    "x-ms-group": "$superuser",
    "x-ms-permissions": "rwxr-x---",
    "x-ms-acl": "user::rwx,group::r-x,other::---",
}


def http_date(entry: Entry) -> str:
    return formatdate(entry.modified // 10**9, usegmt=True)


def changed(status: int, entry: Entry | None = None) -> Response:
    """Return the answer to a change; *entry* is what is there now."""
    headers = {} if entry is None else {"ETag": entry.etag, "Last-Modified": http_date(entry)}
    return Response(status_code=status, headers={**headers, "x-ms-request-server-encrypted": "false"})


def described(entry: Entry) -> dict[str, str]:
    """Return the headers that say what a path is, in the words of both storage APIs."""
    kind = "directory" if entry.is_directory else "file"
    folder = {"x-ms-meta-hdi_isfolder": "true"} if entry.is_directory else {}
    return {
        "ETag": entry.etag,
        "Last-Modified": http_date(entry),
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "x-ms-resource-type": kind,
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": http_date(entry),
        "x-ms-lease-state": "available",
        "x-ms-lease-status": "unlocked",
        "x-ms-server-encrypted": "false",
        **OWNED,
        **folder,
    }


class FileResponse(Response):
    """Sends a part of an open file, piece by piece, and closes it."""

    def __init__(
        self,
        lake: OneLakeFace,
        descriptor: int,
        start: int,
        length: int,
        *,
        status: int,
        headers: dict[str, str],
    ) -> None:
        super().__init__(None, status, {**headers, "Content-Length": str(length)})
        self._lake = lake
        self._descriptor = descriptor
        self._start = start
        self._length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            await self._send(send)
        finally:
            os.close(self._descriptor)

    async def _send(self, send: Send) -> None:
        position, end = self._start, self._start + self._length
        while position < end:
            count = min(PIECE_BYTES, end - position)
            piece = await self._lake.on_disk(os.pread, self._descriptor, count, position)
            position += len(piece)
            more = position < end
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not piece:
                return
        if self._length == 0:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
