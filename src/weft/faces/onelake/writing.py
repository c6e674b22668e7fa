"""What writes: create, append, flush, rename and delete."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from weft.faces.http import Refusal, Refused, shown
from weft.faces.onelake.answers import PIECE_BYTES, changed
from weft.faces.onelake.calls import Call, names_in, refused
from weft.faces.onelake.errors import Md5Mismatch, Unsupported
from weft.onelake.errors import BadPath
from weft.onelake.paths import Place
from weft.onelake.uploads import Upload

_RENAME: Final = "x-ms-rename-source"


async def put(call: Call) -> Response:
    if call.header(_RENAME) is not None:
        return await _rename(call)
    resource = (call.query("resource") or "").lower()
    if resource not in ("file", "directory"):
        raise Unsupported("A path is created with resource=file or resource=directory.")
    place = await call.place(writes=True)
    files = call.lake.files
    create = files.create_file if resource == "file" else files.create_directory
    return changed(201, await call.lake.on_disk(create, place, call.guard_creation))


async def patch(call: Call) -> Response:
    action = (call.query("action") or "").lower()
    position = call.number("position")
    if action not in ("append", "flush"):
        raise refused("action", f"action must be append or flush, not {shown(action)}")
    if position is None:
        raise refused("position", "the parameter position is missing")
    place = await call.place(writes=True)
    if action == "flush":
        return await _flush(call, place, position)
    end = await _append(call, place, position)
    if call.flag("flush"):
        return await _flush(call, place, end, status=202)
    return changed(202)


async def delete(call: Call) -> Response:
    place = await call.place(writes=True)
    recursive = call.flag("recursive")
    await call.lake.on_disk(call.lake.files.delete, place, recursive=recursive, guard=call.guard)
    return changed(200)


async def _flush(call: Call, place: Place, position: int, *, status: int = 200) -> Response:
    entry = await call.lake.on_disk(call.lake.files.flush, place, position, call.guard)
    return changed(status, entry)


async def _rename(call: Call) -> Response:
    source = unquote((call.header(_RENAME) or "").partition("?")[0])
    names = names_in(source)
    if len(names) < 2:
        raise BadPath("The source of a rename is a path within a filesystem.")
    target = await call.place(writes=True)
    moved = await call.place_of(names, writes=True)
    return changed(201, await call.lake.on_disk(call.lake.files.rename, moved, target, call.guard_creation))


# ---- append


async def _append(call: Call, place: Place, position: int) -> int:
    """Put the body into the staging file, piece by piece; return where it ends."""
    length, digest = _announced(call), _digest(call)
    files = call.lake.files
    upload = await call.lake.on_disk(files.begin_append, place, position, length)
    end: int | None = None
    try:
        async with asyncio.timeout(call.lake.body_seconds):
            end = await _receive(call, upload, position, digest)
    except TimeoutError:
        seconds = call.lake.body_seconds
        message = f"the body did not arrive within {seconds:g} seconds"
        raise Refused(Refusal.BODY_TOO_SLOW, "body", message) from None
    finally:
        await call.lake.on_disk(files.end_append, upload, position, end)  # it may have to wait for a flush
    return end


async def _receive(call: Call, upload: Upload, position: int, digest: bytes | None) -> int:
    seen = hashlib.md5(usedforsecurity=False)
    start = position
    async for piece in _pieces(call):
        if position + len(piece) - start > call.lake.longest_append_bytes:
            raise _too_long(call)
        if digest is not None:
            await call.lake.on_disk(seen.update, piece)
        await call.lake.on_disk(call.lake.files.write, upload, position, piece)
        position += len(piece)
    if digest is not None and seen.digest() != digest:
        raise Md5Mismatch
    return position


async def _pieces(call: Call) -> AsyncIterator[bytes]:
    """Give the body in pieces of about PIECE_BYTES: each is a visit to a thread. Raises ClientDisconnect."""
    held: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await call.request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        held.append(message.get("body", b""))
        size += len(held[-1])
        if size >= PIECE_BYTES or (size and not more):
            yield b"".join(held)
            held, size = [], 0


def _announced(call: Call) -> int | None:
    """Return the length that the headers announce. Raises Refused for one that is too long."""
    given = call.header("content-length")
    length = int(given) if given and given.isascii() and given.isdigit() else None
    if length is not None and length > call.lake.longest_append_bytes:
        raise _too_long(call)
    return length


def _digest(call: Call) -> bytes | None:
    given = call.header("content-md5")
    if given is None:
        return None
    try:
        digest = base64.b64decode(given, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != 16:
        raise refused("Content-MD5", f"Content-MD5 must be 16 bytes in Base64, not {shown(given)}")
    return digest


def _too_long(call: Call) -> Refused:
    most = call.lake.longest_append_bytes
    return Refused(Refusal.BODY_TOO_LARGE, "body", f"The body is longer than {most} bytes.")
