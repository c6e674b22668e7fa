"""Unmodified clients of Fabric through `weft exec`: they sign in, and call Core at its own address."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.weft_process import WEFT, WeftProcess, all_gone
from tests.torture.processes import Process, started
from weft.auth.home import Home
from weft.auth.issuer import Issuer, user_id
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock

SECONDS = 120
CORE = "https://api.fabric.microsoft.com"
STEERING = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "WEFT_DATA")


@dataclass(frozen=True)
class App:
    """What `weft app create` said."""

    client_id: str
    secret: str
    tenant: str
    object_id: str
    resource: str


def weft(data: Path, *arguments: str, told: object = None, **named: str) -> subprocess.CompletedProcess[str]:
    """Run a command; *told* is what it reads, as JSON: secrets stand on no command line."""
    environment = {name: value for name, value in os.environ.items() if name not in STEERING}
    return subprocess.run(
        [WEFT, *arguments[:1], "--data", str(data), *arguments[1:]],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        start_new_session=True,
        env={**environment, **named},
    )


def python(data: Path, script: str, told: object = None) -> Any:
    """Run *script* through `weft exec` and return what it printed, read as JSON."""
    result = weft(data, "exec", "--", sys.executable, "-c", script, told=told)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeftProcess]:
    server = WeftProcess(tmp_path_factory.mktemp("exec") / "data").start()
    yield server
    assert server.terminate() == 0


@pytest.fixture(scope="module")
def app(server: WeftProcess) -> App:
    """The backend of a workload, registered while the server runs."""
    command = [WEFT, "app", "create", "backend", "--workload", "Contoso.Tests", "--json"]
    made = subprocess.run(
        [*command, "--data", str(server.data)], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    told = json.loads(made.stdout)
    return App(
        told["clientId"], told["clientSecret"], told["tenantId"], told["objectId"], told["resources"][0]
    )


CONFIDENTIAL = """
import json, sys
import msal

told = json.load(sys.stdin)
app = msal.ConfidentialClientApplication(
    told["client_id"], told["secret"], authority="https://login.microsoftonline.com/" + told["tenant"]
)
"""

CLIENT_CREDENTIALS = f"""{CONFIDENTIAL}
print(json.dumps(app.acquire_token_for_client(["{CORE}/.default"])))
"""

ON_BEHALF_OF = f"""{CONFIDENTIAL}
print(json.dumps(app.acquire_token_on_behalf_of(told["assertion"], ["{CORE}/.default"])))
"""

RENEWAL = f"""{CONFIDENTIAL}
print(json.dumps(app.acquire_token_by_refresh_token(told["refresh"], ["{CORE}/.default"])))
"""

CALL = """
import json, sys, urllib.request

