"""A seeded generator of requests: each begins as a good one and is then bent in up to three places."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from tests.torture.workload import ITEM_TYPE

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY", "get")

# Values that broke Python servers before (bodies, path segments and headers alike).
TEXTS = (
    "", " ", "null", "undefined", "0", "-1", "1.5", "1e999", "NaN", "Infinity", "9" * 5000, str(2**64),
    "true", "'; DROP TABLE job; --", "../../etc/passwd", "%00", "%ff", "%2e%2e", "..", ".", "//", ";x",
    "a" * 300, "é", "\u202eabc", "\U0001f600", "\u0000", "\ud800", "\r\n", "<img onerror=x>", "__class__",
    "${jndi:x}",
    "urn:uuid:e5ef604d-e14f-4a59-9133-75d5a0cb9334", "{e5ef604d-e14f-4a59-9133-75d5a0cb9334}",
    "e5ef604de14f4a59913375d5a0cb9334", "E5EF604D-E14F-4A59-9133-75D5A0CB9334",
    "\uff11\uff15ef604d-e14f-4a59-9133-75d5a0cb9334", "2024-W01-1", "9999-12-31T23:59:59+23:59",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, 2**64, 10**400, [], {}, [[]], [{}], {"": ""}, "x" * 70_000, *TEXTS,
)  # fmt: skip
BODIES = (
    b"", b" ", b"null", b'"{}"', b"[]", b"{", b"}", b"{}{}", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}",
    b"\x00",
    b'{"invokeType": NaN}', b'{"invokeType": 1e999}', b'{"invokeType": "Manual", "invokeType": "Manual"}',
    b'{"invokeType": "\\ud800"}', b'{"invokeType": "\\u0000"}', b"[" * 100_000, b'{"a":' * 5_000,
    b'{"invokeType": ' + b"9" * 5_000 + b"}", b"\xc3\x28", b"a=b&c=d", b'{"invokeType": "Manual",}',
    b'{"creationPayload": ' + b'{"a": ' * 70 + b"1" + b"}" * 71, b"{" + b" " * 200_000 + b"}",
)  # fmt: skip
# No Content-Length, Transfer-Encoding or Expect: a server rightly waits for what they announce.
HEADERS = (
    "Host", "Authorization", "x-ms-client-tenant-id", "ActivityId", "RequestId", "Content-Type", "Accept",
    "Origin", "Content-Encoding", "Idempotency-Key", "X-Forwarded-Host", "X-HTTP-Method-Override", "Range",
    "Cookie", "If-Match", "traceparent", "api-version",
)  # fmt: skip
QUERIES = (
    "api-version=2016-10-01", "continuationToken=", "continuationToken=abc", "continuationToken=%ff%00",
    "continuationToken=" + "A" * 5000, "jobType=quick", "jobType=", "jobType=quick&jobType=long", "beta=true",
    "type=%00", "a" * 3000, "&&&===", "%",
)  # fmt: skip

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    query: str = ""

    @property
    def face(self) -> str:
        """Return which contract's envelope an error must come in, or nothing where no face is meant."""
        if self.path.startswith("/workload/"):
            return "workload"
        return "core" if self.path.startswith("/v1/") else ""

    @property
    def is_http(self) -> bool:
        """Tell whether the head can be read: upper-case method, target in ASCII, no control characters."""
        values = "".join(value for _, value in self.headers)
        target = f"{self.path}{self.query}"
        return self.method.isupper() and target.isascii() and not CONTROL.search(_line(target + values))

    def encoded(self) -> bytes:
        """Return the request as it goes over the wire, with a length unless a header bends it."""
        target = self.path + (f"?{self.query}" if self.query else "")
        lines = [f"{self.method} {_line(target).replace(' ', '%20')} HTTP/1.1"]
        lines += [f"{name}: {_line(value)}" for name, value in self.headers]
        if not any(name in ("Content-Length", "Transfer-Encoding") for name, _ in self.headers):
            lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join(lines).encode("utf-8", "surrogatepass")
        return head + b"\r\n\r\n" + self.body


