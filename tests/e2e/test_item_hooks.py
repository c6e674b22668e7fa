"""Items of a hosted workload in the real server: its hooks run, and what it was told survives kill -9."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.weft_process import WeftProcess
from tests.runners.jobs import TYPE
from tests.transcripts.clients import OverHttp
from tests.transcripts.player import Answer, Request
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock

WORKSPACE, ITEM, JOB = str(uuid4()), str(uuid4()), str(uuid4())
DEFINITION = {"path": "a.json", "payload": base64.b64encode(b"{}").decode(), "payloadType": "InlineBase64"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WeftProcess]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    server = WeftProcess(data, options=("--workload", "tests.kit.hooked_workload:workload")).start()
    try:
        yield server
    finally:
        server.close()


async def ask(
    server: WeftProcess, method: str, suffix: str = "", body: object = None, item: str = ITEM
) -> Answer:
    home = Home.open(server.data)
    issuer = Issuer(Keys.open(server.data), SystemClock(), home)
    headers = [
        ("Authorization", issuer.subject_and_app("Tests.Hooked", "admin")),
        ("x-ms-client-tenant-id", home.tenant),
        ("Content-Type", "application/json"),
    ]
    target = f"/workload/workspaces/{WORKSPACE}/items/{TYPE}/{item}{suffix}"
    raw = b"" if body is None else json.dumps(body).encode()
    return await OverHttp(server.url).send(Request(method, target, headers, raw))


async def test_hooks_run_in_the_server_and_a_deleted_item_stays_deleted(server: WeftProcess) -> None:
    refused = await ask(server, "POST", "", {"displayName": "bad"})
    made = await ask(server, "POST", "", {"displayName": "good", "creationPayload": {"a": 1}})
    changed = await ask(server, "PATCH", "", {"displayName": "better"})
    remote = await ask(server, "POST", "/OnCreateItem", {"definition": {"parts": [DEFINITION]}}, item=JOB)

    assert (refused.status, refused.json()["errorCode"]) == (400, "BadName")
    assert (made.status, changed.status, remote.status) == (200, 200, 200)
    shown = {"was": {"a": 1}, "parts": {}, "apart": True}
    assert (await ask(server, "GET", "/payload")).json() == {"itemPayload": shown}
    assert (await ask(server, "GET", "/payload", item=JOB)).json()["itemPayload"]["parts"] == {"a.json": "{}"}

    assert (await ask(server, "DELETE", item=JOB)).status == 200
    server.kill()
    server.start()

    assert (await ask(server, "GET", "/payload")).json() == {"itemPayload": shown}
    assert (await ask(server, "POST", "", {"displayName": "good"}, item=JOB)).status == 409
    create = f"/jobTypes/job/instances/{JOB}"
    assert (await ask(server, "POST", create, {"invokeType": "Manual"}, item=JOB)).status == 404
    assert (await ask(server, "POST", create, {"invokeType": "Manual"})).status == 202
