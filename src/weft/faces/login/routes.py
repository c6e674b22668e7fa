"""The addresses of the sign-in service: open to everybody, for whoever calls has yet to prove who it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from weft.auth.errors import DataRefused
from weft.auth.grants import GrantRefused, Grants, TokenRequest
from weft.auth.issuer import Issuer
from weft.faces.doors import Doors
from weft.faces.http import authority
from weft.faces.login import discovery
from weft.faces.login.answers import answer, refusal
from weft.faces.login.doors import envelope
from weft.faces.login.forms import basic_credentials, read_form
from weft.faces.routing import AnyCaseRoute, EveryPath
from weft.faces.routing import application as routed
from weft.settings import Limits

Told = Callable[[Request], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoginFace:
    """What the sign-in service works with."""

    issuer: Issuer
    grants: Grants
    limits: Limits


def application(face: LoginFace, hosts: Sequence[str]) -> ASGIApp:
    """Return the whole service behind its doors, under the names *hosts*."""
    return Doors(
        routed([*_documents(face), *token_routes(face), EveryPath(_no_route)]),
        default=envelope,
        hosts=hosts,
        requests_at_once=face.limits.requests_at_once,
    )


def token_routes(face: LoginFace, prefix: str = "") -> list[BaseRoute]:
    """Return the token endpoints, below *prefix*: of version 2.0, and the older one."""
    return [
        _route(f"{prefix}/{{tenant}}/oauth2/v2.0/token", _Token(face, v1=False), "POST"),
        _route(f"{prefix}/{{tenant}}/oauth2/token", _Token(face, v1=True), "POST"),
    ]


def _documents(face: LoginFace) -> list[BaseRoute]:
    async def v2(request: Request) -> dict[str, Any]:
        return discovery.configuration(
            face.issuer, _base_url(request), request.path_params["tenant"], v1=False
        )

    async def v1(request: Request) -> dict[str, Any]:
        return discovery.configuration(
            face.issuer, _base_url(request), request.path_params["tenant"], v1=True
        )

    async def keys(request: Request) -> dict[str, Any]:
        discovery.canonical_tenant(request.path_params["tenant"])
        return face.issuer.jwks()

    async def instance(request: Request) -> dict[str, Any]:
        return discovery.instance(request.query_params.get("authorization_endpoint", ""))

    return [
        _route("/common/discovery/instance", instance, "GET"),
        _route("/{tenant}/v2.0/.well-known/openid-configuration", v2, "GET"),
        _route("/{tenant}/.well-known/openid-configuration", v1, "GET"),
        _route("/{tenant}/discovery/v2.0/keys", keys, "GET"),
        _route("/{tenant}/discovery/keys", keys, "GET"),
    ]


class _Token:
    """The token endpoint. A grant costs a signature, and may read a file: it is given by a thread."""

    def __init__(self, face: LoginFace, *, v1: bool) -> None:
        self._face = face
        self._v1 = v1

    async def __call__(self, request: Request) -> dict[str, Any]:
        tenant = discovery.canonical_tenant(request.path_params["tenant"])
        basic = basic_credentials(request)
        fields = await read_form(request, seconds=self._face.limits.body_seconds)
        asked = TokenRequest(tenant=tenant, fields=fields, basic=basic, v1=self._v1)
        try:
            return await asyncio.to_thread(self._face.grants.token, asked)
        except DataRefused as unreadable:
            log.error("registered apps cannot be read", extra={"reason": str(unreadable)})
            raise GrantRefused(
                "temporarily_unavailable", 90033, "The registered apps cannot be read.", status=503
            ) from None


def _route(path: str, told: Told, method: str) -> BaseRoute:
    """Answer *method* with what is told, and every other method with Entra's refusal."""

    async def endpoint(request: Request) -> Response:
        try:
            if request.method != method and not (request.method == "HEAD" and method == "GET"):
                raise GrantRefused(
                    "invalid_request",
                    900561,
                    f"The endpoint only accepts {method} requests. Received a {request.method} request.",
                    status=405,
                )
            return answer(request, await told(request))
        except GrantRefused as refused:
            response = refusal(request, refused)
            if refused.status == 405:
                response.headers["Allow"] = method
            return response

    return AnyCaseRoute(path, endpoint, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])


def _base_url(request: Request) -> str:
    return f"{request.url.scheme}://{authority(request.scope).removesuffix(':443')}"


async def _no_route(scope: Any, receive: Any, send: Any) -> None:
    request = Request(scope, receive)
    refused = GrantRefused(
        "invalid_request",
        90023,
        "The local issuer answers discovery, keys and the token endpoint; nobody signs in with a browser.",
        status=404,
    )
    await refusal(request, refused)(scope, receive, send)
