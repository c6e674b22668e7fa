"""The token endpoint on the wire: forms, headers, Entra's errors, and what is no request for a token."""

from __future__ import annotations

import base64
import logging
import re
from urllib.parse import quote_plus
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

from tests.faces.login.conftest import House
from weft.auth.grants import MOST_GUESSES
from weft.auth.tokens import verified
from weft.faces.login.forms import LONGEST_BYTES
from weft.faces.login.routes import token_routes

SOME_TENANT = "853d9f4f-c71b-4420-b6ec-60e503458946"


def code(answer: httpx.Response) -> tuple[int, str, int]:
    body = answer.json()
    return answer.status_code, body["error"], body["error_codes"][0]


async def test_an_app_gets_its_token_and_nobody_keeps_the_answer(house: House) -> None:
    answer = await house.token()

    assert answer.status_code == 200
    assert verified(answer.json()["access_token"], house.keys).oid == house.app.object_id
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["content-type"] == "application/json"


async def test_an_error_has_entra_s_members(house: House) -> None:
    mine = str(uuid4())
    answer = await house.http.post(
        f"/{house.tenant}/oauth2/v2.0/token",
        data=house.form(client_secret="wrong"),
        headers={"client-request-id": mine},
    )

    body = answer.json()
    assert code(answer) == (401, "invalid_client", 7000215)
    assert body["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")
    assert body["correlation_id"] == answer.headers["client-request-id"] == mine
    assert body["trace_id"] == answer.headers["x-ms-request-id"]
    assert f"Trace ID: {body['trace_id']} Correlation ID: {mine}" in body["error_description"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", body["timestamp"])
    assert body["error_uri"].endswith("7000215")


async def test_an_id_of_a_call_that_is_none_is_not_repeated(house: House) -> None:
    answer = await house.http.post(
        f"/{house.tenant}/oauth2/v2.0/token", data={}, headers={"client-request-id": "<script>"}
    )

    assert "client-request-id" not in answer.headers
    assert "<script>" not in answer.text


async def test_credentials_in_a_header_are_percent_encoded(house: House) -> None:
    pair = f"{house.app.client_id}:{quote_plus(house.secret)}".encode()
    fields = {"grant_type": "client_credentials", "scope": house.form()["scope"]}

    answer = await house.http.post(
        f"/{house.tenant}/oauth2/v2.0/token",
        data=fields,
        headers={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("value", ["Bearer x", "Basic", "Basic !!!", "Basic eA==", "Basic /w=="])
async def test_another_header_is_no_credentials(house: House, value: str) -> None:
    answer = await house.http.post(
        f"/{house.tenant}/oauth2/v2.0/token", data=house.form(), headers={"Authorization": value}
    )

    assert code(answer) == (400, "invalid_request", 9002313)


async def test_the_older_endpoint_takes_a_resource(house: House) -> None:
    fields = house.form(resource="https://api.fabric.microsoft.com")

    answer = await house.http.post(f"/{house.tenant}/oauth2/token", data=fields)

    assert answer.json()["resource"] == "https://api.fabric.microsoft.com"


@pytest.mark.parametrize(
    ("content", "media_type", "expected"),
    [
        (b"", "application/x-www-form-urlencoded", (400, 900144)),
        (b"", "", (400, 900144)),
        (b'{"grant_type": "client_credentials"}', "application/json", (400, 9002313)),
        (b"grant_type=a&grant_type=b", "application/x-www-form-urlencoded", (400, 9000411)),
        (b"a=%ff", "application/x-www-form-urlencoded", (400, 9002313)),
        (b"a=\xff", "application/x-www-form-urlencoded", (400, 9002313)),
        (b"&".join(b"f%d=" % n for n in range(70)), "application/x-www-form-urlencoded", (400, 9002313)),
        (b"a=" + b"x" * LONGEST_BYTES, "application/x-www-form-urlencoded", (413, 9002313)),
        (b"grant_type=%00", "application/x-www-form-urlencoded; charset=utf-8", (400, 70003)),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    house: House, content: bytes, media_type: str, expected: tuple[int, int]
) -> None:
    answer = await house.http.post(
        f"/{house.tenant}/oauth2/v2.0/token", content=content, headers={"Content-Type": media_type}
    )

    status, _, number = code(answer)
    assert (status, number) == expected


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_post_asks_for_tokens(house: House, method: str) -> None:
    answer = await house.http.request(method, f"/{house.tenant}/oauth2/v2.0/token", params=house.form())

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert method == "HEAD" or answer.json()["error_codes"] == [900561]


@pytest.mark.parametrize("path", ["/", "/common", "/common/oauth2/v2.0/authorize", "/.env", "/v1/workspaces"])
async def test_other_addresses_are_not_served(house: House, path: str) -> None:
    answer = await house.http.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("path", ["//common", "/common/../x", "/a%2fb/oauth2/v2.0/token", "/%zz"])
async def test_odd_paths_are_turned_away_in_the_same_form(house: House, path: str) -> None:
    answer = await house.http.get(f"https://login.microsoftonline.com{path}")

    assert answer.status_code in (400, 404)
    assert answer.json()["error"] == "invalid_request"


async def test_a_page_of_another_site_cannot_ask(house: House) -> None:
    answer = await house.http.post(
        f"/{house.tenant}/oauth2/v2.0/token", data=house.form(), headers={"Origin": "https://evil.example"}
    )

    assert answer.status_code == 403
    assert "access_token" not in answer.json()


async def test_guesses_are_slowed_down(house: House) -> None:
    for _ in range(MOST_GUESSES):
        await house.token(client_secret="wrong")

    answer = await house.token()

    assert code(answer) == (429, "temporarily_unavailable", 90055)
    assert 0 < int(answer.headers["retry-after"]) <= 61


@pytest.mark.parametrize("tenant", [SOME_TENANT, "nobody", "contoso.onmicrosoft.com"])
async def test_an_unknown_tenant_is_told(house: House, tenant: str) -> None:
    answer = await house.http.post(f"/{tenant}/oauth2/v2.0/token", data=house.form())

    assert code(answer) == (400, "invalid_request", 90002)


async def test_apps_that_cannot_be_read_are_the_operator_s_matter(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    (house.data / "apps.json").write_bytes(b"nonsense")

    with caplog.at_level(logging.ERROR):
        answer = await house.token()

    assert code(answer) == (503, "temporarily_unavailable", 90033)
    assert str(house.data) not in answer.text
    assert [record.message for record in caplog.records] == ["registered apps cannot be read"]


async def test_no_secret_and_no_token_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        good = (await house.token()).json()["access_token"]
        await house.token(client_secret="swordfish")

    told = "\n".join(f"{record.message} {record.__dict__}" for record in caplog.records)
    assert not any(secret in told for secret in (good, house.secret, "swordfish"))


async def test_the_endpoint_is_mounted_elsewhere_too(house: House) -> None:
    app = Starlette(routes=token_routes(house.face, "/issuer"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        answer = await http.post(f"/issuer/{house.tenant}/oauth2/v2.0/token", data=house.form())

    assert answer.status_code == 200