told = json.load(sys.stdin)
request = urllib.request.Request(
    told["url"],
    method=told.get("method", "GET"),
    data=told["body"].encode() if "body" in told else None,
    headers={"Authorization": "Bearer " + told["token"], "Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=30) as answer:
    print(json.dumps({
        "status": answer.status, "headers": dict(answer.headers), "body": json.loads(answer.read() or b"null")
    }))
"""


def told(app: App, **changed: str) -> dict[str, str]:
    return {"client_id": app.client_id, "secret": app.secret, "tenant": app.tenant, **changed}


def call(data: Path, token: str, path: str, **more: str) -> dict[str, Any]:
    answer: dict[str, Any] = python(data, CALL, {"url": f"{CORE}{path}", "token": token, **more})
    return answer


def test_an_app_signs_in_with_msal_and_works_in_core(server: WeftProcess, app: App) -> None:
    token = python(server.data, CLIENT_CREDENTIALS, told(app))["access_token"]

    made = call(
        server.data, token, "/v1/workspaces", method="POST", body=json.dumps({"displayName": "of the app"})
    )
    listed = call(server.data, token, "/v1/workspaces")

    assert made["status"] == 201
    assert [one["id"] for one in listed["body"]["value"]] == [made["body"]["id"]]
    assert made["headers"]["location"] == f"{CORE}/v1/workspaces/{made['body']['id']}"


def test_the_app_is_the_one_that_weft_token_speaks_for(server: WeftProcess, app: App) -> None:
    issuer = Issuer(Keys.open(server.data), SystemClock(), Home.open(server.data))
    signed_in = python(server.data, CLIENT_CREDENTIALS, told(app))["access_token"]
    made = call(
        server.data, signed_in, "/v1/workspaces", method="POST", body=json.dumps({"displayName": "shared"})
    )

    listed = call(server.data, issuer.core_token("backend", app=True), "/v1/workspaces")

    assert made["body"]["id"] in [one["id"] for one in listed["body"]["value"]]


def test_a_backend_acts_for_the_user_who_called_it(server: WeftProcess, app: App) -> None:
    header = server.token("workload")
    assertion = header.split('subjectToken="')[1].split('"')[0]

    answer = python(server.data, ON_BEHALF_OF, told(app, assertion=assertion))

    workspace = server.core("POST", "/workspaces", {"displayName": "of admin"}).json["id"]
    listed = call(server.data, answer["access_token"], "/v1/workspaces")
    assert workspace in [one["id"] for one in listed["body"]["value"]]
    assert answer["id_token_claims"]["oid"] == user_id(app.tenant, "admin")


def test_a_token_on_behalf_is_renewed(server: WeftProcess, app: App) -> None:
    assertion = server.token("workload").split('subjectToken="')[1].split('"')[0]
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": app.client_id,
        "client_secret": app.secret,
        "requested_token_use": "on_behalf_of",
        "assertion": assertion,
        "scope": f"{CORE}/.default offline_access",
    }
    script = (
        "import json, sys, requests; told = json.load(sys.stdin); "
        "print(requests.post(told['url'], data=told['fields'], timeout=30).text)"
    )
    url = f"https://login.microsoftonline.com/{app.tenant}/oauth2/v2.0/token"
    first = python(server.data, script, {"url": url, "fields": fields})

    renewed = python(server.data, RENEWAL, told(app, refresh=first["refresh_token"]))

    assert call(server.data, renewed["access_token"], "/v1/workspaces")["status"] == 200


@pytest.mark.parametrize(
    ("changed", "error", "code"),
    [
        ({"secret": "wrong"}, "invalid_client", 7000215),
        ({"client_id": "00000000-1111-4222-8333-444444444444"}, "unauthorized_client", 700016),
        ({"tenant": "00000000-1111-4222-8333-444444444444"}, "invalid_request", 90002),
    ],
)
def test_msal_tells_what_is_wrong(
    server: WeftProcess, app: App, changed: dict[str, str], error: str, code: int
) -> None:
    answer = python(server.data, CLIENT_CREDENTIALS, told(app, **changed))

    assert (answer["error"], answer["error_codes"]) == (error, [code])
    assert answer["error_description"].startswith(f"AADSTS{code}: ")


def test_msal_tells_of_a_tenant_that_is_no_id(server: WeftProcess, app: App) -> None:
    result = weft(
        server.data, "exec", "--", sys.executable, "-c", CLIENT_CREDENTIALS,
        told=told(app, tenant="nobody.onmicrosoft.com"),
    )  # fmt: skip

    assert result.returncode == 1
    assert "Unable to get authority configuration" in result.stderr


def test_a_deleted_app_gets_no_token_from_the_running_server(server: WeftProcess, app: App) -> None:
    command = [WEFT, "app", "create", "short-lived", "--json", "--data", str(server.data)]
    made = json.loads(
        subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    )
    known = told(app, client_id=made["clientId"], secret=made["clientSecret"])
    assert "access_token" in python(server.data, CLIENT_CREDENTIALS, known)

    command = [WEFT, "app", "delete", "short-lived", "--data", str(server.data)]
    subprocess.run(command, timeout=SECONDS, check=True)

    assert python(server.data, CLIENT_CREDENTIALS, known)["error"] == "unauthorized_client"


def test_the_keys_that_tokens_are_checked_with_are_where_libraries_look(server: WeftProcess) -> None:
    script = (
        "import json, requests\n"
        "base = 'https://login.microsoftonline.com/common'\n"
        "document = requests.get(base + '/v2.0/.well-known/openid-configuration', timeout=30).json()\n"
        "print(requests.get(document['jwks_uri'], timeout=30).text)\n"
    )

    assert python(server.data, script) == Keys.open(server.data).jwks()


def test_core_alone_is_served_at_its_address(server: WeftProcess) -> None:
    script = (
        "import json, requests\n"
        "urls = ['/v1/workspaces', '/weft/v1/workspaces', '/workload/x', '/issuer/common', '/livez']\n"
        f"print(json.dumps([requests.get('{CORE}' + url, timeout=30).status_code for url in urls]))\n"
    )

    assert python(server.data, script) == [401, 401, 401, 401, 401]


def test_the_ordinary_address_gives_tokens_to_apps_too(server: WeftProcess, app: App) -> None:
    script = (
        "import json, sys, requests; told = json.load(sys.stdin); "
        "print(requests.post(told['url'], data=told['fields'], timeout=30).text)"
    )
    fields = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "client_secret": app.secret,
        "scope": f"{CORE}/.default",
    }
    url = f"{server.url}/issuer/{app.tenant}/oauth2/v2.0/token"

    answer = python(server.data, script, {"url": url, "fields": fields})

    assert answer["token_type"] == "Bearer"


def test_no_secret_and_no_token_is_in_the_log_of_the_server(server: WeftProcess, app: App) -> None:
    token = python(server.data, CLIENT_CREDENTIALS, told(app))["access_token"]
    python(server.data, CLIENT_CREDENTIALS, told(app, secret="swordfish"))

    log = server.log()

    assert not any(secret in log for secret in (token, app.secret, "swordfish"))


def test_without_a_server_one_runs_for_as_long_as_the_command(tmp_path: Path) -> None:
    data = tmp_path / "data"
    script = (
        "import json, os, requests\n"
        f"status = requests.get('{CORE}/v1/workspaces', timeout=30).status_code\n"
        f"print(json.dumps([status, json.load(open({str(data / 'server.json')!r}))['pid']]))\n"
    )

    status, pid = python(data, script)

    assert status == 401
    assert not Path(f"/proc/{pid}").exists()
    assert not (data / "server.json").exists()


def test_a_server_of_its_own_ends_when_exec_is_told_to(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = subprocess.Popen(
        [WEFT, "exec", "--data", str(data), "--", "sh", "-c", "echo ready; exec sleep 1000"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "ready\n"
        server = json.loads((data / "server.json").read_text())["pid"]
        alive = {Process(server, started(server))}

        process.send_signal(signal.SIGTERM)

        assert process.wait(SECONDS) == 143
    all_gone(alive)
