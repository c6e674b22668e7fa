"""What libraries read before they ask for a token: discovery, instance discovery and keys."""

from __future__ import annotations

import pytest

from tests.faces.login.conftest import House
from weft.contracts.hosts import LOGIN_HOST, LOGIN_HOSTS

BASE = f"https://{LOGIN_HOST}"
SOME_TENANT = "853d9f4f-c71b-4420-b6ec-60e503458946"


async def test_the_discovery_document_leads_back_to_the_same_host_and_tenant(house: House) -> None:
    found = await house.http.get(f"/{SOME_TENANT}/v2.0/.well-known/openid-configuration")

    document = found.json()
    assert found.status_code == 200
    assert document["issuer"] == f"{BASE}/{SOME_TENANT}/v2.0"
    assert document["token_endpoint"] == f"{BASE}/{SOME_TENANT}/oauth2/v2.0/token"
    assert document["jwks_uri"] == f"{BASE}/{SOME_TENANT}/discovery/v2.0/keys"
    assert document["authorization_endpoint"] == f"{BASE}/{SOME_TENANT}/oauth2/v2.0/authorize"


async def test_the_older_document_names_the_older_issuer(house: House) -> None:
    document = (await house.http.get(f"/{SOME_TENANT}/.well-known/openid-configuration")).json()

    assert document["issuer"] == f"https://sts.windows.net/{SOME_TENANT}/"
    assert document["token_endpoint"] == f"{BASE}/{SOME_TENANT}/oauth2/token"
    assert document["jwks_uri"] == f"{BASE}/common/discovery/keys"


@pytest.mark.parametrize("tenant", ["common", "organizations", "COMMON"])
async def test_without_a_tenant_the_issuer_has_a_place_for_it(house: House, tenant: str) -> None:
    new = (await house.http.get(f"/{tenant}/v2.0/.well-known/openid-configuration")).json()
    old = (await house.http.get(f"/{tenant}/.well-known/openid-configuration")).json()

    assert new["issuer"] == BASE + "/{tenantid}/v2.0"
    assert old["issuer"] == "https://sts.windows.net/{tenantid}/"
    assert new["token_endpoint"] == f"{BASE}/{tenant.lower()}/oauth2/v2.0/token"


@pytest.mark.parametrize(
    "path", ["/common/discovery/keys", "/common/discovery/v2.0/keys", f"/{SOME_TENANT}/Discovery/V2.0/Keys"]
)
async def test_the_keys_are_those_that_sign(house: House, path: str) -> None:
    assert (await house.http.get(path)).json() == house.keys.jwks()


@pytest.mark.parametrize(
    "path",
    [
        "/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration",
        "/consumers/.well-known/openid-configuration",
        "/nobody/discovery/v2.0/keys",
        "/853d9f4f/discovery/keys",
    ],
)
async def test_a_tenant_that_is_no_id_is_not_found(house: House, path: str) -> None:
    answer = await house.http.get(path)

    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


@pytest.mark.parametrize("host", LOGIN_HOSTS)
async def test_every_name_of_the_service_is_one_instance(house: House, host: str) -> None:
    asked = {"api-version": "1.1", "authorization_endpoint": f"https://{host}/common/oauth2/v2.0/authorize"}

    found = (await house.http.get("/common/discovery/instance", params=asked)).json()

    assert (
        found["tenant_discovery_endpoint"] == f"https://{host}/common/v2.0/.well-known/openid-configuration"
    )
    assert found["metadata"][0]["preferred_network"] == LOGIN_HOST
    assert host in found["metadata"][0]["aliases"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "https://login.evil.example/common",
        "http://login.microsoftonline.com/common",
        "https://login.microsoftonline.com",
        "https://[::1",
        "https://login.microsoftonline.com@evil.example/common",
    ],
)
async def test_another_instance_is_not_known(house: House, endpoint: str) -> None:
    answer = await house.http.get("/common/discovery/instance", params={"authorization_endpoint": endpoint})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_instance")


async def test_documents_are_answered_under_every_name(house: House) -> None:
    for host in LOGIN_HOSTS:
        found = await house.http.get(f"https://{host}:443/common/v2.0/.well-known/openid-configuration")
        assert found.json()["token_endpoint"] == f"https://{host}/common/oauth2/v2.0/token"


async def test_no_other_host_is_answered(house: House) -> None:
    found = await house.http.get("https://evil.example/common/v2.0/.well-known/openid-configuration")

    assert (found.status_code, found.json()["error"]) == (421, "invalid_request")
