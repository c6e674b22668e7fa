"""The sign-in service over real keys and one registered app, called in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from weft.auth.apps import Apps, RegisteredApp
from weft.auth.grants import Grants
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.auth.resources import Resources
from weft.contracts.hosts import LOGIN_HOST, LOGIN_HOSTS
from weft.engine.clock import SystemClock
from weft.faces.login.routes import LoginFace, application
from weft.settings import Limits

CORE = "https://api.fabric.microsoft.com/.default"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys.open(tmp_path_factory.mktemp("login") / "data")


@dataclass
class House:
    keys: Keys
    issuer: Issuer
    face: LoginFace
    app: RegisteredApp
    secret: str
    tenant: str
    data: Path
    http: httpx.AsyncClient

    def form(self, **changed: str) -> dict[str, str]:
        """The fields of a good request for an app's token."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.app.client_id,
            "client_secret": self.secret,
            "scope": CORE,
            **changed,
        }

    async def token(self, **changed: str) -> httpx.Response:
        return await self.http.post(f"/{self.tenant}/oauth2/v2.0/token", data=self.form(**changed))


@pytest.fixture
async def house(tmp_path: Path, keys: Keys) -> AsyncIterator[House]:
    data, clock = tmp_path / "data", SystemClock()
    home = Home.open(data)
    issuer = Issuer(keys, clock, home)
    apps = Apps(data, home.tenant)
    app, secret = apps.create("backend", workload="Contoso.X")
    grants = Grants(issuer, keys, home.tenant, clock, apps=apps, resources=Resources(apps))
    face = LoginFace(issuer, grants, Limits())
    transport = httpx.ASGITransport(application(face, LOGIN_HOSTS))
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{LOGIN_HOST}") as http:
        yield House(keys, issuer, face, app, secret, home.tenant, data, http)
