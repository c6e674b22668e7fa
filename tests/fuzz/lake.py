"""Good requests to OneLake: files of an item, written, read, moved and deleted; and what answers must be."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from tests.fuzz.answers import Answer, is_of_no_face
from tests.fuzz.bends import TEXTS, Bend, with_header
from tests.fuzz.message import Request
from weft.contracts.hosts import ONELAKE_HOSTS

MARK: Final = "weft-fuzzed-"
"""How the name of every file begins that is made here: so that one in a wrong place is seen."""

ODD_NAMES: Final = (
    "..", ".", "", "a" * 256, "é" * 128, "%2e%2e", "%5c", "%00", "%0a", "a%20b", "%ff", "\u202e", "Files",
    "Tables", "/".join("d" * 70), "con", "a:b", "%252e", "%ed%a0%80",
)  # fmt: skip
POSITIONS: Final = ("0", "1", "4", "100", "-1", "1.5", "", "9" * 19, "9" * 40, str(2**63), "٣", "0x1")
QUERIES: Final = (
    "resource=filesystem", "resource=file&resource=file", "resource=share", "resource=filesystem&recursive=x",
    "action=append", "action=flush&position=0&close=true", "action=setAccessControl", "recursive=maybe",
    "resource=filesystem&maxResults=0", "resource=filesystem&maxResults=5001", "resource=account",
    "resource=filesystem&continuation=abc", "resource=filesystem&directory=..", "comp=list", "timeout=1",
)  # fmt: skip
HEADERS: Final = {
    "Range": (
        "bytes=0-3",
        "bytes=2-",
        "bytes=-2",
        "bytes=9-1",
        "bytes=0-" + "9" * 19,
        "bits=0-1",
        "bytes=a-b",
    ),
    "x-ms-range": ("bytes=0-1", "bytes=0-0", "bytes=99999-"),
    "If-Match": ("*", '"x"', "", '"0x1",*'),
    "If-None-Match": ("*", '"x"', ""),
    "If-Modified-Since": ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Jan 9999 99:00:00 +9999", "x", "0"),
    "If-Unmodified-Since": ("Thu, 01 Jan 2037 00:00:00 GMT", "Sat, 01 Jan 0001 00:00:00 +1400", ""),
    "Content-MD5": ("QUJD", "é", "", base64.b64encode(bytes(16)).decode()),
    "x-ms-rename-source": ("/", "//", "/a/b/../c", "%2e%2e/x", "x" * 5000, "%00", "?a=b", "é"),
    "x-ms-version": ("1999-01-01", ""),
    "x-ms-client-request-id": ("1", "x" * 2000, "é"),
}
REMEMBERED: Final = 3
_APPENDED: Final = re.compile(r"action=append&position=(\d)")
CODES: Final = (200, 201, 202, 206)


class LakeRequests:
    """*owner* is the value of `Authorization`; *item* an item's path below /v1, *names* its other names."""

    def __init__(
        self,
        chance: random.Random,
        *,
        owner: str,
        others: Sequence[str],
        item: str,
        names: Sequence[str],
    ) -> None:
        self._chance = chance
        self._headers = (("Host", ONELAKE_HOSTS[0]), ("Authorization", owner))
        self._others = others
        _, _, _, workspace, _, id = item.split("/")
        self._appended: deque[tuple[str, int]] = deque(maxlen=REMEMBERED)
        self._workspaces = (workspace, workspace.upper())
        self._items = (id, id.upper(), *(quote(name) for name in names))

    @property
    def bends(self) -> Sequence[Bend]:
        return (self._odd_path, self._odd_position, self._own_header, self._own_query, self._other_caller)

    def hear(self, request: Request, answer: Answer) -> None:
        """Remember what was appended, and up to where, so that it is flushed."""
        found = _APPENDED.fullmatch(request.query)
        if answer.status == 202 and found is not None:
            self._appended.append((request.path, int(found[1]) + len(request.body)))

    def good(self) -> Request:
        kinds = (
            self._creation,
            self._append,
            self._flush,
            self._read,
            self._list,
            self._rename,
            self._delete,
        )
        (kind,) = self._chance.choices(kinds, weights=(6, 6, 3, 5, 3, 1, 1))
        return kind()

    # ---- what is asked

    def _creation(self) -> Request:
        resource = self._chance.choice(("file", "file", "directory"))
        return self._request("PUT", self._path(), f"resource={resource}", (201, 400, 409))

    def _append(self) -> Request:
        body = bytes(self._chance.randrange(256) for _ in range(self._chance.choice((0, 1, 4, 4, 100))))
        query = self._chance.choice(
            (
                "action=append&position=0&flush=true",
                "action=append&position=0",
                "action=append&position=4",
            )
        )
        request = self._request("PATCH", self._path(), query, (202, 400, 404, 409), body)
        if self._chance.random() < 0.3:
            digest = hashlib.md5(body, usedforsecurity=False).digest()
            return with_header(request, "Content-MD5", base64.b64encode(digest).decode())
        return request

    def _flush(self) -> Request:
        at, path, position = self._chance.random(), self._path(), self._chance.choice((0, 4, 8))
        if self._appended and at < 0.8:
            path, position = self._appended[-1 - int(at * len(self._appended))]
        query = f"action=flush&position={position}&close=true"
        return self._request("PATCH", path, query, (200, 400, 404, 409))

    def _read(self) -> Request:
        method, query = self._chance.choice((("GET", ""), ("HEAD", ""), ("HEAD", "action=getStatus")))
        request = self._request(method, self._path(), query, (200, 206, 404, 416))
        if self._chance.random() < 0.4:
            return with_header(request, "x-ms-range", f"bytes=0-{self._chance.randrange(9)}")
        return request

    def _list(self) -> Request:
        recursive = self._chance.choice(("true", "false"))
        directory = self._chance.choice(
            ("", self._items[0], f"{self._items[0]}/Files", f"{self._items[0]}/x")
        )
        query = f"resource=filesystem&recursive={recursive}&maxResults=5"
        if directory:
            query += f"&directory={quote(directory, safe='')}"
        return self._request("GET", f"/{self._workspaces[0]}", query, (200, 404))

    def _rename(self) -> Request:
        request = self._request("PUT", self._path(), "", (201, 400, 404, 409))
        return with_header(request, "x-ms-rename-source", self._path())

    def _delete(self) -> Request:
        recursive = self._chance.choice(("true", "true", "false"))
        return self._request("DELETE", self._path(), f"recursive={recursive}", (200, 400, 404, 409))

    # ---- what bends them

    def _odd_path(self, request: Request) -> Request:
        start, _, last = request.path.rpartition("/")
        name = self._chance.choice((*ODD_NAMES, *(quote(text, errors="replace") for text in TEXTS)))
        return replace(request, path=self._chance.choice((f"{start}/{name}", f"{start}/{name}/{last}")))

    def _odd_position(self, request: Request) -> Request:
        position = self._chance.choice(POSITIONS)
        return replace(
            request, query=f"action={self._chance.choice(('append', 'flush'))}&position={position}"
        )

    def _own_header(self, request: Request) -> Request:
        name = self._chance.choice(list(HEADERS))
        return with_header(request, name, self._chance.choice(HEADERS[name]))

    def _own_query(self, request: Request) -> Request:
        return replace(request, query=self._chance.choice(QUERIES))

    def _other_caller(self, request: Request) -> Request:
        return with_header(request, "Authorization", self._chance.choice(self._others))

    # ---- inside

    def _path(self) -> str:
        """Return one of few paths, so that requests meet the files of others."""
        folder = self._chance.choice(("Files", "Files", "Files", "Tables"))
        names = [f"{MARK}{self._chance.randrange(3)}" for _ in range(self._chance.choice((1, 1, 1, 1, 2)))]
        place = "/".join((self._chance.choice(self._workspaces), self._chance.choice(self._items)))
        return f"/{place}/{folder}/{'/'.join(names)}"

    def _request(
        self, method: str, path: str, query: str, expected: tuple[int, ...], body: bytes = b""
    ) -> Request:
        return Request(method, path, self._headers, body, query, expected, fabric=True)


def lake_fault(request: Request, answer: Answer) -> str:
    """Return what is wrong with an answer of OneLake, or nothing."""
    if is_of_no_face(request, answer):
        return ""
    if answer.status >= 500 or (300 <= answer.status < 400 and answer.status != 304):
        return f"a {answer.status}"
    if not answer.headers.get("x-ms-request-id"):
        return f"no x-ms-request-id in a {answer.status}"
    if answer.status in CODES:
        return ""
    if request.method == "HEAD" or answer.status == 304:
        return f"a body in a {answer.status}" if answer.body else ""
    return _error_fault(answer)


def _error_fault(answer: Answer) -> str:
    try:
        body: Any = json.loads(answer.body)
        code, message = body["error"]["code"], body["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"no envelope in a {answer.status}: {answer.body[:100]!r}"
    if not (isinstance(code, str) and code and isinstance(message, str) and message):
        return f"no code or message in a {answer.status}: {body}"
    told = answer.headers.get("x-ms-error-code")
    return "" if told == code else f"the header says {told}, not {code}, in a {answer.status}"
