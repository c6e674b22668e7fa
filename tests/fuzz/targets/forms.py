"""A request to the token endpoint. The first line is its `Authorization`, the second its Content-Type.

Where the form names the client `app`, it is given the right id and secret, so that what is behind them is
reached too.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request

from weft.auth.apps import Apps
from weft.auth.grants import GrantRefused, Grants, TokenRequest
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.auth.resources import Resources
from weft.faces.login.answers import answer, refusal
from weft.faces.login.discovery import canonical_tenant, instance
from weft.faces.login.forms import basic_credentials, read_form


class _Clock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


FOLDER = tempfile.TemporaryDirectory(prefix="weft-fuzz-forms-")
DATA = Path(FOLDER.name)
LOOP = asyncio.new_event_loop()
HOME = Home.open(DATA)
KEYS = Keys.open(DATA)
ISSUER = Issuer(KEYS, _Clock(), HOME)
APPS = Apps(DATA, HOME.tenant)
APP, SECRET = APPS.create("fuzz")
GRANTS = Grants(ISSUER, KEYS, HOME.tenant, _Clock(), apps=APPS, resources=Resources(APPS, ["api://x/W"]))
ASSERTION = ISSUER.core_token("ada", audience=APP.client_id)


def run(data: bytes) -> None:
    status(data)


def status(data: bytes) -> int:
    """Ask for a token and return the status of the answer."""
    authorization, _, rest = data.partition(b"\n")
    media_type, _, body = rest.partition(b"\n")
    request = _request(authorization, media_type, body)
    try:
        response = answer(request, _granted(request))
    except GrantRefused as refused:
        response = refusal(request, refused)
    assert response.status_code == 200 or 400 <= response.status_code < 500
    assert SECRET.encode() not in response.body
    assert isinstance(msgspec.json.decode(response.body), dict)
    return response.status_code


def _granted(request: Request) -> dict[str, Any]:
    basic = basic_credentials(request)
    fields = LOOP.run_until_complete(read_form(request, seconds=60))
    if "authorization_endpoint" in fields:
        return instance(fields["authorization_endpoint"])
    right = fields.get("client_id") == "app"
    if right:
        fields |= {"client_id": APP.client_id, "client_secret": SECRET}
    if fields.get("assertion") == "ada":
        fields["assertion"] = ASSERTION
    tenant = canonical_tenant(fields.get("tenant", "common"))
    tenant = HOME.tenant if tenant == "organizations" else tenant
    told = GRANTS.token(
        TokenRequest(tenant=tenant, fields=fields, basic=basic, v1=fields.get("version") == "1")
    )
    assert right, "nobody else knows the secret"
    return told


def _request(authorization: bytes, media_type: bytes, body: bytes) -> Request:
    headers = [(b"content-type", media_type)]
    if authorization:
        headers.append((b"authorization", authorization))
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    sent = False

    async def receive() -> dict[str, object]:
        nonlocal sent
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)
