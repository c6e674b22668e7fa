"""What bends any good request, of whichever face."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.fuzz.message import Request

Bend = Callable[[Request], Request]
Header = tuple[str, str]

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
    "Origin", "Content-Encoding", "Idempotency-Key", "Repeatability-Request-ID", "Prefer", "Last-Event-ID",
    "X-Forwarded-Host", "X-HTTP-Method-Override", "Range",
    "Cookie", "If-Match", "traceparent", "api-version",
)  # fmt: skip
QUERIES = (
    "api-version=2016-10-01", "continuationToken=", "continuationToken=abc", "continuationToken=%ff%00",
    "continuationToken=" + "A" * 5000, "jobType=quick", "jobType=", "jobType=quick&jobType=long", "beta=true",
    "type=%00", "a" * 3000, "&&&===", "%",
)  # fmt: skip


class Bends:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._all: tuple[Bend, ...] = (
            self._other_method, self._other_segment, self._other_query, self._without_header,
            self._twice_header, self._other_header, self._other_body, self._bent_body, self._flipped_body,
        )  # fmt: skip

    def bend(self, request: Request, own: Sequence[Bend]) -> Request:
        """Bend *request* in none to three places; *own* are the bends of its face."""
        bends = self._chance.choices((*self._all, *own), k=self._chance.choice((0, 1, 1, 1, 2, 3)))
        for bend in bends:
            request = bend(request)
        return replace(request, expected=()) if bends else request

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
        return with_header(request, self._chance.choice(HEADERS), self._chance.choice(TEXTS)[:4000])

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
        return replace(request, body=as_json(body))

    def _flipped_body(self, request: Request) -> Request:
        if not request.body:
            return request
        return replace(request, body=flipped(request.body, self._chance))


def with_header(request: Request, name: str, value: str) -> Request:
    others = tuple(header for header in request.headers if header[0] != name)
    return replace(request, headers=(*others, (name, value)))


def flipped(data: bytes, chance: random.Random) -> bytes:
    """Return *data*, which is not empty, with up to four other bytes."""
    body = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return bytes(body)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()
