"""Answers with the headers that the live service sends."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

JSON = "application/json; charset=utf-8"
GATE_JSON = "application/json"  # what the gateway before the service sends, as recorded
STRICT_TRANSPORT = "max-age=2592000"

_encode = msgspec.json.Encoder().encode


def with_body(
    status: int, body: object, headers: Mapping[str, str] | None = None, *, media_type: str = JSON
) -> Response:
    return Response(_encode(body), status, headers, media_type=media_type)


def without_body(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(b"", status, headers)


def dress(response: Response, id: str, trace: str, *, secure: bool) -> Response:
    """Give *response* what every answer carries; *secure*: it leaves through TLS."""
    response.headers["mise-correlation-id"] = id
    response.headers["traceresponse"] = trace
    if secure:  # browsers are told to ignore it on plain HTTP, and a local server may have no TLS at all
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    return response
