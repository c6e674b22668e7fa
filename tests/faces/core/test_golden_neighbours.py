"""Our answers beside those of the live service, for every recorded call of what lies around jobs.

These are workspaces, folders, items, capacities and operations; role assignments are replayed in
test_golden_roles.py. What of a recording cannot be as it was is taken out of it by `as_of_ours`, and
docs/fidelity.md says why.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import shared_directory
from tests.faces.core.golden import UUID, Pair, differences, pairs
from tests.faces.core.serving import NOWHERE, OverTls, Served
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Answer, Request
from weft.catalog.capacities import capacity_of
from weft.catalog.fabric_types import item_type_of_collection

HOST = "api.fabric.microsoft.com"
CAPACITY_RECORDED = "00000000-0000-0000-0000-000000000004"

WORKSPACES = "/v1/workspaces"
WORKSPACE = "/v1/workspaces/{}"
ITEMS = f"{WORKSPACE}/items"
ITEM = f"{ITEMS}/{{}}"
EXPORT = f"{ITEMS}/bulkExportDefinitions"
FOLDERS = f"{WORKSPACE}/folders"
FOLDER = f"{FOLDERS}/{{}}"
OPERATION = "/v1/operations/{}"
RESULT = f"{OPERATION}/result"

pytestmark = pytest.mark.shared


def recorded() -> list[Pair]:
    """Return all recorded pairs, while tests are collected; none where there is no shared data."""
    shared = shared_directory()
    return [] if shared is None else pairs(shared / "golden" / "core-neighbours.jsonl")


def of_roles(pair: Pair) -> bool:
    return "/roleAssignments" in pair.route


def is_throttled(pair: Pair) -> bool:
    return pair.status == 429


ALL = recorded()
REPLAYED = [pair for pair in ALL if not of_roles(pair) and not is_throttled(pair)]
THROTTLED = [pair for pair in ALL if is_throttled(pair)]


def named(pair: Pair) -> str:
    return f"{pair.recording}-{pair.method}-{pair.route.removeprefix('/v1')}-{pair.status}"


class Stage:
    """A server that is brought to where the service was when a request was recorded."""

    def __init__(self, served: Served, pair: Pair) -> None:
        self.served = served
        self.pair = pair
        self.capacity = capacity_of(served.home.tenant).id
        self.workspace = ""
        self.folder = ""

    async def with_workspace(self) -> str:
        """Make the workspace of the path, on the capacity and with the name that were recorded."""
        name = self._recorded_name() if self.pair.route == WORKSPACE else "plans"
        body = {"displayName": name, "capacityId": self.capacity}
        self.workspace = await self.served.made(WORKSPACES, body)
        return self.workspace

    async def with_folder(self) -> str:
        """Make the folder that the recorded request, or its answer, names."""
        self.folder = await self.made_folder("sales")
        return self.folder

    async def made_folder(self, name: str, parent: str | None = None) -> str:
        body = {"displayName": name, "parentFolderId": parent}
        return await self.served.made(f"{WORKSPACES}/{self.workspace}/folders", body)

    async def made_item(self, item_type: str, **more: Any) -> str:
        body = {"displayName": self._recorded_name(), "type": item_type, **more}
        return await self.served.made(f"{WORKSPACES}/{self.workspace}/items", body)

    async def operation(self, method: str, target: str, body: Any) -> str:
        """Begin an operation; return its id."""
        answer = await self.served.call(method, target, body)
        assert answer.status == 202, answer.body
        return str(answer.header("x-ms-operation-id"))

    def _recorded_name(self) -> str:
        """Return the name that the recorded answer shows, unless the request gave it."""
        told = self.pair.answer or {}
        name: str = told.get("displayName", "sales")
        return f"not {name}" if self.pair.body and name in self.pair.body else name


Arrange = Callable[[Stage], Awaitable[str]]


async def nothing(stage: Stage) -> str:
    return stage.pair.path


async def nothing_yet(stage: Stage) -> str:
    """One workspace where the recording shows one."""
    shown = [known for known in stage.pair.answer["value"] if known["type"] == "Workspace"]
    for known in shown:
        body = {"displayName": known["displayName"], "capacityId": stage.capacity}
        await stage.served.made(WORKSPACES, body)
    return stage.pair.path


async def in_workspace(stage: Stage) -> str:
    return stage.pair.path.replace(stage.pair.ids[0], await stage.with_workspace())


async def among_folders(stage: Stage) -> str:
    path = await in_workspace(stage)
    if stage.pair.method == "GET" and stage.pair.answer["value"]:
        await stage.made_folder(stage.pair.answer["value"][0]["displayName"])
    return path


async def at_folder(stage: Stage) -> str:
    path = await in_workspace(stage)
    told = stage.pair.answer or {}
    parent = await stage.made_folder("above") if "parentFolderId" in told else None
    name = told.get("displayName", "sales") if stage.pair.method == "GET" else "not yet"
    folder = await stage.made_folder(name, parent)
    if stage.pair.status == 400:
        await stage.made_folder("within", folder)
    return path.replace(stage.pair.ids[1], folder)


async def before_an_item(stage: Stage) -> str:
    path = await in_workspace(stage)
    if '"folderId": "' in (stage.pair.body or ""):
        await stage.with_folder()
    return path


async def at_item(stage: Stage) -> str:
    path = await in_workspace(stage)
    collection = stage.pair.route.split("/")[4]
    told = stage.pair.answer or {}
    item_type = item_type_of_collection(collection) or told.get("type", "Lakehouse")
    folder = await stage.with_folder() if "folderId" in told else None
    return path.replace(stage.pair.ids[1], await stage.made_item(item_type, folderId=folder))


async def before_an_export(stage: Stage) -> str:
    path = await in_workspace(stage)
    stage.pair = replace(
        stage.pair,
        body=UUID.sub(await stage.made_item("Notebook"), stage.pair.body or ""),
    )
    return path


async def at_operation(stage: Stage) -> str:
    """After the creation of a notebook; where there was no result, after a change of its definition."""
    await stage.with_workspace()
    target = f"{WORKSPACES}/{stage.workspace}/items"
    definition = {"parts": [{"path": "notebook-content.py", "payload": "", "payloadType": "InlineBase64"}]}
    name = stage._recorded_name()
    body = {"displayName": name, "type": "Notebook", "definition": definition}
    id = await stage.operation("POST", target, body)
    if stage.pair.status == 400:
        [item] = (await stage.served.call("GET", target)).json()["value"]
        changed = {"definition": definition}
        id = await stage.operation("POST", f"{target}/{item['id']}/updateDefinition", changed)
    return stage.pair.path.replace(stage.pair.ids[0], id)


ARRANGE: Mapping[tuple[str, str], Arrange] = {
    ("GET", WORKSPACES): nothing_yet,
    ("POST", WORKSPACES): nothing,
    ("GET", WORKSPACE): in_workspace,
    ("PATCH", WORKSPACE): in_workspace,
    ("DELETE", WORKSPACE): in_workspace,
    ("GET", "/v1/capacities"): nothing,
    ("GET", FOLDERS): among_folders,
    ("POST", FOLDERS): among_folders,
    ("GET", FOLDER): at_folder,
    ("PATCH", FOLDER): at_folder,
    ("DELETE", FOLDER): at_folder,
    ("GET", ITEMS): in_workspace,
    ("POST", ITEMS): before_an_item,
    ("GET", ITEM): at_item,
    ("DELETE", ITEM): at_item,
    ("POST", EXPORT): before_an_export,
    ("POST", f"{WORKSPACE}/notebooks"): before_an_item,
    ("POST", f"{WORKSPACE}/lakehouses"): before_an_item,
    ("POST", f"{WORKSPACE}/dataPipelines"): before_an_item,
    ("POST", f"{WORKSPACE}/sparkJobDefinitions"): before_an_item,
    ("GET", f"{WORKSPACE}/notebooks/{{}}"): at_item,
    ("GET", f"{WORKSPACE}/lakehouses/{{}}"): at_item,
    ("GET", f"{WORKSPACE}/dataPipelines/{{}}"): at_item,
    ("GET", f"{WORKSPACE}/sparkJobDefinitions/{{}}"): at_item,
    ("PATCH", f"{WORKSPACE}/notebooks/{{}}"): at_item,
    ("PATCH", f"{WORKSPACE}/dataPipelines/{{}}"): at_item,
    ("PATCH", f"{WORKSPACE}/sparkJobDefinitions/{{}}"): at_item,
    ("GET", OPERATION): at_operation,
    ("GET", RESULT): at_operation,
}

# Values that say where the service stood; their keys, and the order of these, are compared all the same.
OF_THE_SERVICE = frozenset(
    {
        "body.value[0].displayName",  # of a capacity
        "body.value[0].sku",
        "body.value[0].region",
        "body.oneLakeEndpoints.blobEndpoint",
        "body.oneLakeEndpoints.dfsEndpoint",
        "body.properties.sqlEndpointProperties.provisioningStatus",
    }
)


def as_of_ours(pair: Pair) -> Pair:
    """Take out of a recording what no other server can answer."""
    headers = dict(pair.headers)
    if "location" in headers:  # operations are told at an address inside Microsoft's cloud
        headers["location"] = f"https://{HOST}/v1{headers['location'].partition('/v1')[2]}"
    answer = pair.answer
    if isinstance(answer, dict):
        answer = {**answer}
        if pair.route == WORKSPACES and "value" in answer:
            answer["value"] = [known for known in answer["value"] if known["type"] != "Personal"]
        if pair.method == "POST" and answer.get("description") == "":
            del answer["description"]  # one of 22 recorded creations shows one that was never given
    return replace(pair, headers=headers, answer=answer)


def free_of(pair: Pair) -> frozenset[str]:
    if pair.route == WORKSPACES:
        return frozenset()
    return OF_THE_SERVICE if pair.method == "GET" and pair.route != FOLDERS else frozenset()


async def replayed(stage: Stage, path: str) -> Answer:
    pair = stage.pair
    body = (pair.body or "").replace(CAPACITY_RECORDED, stage.capacity)
    if stage.folder:
        body = UUID.sub(stage.folder, body)
    headers = (
        ("Authorization", f"Bearer {stage.served.token()}"),
        ("Content-Type", "application/json"),
    )
    target = f"{path}?{pair.query}" if pair.query else path
    return await InProcess(OverTls(stage.served.app), host=HOST).send(
        Request(pair.method, target, headers, body.encode())
    )


@pytest.mark.parametrize("pair", REPLAYED, ids=named)
async def test_a_call_is_answered_as_recorded(served: Served, pair: Pair) -> None:
    stage = Stage(served, pair)
    path = await ARRANGE[pair.method, pair.route](stage)

    ours = await replayed(stage, path)

    assert differences(as_of_ours(pair), ours, free=free_of(pair)) == []


def test_no_recorded_call_is_left_out() -> None:
    roles = [pair for pair in ALL if of_roles(pair)]

    assert len(ALL) == 110
    assert len(REPLAYED) + len(THROTTLED) + len(roles) == len(ALL)
    assert (len(REPLAYED), len(THROTTLED), len(roles)) == (92, 3, 15)
    assert {(pair.method, pair.route) for pair in REPLAYED} == ARRANGE.keys()


async def test_the_replay_sees_what_it_is_for(served: Served) -> None:
    pair = next(pair for pair in REPLAYED if pair.route == RESULT and pair.status == 400)
    stage = Stage(served, pair)
    path = await at_operation(stage)

    other = await served.call("GET", path.replace(UUID.findall(path)[0], NOWHERE))

    assert differences(as_of_ours(pair), await replayed(stage, path)) == []
    assert len(differences(as_of_ours(pair), other)) > 2
    assert json.loads(other.body)["errorCode"] == "OperationNotFound"
