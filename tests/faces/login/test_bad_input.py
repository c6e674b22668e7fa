"""Whatever is sent to the token endpoint, it answers in Entra's form, and never with a fault of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.auth.apps import Apps
from weft.auth.grants import JWT_BEARER, Grants
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.auth.resources import Resources
from weft.contracts.hosts import LOGIN_HOST, LOGIN_HOSTS
from weft.engine.clock import SystemClock
from weft.faces.login.routes import LoginFace, application
from weft.settings import Limits

MEMBERS = {
    "error",
    "error_description",
    "error_codes",
    "timestamp",
    "trace_id",
    "correlation_id",
    "error_uri",
}
NAMES = ("grant_type", "client_id", "client_secret", "scope", "resource", "assertion", "refresh_token",
         "requested_token_use", "client_assertion", "client_info", "\0")  # fmt: skip


class Endpoint:
    """The sign-in service with one app, called from outside of any loop."""

    def __init__(self, data: Path, keys: Keys) -> None:
        clock = SystemClock()
        home = Home.open(data)
        issuer = Issuer(keys, clock, home)
        apps = Apps(data, home.tenant)
        self.tenant = home.tenant
        self.app, self.secret = apps.create("backend", workload="Contoso.X")
        self.assertion = issuer.subject_and_app("Contoso.X", "ada").split('subjectToken="')[1].split('"')[0]
        grants = Grants(issuer, keys, home.tenant, clock, apps=apps, resources=Resources(apps))
        self._app = application(LoginFace(issuer, grants, Limits()), LOGIN_HOSTS)

    def post(self, path: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url=f"https://{LOGIN_HOST}") as http:
                return await http.post(path, content=content, headers=headers)

        return asyncio.run(call())


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Endpoint]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("weft.auth.grants.MOST_GUESSES", 1_000_000)  # which would hide all that comes after
        yield Endpoint(tmp_path_factory.mktemp("bad") / "data", keys)


def check(answer: httpx.Response) -> None:
    body = json.loads(answer.content)
    if answer.status_code == 200:
        assert "access_token" in body
        return
    assert 400 <= answer.status_code < 500
    assert body.keys() == MEMBERS
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")


@pytest.mark.parametrize("start", ["grant_type=x*", "grant_type=client_credentials&scope=x*"])
@pytest.mark.parametrize("first", ["client_secret", "assertion", "refresh_token"])
def test_a_form_that_is_put_together_wrongly_is_not_told_with_its_secrets(
    endpoint: Endpoint, start: str, first: str
) -> None:
    held = {
        "client_secret": endpoint.secret,
        "assertion": endpoint.assertion,
        "refresh_token": "weft1.OSPmM9PU6ODZbbwZk2lXIMaC-u9JubnXcecau60SL3x0s8NfcDg9Mp",
    }
    proof = f"client_id={endpoint.app.client_id}&client_secret={endpoint.secret}"

    answer = endpoint.post(
        f"/{endpoint.tenant}/oauth2/v2.0/token",
        f"{start}{first}={held[first]}&{proof}".encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )

    check(answer)
    assert answer.status_code == 400
    assert held[first][:40] not in answer.text


def values(endpoint: Endpoint) -> st.SearchStrategy[str]:
    known = [
        "client_credentials", JWT_BEARER, "refresh_token", "on_behalf_of", endpoint.app.client_id,
        endpoint.secret, endpoint.assertion, endpoint.app.resources[0], "1",
        "https://api.fabric.microsoft.com/.default", "https://storage.azure.com",
        f"api://{endpoint.app.client_id}/.default", "openid offline_access", "/", "//.default", ".default",
    ]  # fmt: skip
    return st.sampled_from(known) | st.text(max_size=40)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_fields_are_answered(endpoint: Endpoint, data: st.DataObject) -> None:
    good = {"client_id": endpoint.app.client_id, "client_secret": endpoint.secret}
    fields = good | data.draw(st.dictionaries(st.sampled_from(NAMES), values(endpoint)))
    for name in data.draw(st.sets(st.sampled_from(NAMES), max_size=2)):
        fields.pop(name, None)
    tenant = data.draw(st.sampled_from([endpoint.tenant, "common", "organizations"]))
    version = data.draw(st.sampled_from(["/v2.0", ""]))
    form = httpx.QueryParams(fields)

    answer = endpoint.post(
        f"/{tenant}/oauth2{version}/token",
        str(form).encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )

    check(answer)


@settings(max_examples=150, deadline=None)
@given(
    content=st.binary(max_size=300),
    media_type=st.sampled_from(["application/x-www-form-urlencoded", "application/json", ""]),
    basic=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
)
def test_any_bytes_are_answered(
    endpoint: Endpoint, content: bytes, media_type: str, basic: str | None
) -> None:
    headers = {"Content-Type": media_type} | ({} if basic is None else {"Authorization": f"Basic {basic}"})

    check(endpoint.post(f"/{endpoint.tenant}/oauth2/v2.0/token", content, headers))
