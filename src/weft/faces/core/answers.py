"""Answers with the headers that the live service sends."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

JSON = "application/json; charset=utf-8"
EMPTY = "application/octet-stream"  # some clients fail on an empty answer that has no type
ON_EVERY_ANSWER = {
    "Cache-Control": "no-store, must-revalidate, no-cache",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
EXPOSED = ("Location", "Retry-After", "ETag", "x-ms-operation-id")

_encode = msgspec.json.Encoder().encode


def with_body(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(_encode(body), status, headers, media_type=JSON)


def as_stored(status: int, body: bytes) -> Response:
    """Return JSON text in the way in which the service hands out results: without a charset."""
    return Response(body, status, media_type="application/json")


def without_body(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(b"", status, headers, media_type=EMPTY)


def dress(response: Response, request_id: str, *, secure: bool) -> Response:
    """Give *response* what every answer carries; *secure*: it leaves through TLS."""
    headers = response.headers
    exposed = [name for name in EXPOSED if name in headers]
    headers["RequestId"] = request_id
    headers["Access-Control-Expose-Headers"] = ",".join(["RequestId", *exposed])
    headers.update(ON_EVERY_ANSWER)
    if secure:  # browsers are told to ignore it on plain HTTP, and a local server may have no TLS at all
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    return response
