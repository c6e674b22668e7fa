"""Answers of the sign-in service: JSON that nobody keeps, and errors in Entra's form."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from weft.auth.grants import GrantRefused
from weft.catalog.ids import is_uuid

NOT_KEPT: Final = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}


def answer(request: Request, body: Mapping[str, Any], *, status: int = 200) -> Response:
    headers = {**NOT_KEPT, "x-ms-request-id": str(uuid.uuid4()), **_correlated(request)}
    return Response(msgspec.json.encode(body), status, headers=headers, media_type="application/json")


def refusal(request: Request, refused: GrantRefused) -> Response:
    """Return the answer that tells *refused*, with the headers that go with its status."""
    trace = str(uuid.uuid4())
    correlated = _correlated(request)
    body = told(refused, trace, correlated.get("client-request-id", trace), datetime.now(UTC))
    headers = {**NOT_KEPT, "x-ms-request-id": trace, **correlated, **_headers_of(refused, request)}
    return Response(msgspec.json.encode(body), refused.status, headers=headers, media_type="application/json")


def told(refused: GrantRefused, trace: str, correlation: str, at: datetime) -> dict[str, Any]:
    """Return the members of an error, as Entra has them."""
    timestamp = f"{at:%Y-%m-%d %H:%M:%S}Z"
    return {
        "error": refused.error,
        "error_description": f"AADSTS{refused.code}: {refused.message} Trace ID: {trace} "
        f"Correlation ID: {correlation} Timestamp: {timestamp}",
        "error_codes": [refused.code],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={refused.code}",
    }


def _correlated(request: Request) -> dict[str, str]:
    """Return the id under which the caller knows its call, if it is one."""
    named = request.headers.get("client-request-id", "")
    return {"client-request-id": named} if is_uuid(named) else {}


def _headers_of(refused: GrantRefused, request: Request) -> dict[str, str]:
    if refused.retry_after:
        return {"Retry-After": str(refused.retry_after)}
    if refused.status == 401 and "authorization" in request.headers:  # RFC 6749 5.2
        return {"WWW-Authenticate": 'Basic realm="weft local issuer"'}
    return {}
