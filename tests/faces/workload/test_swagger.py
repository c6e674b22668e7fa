"""The published document against the host over HTTP: generated requests with real ids, for every operation.

The document is changed before it is used: its base path and the address of endpoint resolution are
placeholders, and three definitions say `additionalProperties: false` beside an `allOf` that brings the
properties. As a schema nothing fulfils that, so what is meant is written out.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.faces.generated import Generated
from tests.faces.workload.house import ITEM, ITEM_TYPE, JOB, JOB_TYPE, WORKSPACE, Identity, body_of, path_of
from tests.faces.workload.test_tokens import Served, serving_at

pytestmark = pytest.mark.shared

EXAMPLES = 40
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = {
    "ItemLifecycle_CreateItem": 200,
    "ItemLifecycle_UpdateItem": 200,
    "ItemLifecycle_DeleteItem": 200,
    "ItemLifecycle_GetItemPayload": 200,
    "Jobs_CreateItemJobInstance": 202,
    "Jobs_GetItemJobInstanceState": 200,
    "Jobs_CancelItemJobInstance": 200,
    "EndpointResolution_Resolve": 200,
}
WITH_BODY = {
    "ItemLifecycle_CreateItem",
    "ItemLifecycle_UpdateItem",
    "Jobs_CreateItemJobInstance",
    "EndpointResolution_Resolve",
}
# What such a call leaves behind would make the next one a conflict: each has an id of its own.
NEW_ITEM = {"ItemLifecycle_CreateItem", "ItemLifecycle_DeleteItem"}
NEW_JOB = {"Jobs_CreateItemJobInstance", "Jobs_CancelItemJobInstance"}


@dataclass
class Host:
    url: str
    headers: Mapping[str, str]
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)

    def of(self, operation: str) -> Counter[int]:
        return Counter({status: n for (known, status), n in self.answered.items() if known == operation})


@pytest.fixture
def host(tmp_path: Path, identity: Identity) -> Iterator[Host]:
    """A host that knows the item and has the job; it is served from a thread, for the tests' calls block."""
    ready = threading.Event()
    served: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, Served]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        async with serving_at(tmp_path, identity) as one:
            await one.house.make()
            await one.house.ask("POST", path_of(), body_of())
            served.append((asyncio.get_running_loop(), stop, one))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    loop, stop, one = served[0]
    try:
        yield Host(one.url, {**dict(one.house.credentials), "ActivityId": JOB, "RequestId": ITEM})
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


@pytest.fixture(scope="session")
def document(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "specs" / "workload-wdk.swagger.json").read_text())
    found["basePath"] = "/workload"
    found["paths"]["/resolve"] = found["paths"].pop("/resolve-api-path-placeholder")
    for definition in found["definitions"].values():
        if "allOf" in definition:
            definition["properties"] = _properties(found["definitions"], definition)
    for definition in found["definitions"].values():
        definition.pop("allOf", None)
    return found


def _properties(definitions: Mapping[str, Any], definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of *definition* with those of the definitions that it is all of."""
    bases = [definitions[base["$ref"].rpartition("/")[2]] for base in definition.get("allOf", ())]
    inherited = [_properties(definitions, base) for base in bases]
    return {
        name: value for each in [*inherited, definition.get("properties", {})] for name, value in each.items()
    }


def real_ids(operation: str) -> dict[str, str]:
    return {
        "workspaceId": WORKSPACE,
        "itemType": ITEM_TYPE,
        "itemId": str(uuid4()) if operation in NEW_ITEM else ITEM,
        "jobType": JOB_TYPE,
        "jobInstanceId": str(uuid4()) if operation in NEW_JOB else JOB,
    }


def send(host: Host, operation: str, case: Any) -> Any:
    known = real_ids(operation)
    case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
    case.headers = {**host.headers, "Content-Type": "application/json"}
    case.cookies, case.query = {}, {}
    response = case.call(base_url=f"{host.url}/workload")
    host.answered[operation, response.status_code] += 1
    case.validate_response(response, checks=CHECKS)
    return response


GENERATED = Generated(
    operations=OPERATIONS.keys(),
    with_body=WITH_BODY,
    settings=hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    ),
)


def test_every_operation_answers_as_documented_and_succeeds(host: Host, document: dict[str, Any]) -> None:
    def ask(name: str, case: Any) -> None:
        response = send(host, name, case)
        if response.status_code != OPERATIONS[name]:
            # What a schema cannot say of JSON, such as a NUL in a text or an integer beyond 64 bit.
            assert (response.status_code, response.json()["errorCode"]) == (400, "InvalidParameter")

    GENERATED.ask(document, GenerationMode.POSITIVE, ask)

    assert failing(host) == []


def failing(host: Host) -> list[str]:
    """Return the operations that did not answer most calls with their documented success."""
    found = []
    for name, success in OPERATIONS.items():
        answers = host.of(name)
        enough = EXAMPLES // 4 if name in WITH_BODY else 1
        if answers[success] < enough or answers[success] * 2 <= answers.total():
            found.append(f"{name}: {dict(answers)}")
    return found


def test_what_the_document_does_not_allow_is_answered_as_documented(
    host: Host, document: dict[str, Any]
) -> None:
    """Members and invoke types of the future are accepted on purpose (docs/fidelity.md)."""
    GENERATED.ask(document, GenerationMode.NEGATIVE, lambda name, case: send(host, name, case))

    for name in WITH_BODY:
        answers = host.of(name)
        assert set(answers) <= {OPERATIONS[name], 400, 415}, (name, answers)
        assert answers[400] >= 5, (name, answers)


def test_a_server_that_finds_nothing_is_as_documented_and_does_not_pass(
    host: Host, document: dict[str, Any]
) -> None:
    nowhere = Host(f"{host.url}/workload/nowhere", host.headers)

    GENERATED.ask(document, GenerationMode.POSITIVE, lambda name, case: send(nowhere, name, case))

    assert {status for _, status in nowhere.answered} == {404}
    assert len(failing(nowhere)) == len(OPERATIONS)
