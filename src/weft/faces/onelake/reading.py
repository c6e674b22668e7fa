"""What reads: the bytes of a file, what a path is, and what lies below it."""

from __future__ import annotations

import base64
import binascii
import itertools
import os
import re
from typing import Any, Final

import msgspec
from starlette.responses import Response

from weft.faces.http import shown
from weft.faces.onelake.answers import OWNED, FileResponse, described, http_date
from weft.faces.onelake.calls import Call, names_in, refused
from weft.faces.onelake.errors import RangeRefused, Unsupported
from weft.onelake.files import Entry
from weft.onelake.paths import Place

_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})?")
_JSON: Final = "application/json;charset=utf-8"
_PROPERTIES: Final = ("getstatus", "getaccesscontrol", "checkaccess")


async def get(call: Call) -> Response:
    if len(call.names) == 1:
        return await _filesystem(call)
    place = await call.place(writes=False)
    entry = await call.lake.on_disk(call.lake.files.look, place)
    if entry.is_directory:
        call.check_reading(entry)
        return Response(headers={**described(entry), "Content-Length": "0"})
    return await _file(call, place)


async def head(call: Call) -> Response:
    """Say what a path is; every form of the question has the same answer."""
    if len(call.names) == 1:
        return await _properties(call)
    action = (call.query("action") or "getstatus").lower()
    if action not in _PROPERTIES:
        raise refused("action", f"action must be getStatus, not {shown(action)}")
    place = await call.place(writes=False)
    entry = await call.lake.on_disk(call.lake.files.look, place)
    call.check_reading(entry)
    return Response(headers={**described(entry), "Content-Length": str(entry.size)})


async def _file(call: Call, place: Place) -> Response:
    descriptor, entry = await call.lake.on_disk(call.lake.files.read, place)
    try:
        call.check_reading(entry)
        start, length, status = _asked(call, entry.size)
    except BaseException:
        os.close(descriptor)
        raise
    headers = described(entry)
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{entry.size}"
    return FileResponse(call.lake, descriptor, start, length, status=status, headers=headers)


def _asked(call: Call, size: int) -> tuple[int, int, int]:
    """Return start, length and status of what is to be read. Raises RangeRefused."""
    given = call.header("x-ms-range") or call.header("range")
    found = _RANGE.fullmatch(given) if given else None
    if found is None:
        return 0, size, 200  # a range that is none is no range: RFC 9110 14.2
    start = int(found[1])
    end = min(size, int(found[2]) + 1) if found[2] else size
    if start >= size or end <= start:
        raise RangeRefused(size)
    return start, end - start, 206


# ---- filesystems


async def _filesystem(call: Call) -> Response:
    if (call.query("restype") or "").lower() == "container" and call.query("comp") is None:
        return await _properties(call)
    if (call.query("resource") or "").lower() != "filesystem":
        raise Unsupported("Of a filesystem its paths can be listed: resource=filesystem.")
    return await _list(call)


async def _properties(call: Call) -> Response:
    await call.lake.access.workspace(call.caller, call.names[0], writes=False)
    headers = {
        "ETag": '"0x1"',
        "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
        "x-ms-namespace-enabled": "true",
        "x-ms-lease-state": "available",
        "x-ms-lease-status": "unlocked",
        "x-ms-has-immutability-policy": "false",
        "x-ms-has-legal-hold": "false",
    }
    return Response(headers=headers)


async def _list(call: Call) -> Response:
    directory = call.query("directory") or ""
    recursive = call.flag("recursive")
    most = min(call.number("maxResults") or call.lake.page_size, call.lake.page_size)
    after = _after(call)
    if directory.strip("/"):
        names = names_in(directory)
        place = await call.place_of((call.names[0], *names), writes=False)
        found = await call.lake.on_disk(_page, call, place, after, recursive=recursive, most=most + 1)
        return _listed([("/".join((*names, *path)), entry) for path, entry in found], found, most)
    return await _list_items(call, after, recursive=recursive, most=most)


async def _list_items(call: Call, after: tuple[str, ...], *, recursive: bool, most: int) -> Response:
    """List the items of a workspace, as the directories that they are."""
    workspace = await call.lake.access.workspace(call.caller, call.names[0], writes=False)
    items = sorted(await call.lake.access.items(call.caller, workspace), key=lambda item: item.name)
    found: list[tuple[tuple[str, ...], Entry]] = []
    for item in items:
        if (item.name,) < after[:1] or len(found) > most:
            continue
        place = Place(workspace, item.id)
        if (item.name,) > after:
            found.append(((item.name,), await call.lake.on_disk(call.lake.files.look, place)))
        if recursive:
            rest = after[1:] if after[:1] == (item.name,) else ()
            below = await call.lake.on_disk(_page, call, place, rest, recursive=True, most=most + 1)
            found += (((item.name, *path), entry) for path, entry in below)
    found = found[: most + 1]
    return _listed([("/".join(path), entry) for path, entry in found], found, most)


def _page(
    call: Call, place: Place, after: tuple[str, ...], *, recursive: bool, most: int
) -> list[tuple[tuple[str, ...], Entry]]:
    return list(itertools.islice(call.lake.files.walk(place, after, recursive=recursive), most))


def _listed(
    named: list[tuple[str, Entry]], found: list[tuple[tuple[str, ...], Entry]], most: int
) -> Response:
    paths = [_path(name, entry) for name, entry in named[:most]]
    headers = {}
    if len(found) > most:
        headers["x-ms-continuation"] = _token(found[most - 1][0])
    return Response(msgspec.json.encode({"paths": paths}), 200, headers, _JSON)


def _path(name: str, entry: Entry) -> dict[str, Any]:
    folder = {"isDirectory": "true"} if entry.is_directory else {}
    return {
        "name": name,
        **folder,
        "contentLength": str(entry.size),
        "lastModified": http_date(entry),
        "etag": entry.etag.strip('"'),
        "owner": OWNED["x-ms-owner"],
        "group": OWNED["x-ms-group"],
        "permissions": OWNED["x-ms-permissions"],
    }


def _token(path: tuple[str, ...]) -> str:
    return base64.urlsafe_b64encode("/".join(path).encode()).decode()


def _after(call: Call) -> tuple[str, ...]:
    given = call.query("continuation")
    if not given:
        return ()
    try:
        return names_in(base64.b64decode(given, altchars=b"-_", validate=True).decode())
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise refused("continuation", f"continuation is not one of ours: {shown(given)}") from None
