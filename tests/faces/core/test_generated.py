"""The published document against Core: generated requests with real ids, for every one of its operations.

The document is changed before it is used: definitions of bodies that have properties do not say that they are
objects, which is written out, so that the bodies made from it are such as clients send. And the service was
recorded with details of errors that lack what the document requires of them.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.faces.core import scheduling
from tests.faces.core.serving import FORECAST, HOST, Identity, Place, Served, serve
from tests.faces.generated import Generated
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Request
from weft.catalog.capacities import capacity_of

pytestmark = pytest.mark.shared

EXAMPLES = 30
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = {
    "Workspaces_CreateWorkspace": 201,
    "Workspaces_ListWorkspaces": 200,
    "Workspaces_GetWorkspace": 200,
    "Workspaces_UpdateWorkspace": 200,
    "Workspaces_DeleteWorkspace": 200,
    "Workspaces_AddWorkspaceRoleAssignment": 201,
    "Workspaces_ListWorkspaceRoleAssignments": 200,
    "Items_ListItems": 200,
    "Items_CreateItem": 201,
    "Items_GetItem": 200,
    "Items_UpdateItem": 200,
    "Items_DeleteItem": 200,
    "JobScheduler_ListItemSchedules": 200,
    "JobScheduler_CreateItemSchedule": 201,
    "JobScheduler_GetItemSchedule": 200,
    "JobScheduler_UpdateItemSchedule": 200,
    "JobScheduler_DeleteItemSchedule": 200,
    "JobScheduler_GetItemJobInstance": 200,
    "JobScheduler_ListItemJobInstances": 200,
    "JobScheduler_RunOnDemandItemJob_legacyQuery": 202,
    "JobScheduler_RunOnDemandItemJob": 202,
    "JobScheduler_CancelItemJobInstance": 202,
    "Capacities_ListCapacities": 200,
    "LongRunningOperations_GetOperationState": 200,
    "LongRunningOperations_GetOperationResult": 200,
    "Folders_ListFolders": 200,
    "Folders_CreateFolder": 201,
}
WITH_BODY = {
    "Workspaces_CreateWorkspace",
    "Workspaces_UpdateWorkspace",
    "Workspaces_AddWorkspaceRoleAssignment",
    "Items_CreateItem",
    "Items_UpdateItem",
    "JobScheduler_CreateItemSchedule",
    "JobScheduler_UpdateItemSchedule",
    "JobScheduler_RunOnDemandItemJob_legacyQuery",
    "JobScheduler_RunOnDemandItemJob",
    "Folders_CreateFolder",
}
UPDATES = {"Workspaces_UpdateWorkspace", "Items_UpdateItem"}
CONFIGURATIONS = cycle(
    (scheduling.CRON, scheduling.DAILY, scheduling.WEEKLY, scheduling.MONTHLY, scheduling.ORDINAL)
)
PART = {"path": "a.json", "payload": "e30=", "payloadType": "InlineBase64"}


@dataclass
class House:
    """A server with one of everything. Its calls are waited for here: what generates them is not async."""

    runner: asyncio.Runner
    served: Served
    place: Place
    known: dict[str, str]
    base: str = "/v1"
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=count)

    def ids(self, operation: str) -> dict[str, str]:
        """Return real ids; what the operation uses up is new each time."""
        return {**self.known, **self.runner.run(self._used_up(operation))}

    async def _used_up(self, operation: str) -> dict[str, str]:
        served, name = self.served, f"used up {next(self.numbers)}"
        match operation:
            case "Workspaces_DeleteWorkspace":
                return {"workspaceId": (await served.place(name)).workspace}
            case "Items_DeleteItem" | "JobScheduler_CreateItemSchedule":
                return {"itemId": await served.item(self.place.workspace, name)}
            case "JobScheduler_DeleteItemSchedule":
                item = Place(self.place.workspace, await served.item(self.place.workspace, name))
                schedule = await scheduling.scheduled(served, item)
                return {"itemId": item.item, "scheduleId": schedule.rpartition("/")[2]}
            case "JobScheduler_CancelItemJobInstance":
                return {"jobInstanceId": await served.run(self.place)}
            case _:
                return {}

    def query(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return generated parameters, with what must be real: names of roles, types, folders, job types."""
        real = {
            "roles": "Admin,Viewer",
            "type": FORECAST,
            "rootFolderId": self.known["folderId"],
            "jobType": "calculateForecast",
        }
        return {name: real.get(name, value) for name, value in given.items() if name != "continuationToken"}

    def body(self, operation: str, given: Any) -> Any:
        """Return a generated body, with what must be real or new."""
        if not isinstance(given, dict):
            return given
        number = next(self.numbers)
        real: dict[str, Any] = {
            "capacityId": capacity_of(self.served.home.tenant).id,
            "folderId": self.known["folderId"],
            "parentFolderId": self.known["folderId"],
            "type": FORECAST,
            "definition": {"parts": [PART]},
            "configuration": next(CONFIGURATIONS),
            "displayName": f"new {number}",
        }
        if operation in UPDATES:
            given = {"displayName": "", **given}
        if operation == "Workspaces_AddWorkspaceRoleAssignment":
            person = self.served.users.create(f"user {number}")
            real["principal"] = {"id": person.object_id, "type": "User"}
        left_out = {"parameters"} | ({"creationPayload"} if "definition" in given else set())
        return {name: real.get(name, value) for name, value in given.items() if name not in left_out}

    def of(self, operation: str) -> Counter[int]:
        return Counter({status: n for (known, status), n in self.answered.items() if known == operation})

    def send(self, operation: str, case: Any, *, is_real: bool = True) -> schemathesis.Response:
        known = self.ids(operation)
        case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        case.query = self.query(case.query or {})
        if is_real:
            case.body = self.body(operation, case.body)
        case.headers = {
            "Authorization": f"Bearer {self.served.token()}",
            "Content-Type": "application/json",
        }
        case.cookies = {}
        response = self.runner.run(self._answer(case))
        self.answered[operation, response.status_code] += 1
        case.validate_response(response, checks=CHECKS)
        return response

    async def _answer(self, case: Any) -> schemathesis.Response:
        how = case.as_transport_kwargs(base_url=f"http://{HOST}{self.base}")
        asked = requests.Request(**{name: how[name] for name in how if name in ASKED}).prepare()
        raw = asked.body.encode() if isinstance(asked.body, str) else asked.body or b""
        assert isinstance(raw, bytes)
        target = str(asked.url).removeprefix(f"http://{HOST}")
        sent = tuple((name, str(value)) for name, value in asked.headers.items())
        request = Request(str(asked.method), target, sent, raw)
        answer = await InProcess(self.served.app, host=HOST).send(request)
        headers: dict[str, list[str]] = {}
        for name, value in answer.headers:
            headers.setdefault(name, []).append(value)
        return schemathesis.Response(answer.status, headers, answer.body, asked, elapsed=0, verify=False)


