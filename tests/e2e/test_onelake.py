"""Files of items, written and read by Microsoft's own clients below `weft exec`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.weft_process import WEFT, WeftProcess

# It signs in as an app, makes a workspace and an item, and keeps a file there.
AS_APP = """
import json, sys
import msal, requests
from azure.core.credentials import AccessToken
from azure.storage.filedatalake import DataLakeServiceClient

told = json.load(sys.stdin)
app = msal.ConfidentialClientApplication(
    told["clientId"],
    authority=f"https://login.microsoftonline.com/{told['tenantId']}",
    client_credential=told["clientSecret"],
)


def token(scope):
    return app.acquire_token_for_client([scope])["access_token"]


class Credential:
    def get_token(self, *scopes, **_):
        return AccessToken(token(scopes[0]), 4102444800)


core = requests.Session()
core.headers["Authorization"] = f"Bearer {token('https://api.fabric.microsoft.com/.default')}"
url = "https://api.fabric.microsoft.com/v1/workspaces"
workspace = core.post(url, json={"displayName": "lake"}).json()["id"]
item = core.post(
    f"{url}/{workspace}/items", json={"displayName": "plan", "type": told["itemType"]}
).json()["id"]

service = DataLakeServiceClient("https://onelake.dfs.fabric.microsoft.com", credential=Credential())
lake = service.get_file_system_client(workspace)
file = lake.get_file_client(f"{item}/Files/plan/week.csv")
file.create_file()
file.append_data(b"day,", offset=0)
file.append_data(b"warp", offset=4)
file.flush_data(8)
named = service.get_file_system_client("lake").get_file_client(f"plan.{told['itemType']}/Files/plan/week.csv")
print(json.dumps({
    "paths": [path.name for path in lake.get_paths(f"{item}/Files") if not path.is_directory],
    "whole": file.download_file().readall().decode(),
    "range": named.download_file(offset=4, length=2).readall().decode(),
    "size": file.get_file_properties().size,
    "place": [workspace, item],
}))
"""

AS_STRANGER = """
import json, sys
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.storage.filedatalake import DataLakeServiceClient
import msal

told = json.load(sys.stdin)
app = msal.ConfidentialClientApplication(
    told["clientId"],
    authority=f"https://login.microsoftonline.com/{told['tenantId']}",
    client_credential=told["clientSecret"],
)


class Credential:
    def get_token(self, *scopes, **_):
        return AccessToken(app.acquire_token_for_client([scopes[0]])["access_token"], 4102444800)


service = DataLakeServiceClient(
    "https://onelake.dfs.fabric.microsoft.com", credential=Credential(), retry_total=0
)
workspace, item = told["place"]
answers = []
for place in ([workspace, item], [item, workspace]):
    file = service.get_file_system_client(place[0]).get_file_client(f"{place[1]}/Files/plan/week.csv")
    try:
        file.download_file().readall()
        answers.append("read")
    except HttpResponseError as refused:
        answers.append(f"{refused.status_code} {refused.error_code}")
print(json.dumps(answers))
"""


def an_app(weft: WeftProcess, name: str) -> dict[str, Any]:
    command = [WEFT, "app", "create", name, "--json", "--data", str(weft.data)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def below_exec(data: Path, script: str, told: object) -> Any:
    done = subprocess.run(
        [WEFT, "exec", "--data", str(data), "--", sys.executable, "-c", script],
        input=json.dumps(told), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_files_are_kept_by_unmodified_clients_survive_a_kill_and_go_with_their_item(
    weft: WeftProcess,
) -> None:
    app = an_app(weft, "lake") | {"itemType": "Contoso.Tests.Thing"}

    kept = below_exec(weft.data, AS_APP, app)

    workspace, item = kept.pop("place")
    assert kept == {
        "paths": [f"{item}/Files/plan/week.csv"],
        "whole": "day,warp",
        "range": "wa",
        "size": 8,
    }
    weft.kill()
    weft.start()
    files = [path for path in (weft.data / "onelake").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in files] == [b"day,warp"]

    stranger = an_app(weft, "stranger") | {"place": [workspace, item]}
    unknown = below_exec(weft.data, AS_STRANGER, stranger)
    assert unknown[0] == unknown[1], "what is not yours is answered as what is not there"
    assert unknown[0].startswith("404")

    token = subprocess.run(
        [WEFT, "token", "--app", "--user", "lake", "--data", str(weft.data)],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout.strip()  # fmt: skip
    address = f"/v1/workspaces/{workspace}/items/{item}"
    assert weft.call("DELETE", address, {"Authorization": f"Bearer {token}"}).status == 200
    assert not any(path.is_file() for path in (weft.data / "onelake").rglob("*"))