class Generator:
    """*core* and *host* are header lines that authorise; *item* is the path of a known item below /v1."""

    def __init__(
        self, seed: int, *, core: Mapping[str, str], host: Mapping[str, str], item: str, address: str
    ) -> None:
        self._chance = random.Random(seed)
        self._core = (("Host", address), *core.items())
        self._host = (("Host", address), *host.items())
        self._item = item
        self._workspace = item.partition("/items/")[0]
        self._mutations: tuple[Callable[[Request], Request], ...] = (
            self._other_method, self._other_segment, self._other_query, self._without_header,
            self._twice_header, self._other_header, self._other_body, self._bent_body,
            self._flipped_body, self._foreign_caller,
        )  # fmt: skip

    def next(self) -> Request:
        """Return a request that was good and is bent in none to three places."""
        request = self._good()
        for mutate in self._chance.choices(self._mutations, k=self._chance.choice((0, 1, 1, 1, 2, 3))):
            request = mutate(request)
        return request

    # ---- good requests

    def good_create(self) -> Request:
        return Request("POST", self._instance(), self._host, _json({"invokeType": "Manual"}))

    def _good(self) -> Request:
        return self._chance.choice((self._good_host, self._good_core))()

    def _good_host(self) -> Request:
        dice = self._chance.random()
        if dice < 0.5:
            body = {"invokeType": "Scheduled", "creationPayload": {"priority": "low", "numbers": [1, 2.5]}}
            return Request("POST", self._instance(), self._host, _json(body))
        if dice < 0.75:
            return Request("GET", self._instance(), self._host)
        return Request("POST", f"{self._instance()}/cancel", self._host)

    def _good_core(self) -> Request:
        jobs = f"{self._item}/jobs"
        name = f"n {self._chance.random()}"
        known: tuple[tuple[str, str, Any], ...] = (
            ("POST", f"{jobs}/quick/instances", {"executionData": {"a": 1}}),
            ("POST", f"{jobs}/instances?jobType=fails", None),
            ("GET", f"{jobs}/instances", None),
            ("GET", f"{jobs}/instances/{self._uuid()}", None),
            ("POST", f"{jobs}/instances/{self._uuid()}/cancel", None),
            ("GET", "/v1/workspaces", None),
            ("POST", "/v1/workspaces", {"displayName": name, "description": "d"}),
            ("GET", self._workspace, None),
            ("GET", f"{self._workspace}/items", None),
            ("POST", f"{self._workspace}/items", {"displayName": name, "type": ITEM_TYPE}),
            ("GET", self._item, None),
        )
        method, target, body = self._chance.choice(known)
        path, _, query = target.partition("?")
        return Request(method, path, self._core, b"" if body is None else _json(body), query)

    def _instance(self) -> str:
        workspace = self._uuid()
        kind = self._chance.choice(("quick", "fails"))
        return (
            f"/workload/workspaces/{workspace}/items/{ITEM_TYPE}/{self._uuid()}"
            f"/jobTypes/{kind}/instances/{self._uuid()}"
        )

    def _uuid(self) -> str:
        # Few ids, so that requests meet the jobs of others.
        return str(UUID(int=self._chance.randrange(50) << 64 | 0x4 << 76, version=4))

    # ---- what bends them

    def _other_method(self, request: Request) -> Request:
        return replace(request, method=self._chance.choice(METHODS))

    def _other_segment(self, request: Request) -> Request:
        segments = request.path.split("/")
        at = self._chance.randrange(2, len(segments)) if len(segments) > 2 else len(segments) - 1
        segments[at : at + 1] = self._chance.choice(
            ([self._chance.choice(TEXTS)], [], [segments[at], ""], [segments[at].upper()])
        )
        return replace(request, path="/".join(segments))

    def _other_query(self, request: Request) -> Request:
        return replace(request, query=self._chance.choice(QUERIES))

    def _without_header(self, request: Request) -> Request:
        at = self._chance.randrange(len(request.headers) + 1)
        return replace(request, headers=request.headers[:at] + request.headers[at + 1 :])

    def _twice_header(self, request: Request) -> Request:
        if not request.headers:
            return request
        return replace(request, headers=(*request.headers, self._chance.choice(request.headers)))

    def _other_header(self, request: Request) -> Request:
        name = self._chance.choice(HEADERS)
        others = tuple(header for header in request.headers if header[0] != name)
        return replace(request, headers=(*others, (name, self._chance.choice(TEXTS)[:4000])))

    def _other_body(self, request: Request) -> Request:
        return replace(request, body=self._chance.choice(BODIES))

    def _bent_body(self, request: Request) -> Request:
        """Give one member of a JSON body another value, another name, or take it away."""
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            return request
        if not isinstance(body, dict) or not body:
            return request
        member = self._chance.choice(list(body))
        if self._chance.random() < 0.2:
            del body[member]
        body[self._chance.choice((member, member, member.upper(), ""))] = self._chance.choice(VALUES)
        return replace(request, body=_json(body))

    def _flipped_body(self, request: Request) -> Request:
        if not request.body:
            return request
        body = bytearray(request.body)
        for _ in range(self._chance.randrange(1, 5)):
            body[self._chance.randrange(len(body))] = self._chance.randrange(256)
        return replace(request, body=bytes(body))

    def _foreign_caller(self, request: Request) -> Request:
        other = self._core if request.face == "workload" else self._host
        return replace(request, headers=other)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _line(text: str) -> str:
    """Return *text* without what would end a line of the head."""
    return text.replace("\r", "").replace("\n", "")