ASKED = {"method", "url", "headers", "data", "json", "params", "files"}


@pytest.fixture
def house(tmp_path: Path, identity: Identity) -> Iterator[House]:
    with asyncio.Runner() as runner:
        yield runner.run(_furnished(runner, tmp_path, identity))


async def _furnished(runner: asyncio.Runner, directory: Path, identity: Identity) -> House:
    served = serve(directory, identity)
    place = await served.place()
    workspace = f"/v1/workspaces/{place.workspace}"
    folder = await served.made(f"{workspace}/folders", {"displayName": "folder"})
    made = await served.call(
        "POST", f"{workspace}/notebooks", {"displayName": "notebook", "definition": {"parts": [PART]}}
    )
    schedule = await scheduling.scheduled(served, place)
    known = {
        "workspaceId": place.workspace,
        "itemId": place.item,
        "jobType": "calculateForecast",
        "jobInstanceId": await served.run(place),
        "scheduleId": schedule.rpartition("/")[2],
        "folderId": folder,
        "operationId": str(made.header("x-ms-operation-id")),
    }
    return House(runner, served, place, known)


@pytest.fixture(scope="session")
def document(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "specs" / "core-jobs.openapi.json").read_text())
    for schema in found["components"]["schemas"].values():
        if "properties" in schema:
            schema["type"] = "object"
    del found["components"]["schemas"]["ErrorResponseDetails"]["required"]
    return found


GENERATED = Generated(
    operations=OPERATIONS.keys(),
    with_body=WITH_BODY,
    settings=hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=timedelta(seconds=30),
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate,),
    ),
)


def failing(house: House) -> list[str]:
    """Return the operations that did not answer most calls with their documented success."""
    found = []
    for name, success in OPERATIONS.items():
        answers = house.of(name)
        enough = EXAMPLES // 2 if name in WITH_BODY else 1
        if answers[success] < enough or answers[success] * 2 <= answers.total():
            found.append(f"{name}: {dict(answers)}")
    return found


def test_every_operation_answers_as_documented_and_succeeds(house: House, document: dict[str, Any]) -> None:
    GENERATED.ask(document, GenerationMode.POSITIVE, house.send)

    assert len(OPERATIONS) == 27
    assert failing(house) == []


def test_what_the_document_does_not_allow_is_answered_as_documented(
    house: House, document: dict[str, Any]
) -> None:
    GENERATED.ask(document, GenerationMode.NEGATIVE, partial(house.send, is_real=False))

    for name in WITH_BODY:
        assert house.of(name)[400] >= 1, (name, house.of(name))


def test_a_server_that_finds_nothing_is_as_documented_and_does_not_pass(
    house: House, document: dict[str, Any]
) -> None:
    house.base = "/v1/nowhere"

    GENERATED.ask(document, GenerationMode.POSITIVE, house.send)

    assert {status for _, status in house.answered} == {404}
    assert len(failing(house)) == len(OPERATIONS)
