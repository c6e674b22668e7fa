"""What is open to everybody, and what it says of a tenant that has no document."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette

from weft.faces import public

TENANT = "853d9f4f-c71b-4420-b6ec-60e503458946"


async def _get(path: str) -> httpx.Response:
    async def ready() -> dict[str, bool]:
        return {"store": True}

    def discovery(base_url: str, tenant: str) -> dict[str, str]:
        return {"issuer": f"{base_url}/{tenant}"}

    app = Starlette(routes=public.routes(ready, discovery, lambda: {"keys": []}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://weft") as http:
        return await http.get(path)


async def test_a_tenant_has_its_documents() -> None:
    document = await _get(f"/issuer/{TENANT}/v2.0/.well-known/openid-configuration")
    keys = await _get(f"/issuer/{TENANT}/discovery/v2.0/keys")

    assert document.json() == {"issuer": f"http://weft/{TENANT}"}
    assert keys.json() == {"keys": []}


@pytest.mark.parametrize("path", ["v2.0/.well-known/openid-configuration", "discovery/v2.0/keys"])
@pytest.mark.parametrize("tenant", ["common", "contoso.onmicrosoft.com", TENANT.upper()])
async def test_what_is_no_tenant_is_told_as_the_token_endpoint_tells_it(tenant: str, path: str) -> None:
    answer = await _get(f"/issuer/{tenant}/{path}")

    assert answer.status_code == 404
    assert answer.json()["error"] == "invalid_request"
    assert answer.json()["error_codes"] == [90002]
    assert f"Tenant '{tenant}' not found" in answer.json()["error_description"]
