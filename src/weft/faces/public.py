"""What is open to everybody: liveness, readiness, and the local issuer's public documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from weft.auth.grants import unknown_tenant
from weft.catalog.ids import is_canonical
from weft.faces.login.answers import refusal

Readiness = Callable[[], Awaitable[Mapping[str, bool]]]
Discovery = Callable[[str, str], Mapping[str, Any]]
KeySet = Callable[[], Mapping[str, Any]]


def routes(readiness: Readiness, discovery: Discovery, key_set: KeySet) -> list[BaseRoute]:
    """*readiness* tells which parts work; *discovery* takes this server's base URL and a tenant."""

    async def openid_configuration(request: Request) -> Response:
        tenant = request.path_params["tenant"]
        if not is_canonical(tenant):
            return _no_tenant(request)
        return _json(200, discovery(f"{request.url.scheme}://{request.url.netloc}", tenant))

    async def keys(request: Request) -> Response:
        if not is_canonical(request.path_params["tenant"]):
            return _no_tenant(request)
        return _json(200, key_set())

    return [
        *health(readiness),
        Route("/issuer/{tenant}/v2.0/.well-known/openid-configuration", openid_configuration),
        Route("/issuer/{tenant}/discovery/v2.0/keys", keys),
    ]


def health(readiness: Readiness) -> list[BaseRoute]:
    """Liveness and readiness alone, for a host that has no issuer."""

    async def livez(_: Request) -> Response:
        return _json(200, {"status": "alive"})

    async def readyz(_: Request) -> Response:
        parts = await readiness()
        ready = all(parts.values())
        return _json(200 if ready else 503, {"status": "ready" if ready else "not ready", "parts": parts})

    return [Route("/livez", livez), Route("/readyz", readyz)]


def _no_tenant(request: Request) -> Response:
    """Return the answer for a path that names no tenant: in the words of the token endpoint beside it."""
    refused = unknown_tenant(request.path_params["tenant"])
    refused.status = 404
    return refusal(request, refused)


def _json(status: int, body: object) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(body), status, headers=headers, media_type="application/json")
