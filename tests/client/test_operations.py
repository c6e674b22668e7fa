"""Long-running operations as the client sees them: what was begun is waited for, and its result read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.client.scripted import Say, scripted
from tests.client.test_client import AN_ITEM, ITEM, W
from weft.client import ApiError, UnreadableAnswer, WeftClient
from weft.contracts.core import ItemDefinition, ItemDefinitionPart

OPERATION = "e3ef604d-e14f-4a59-9133-75d5a0cb9334"
BEGUN = Say(202, None, {"x-ms-operation-id": OPERATION, "Retry-After": "20"})
DEFINITION = ItemDefinition(parts=[ItemDefinitionPart("a", "", "InlineBase64")])
NO_RESULT = Say(400, {"errorCode": "OperationHasNoResult", "message": "The operation has no result"})


def state(status: str, error: Any = None, **headers: str) -> Say:
    body = {
        "status": status,
        "createdTimeUtc": "2026-11-22T09:00:00.5",
        "lastUpdatedTimeUtc": "2026-11-22T09:00:00.5",
        "percentComplete": None,
        "error": error,
    }
    return Say(200, body, headers)


async def test_an_item_that_is_made_by_an_operation_is_its_result() -> None:
    goes_on = state("Running", **{"Retry-After": "0"})
    async with (
        scripted(BEGUN, goes_on, state("Succeeded"), Say(body=AN_ITEM)) as server,
        WeftClient(server.url, "t") as client,
    ):
        made = await client.create_item(W, "n", "Notebook", folder=OPERATION, definition=DEFINITION)

    assert made.id == ITEM
    assert [(heard.method, heard.path) for heard in server.heard] == [
        ("POST", f"/v1/workspaces/{W}/items"),
        ("GET", f"/v1/operations/{OPERATION}"),
        ("GET", f"/v1/operations/{OPERATION}"),
        ("GET", f"/v1/operations/{OPERATION}/result"),
    ]
    assert json.loads(server.heard[0].body) == {
        "displayName": "n",
        "type": "Notebook",
        "folderId": OPERATION,
        "definition": {"parts": [{"path": "a", "payload": "", "payloadType": "InlineBase64"}]},
    }


@pytest.mark.parametrize("later", [False, True])
async def test_a_definition_is_read_at_once_or_later(later: bool) -> None:
    answer = Say(
        body={"definition": {"parts": [{"path": "a", "payload": "", "payloadType": "InlineBase64"}]}}
    )
    said = [BEGUN, state("Succeeded"), answer] if later else [answer]
    async with scripted(*said) as server, WeftClient(server.url, "t") as client:
        read = await client.definition(W, ITEM)

    assert read == DEFINITION
    assert server.heard[0].path == f"/v1/workspaces/{W}/items/{ITEM}/getDefinition"


@pytest.mark.parametrize("later", [False, True])
async def test_a_definition_is_written_at_once_or_later(later: bool) -> None:
    said = [BEGUN, state("Succeeded"), NO_RESULT] if later else [Say(200)]
    async with scripted(*said) as server, WeftClient(server.url, "t") as client:
        await client.set_definition(W, ITEM, DEFINITION)

    assert len(server.heard) == len(said)


async def test_an_operation_that_failed_is_told_in_its_own_words() -> None:
    error = {"requestId": "r", "errorCode": "CorruptedPayload", "message": "not a notebook"}
    async with (
        scripted(BEGUN, state("Failed", error)) as server,
        WeftClient(server.url, "t") as client,
    ):
        with pytest.raises(ApiError, match="not a notebook") as told:
            await client.set_definition(W, ITEM, DEFINITION)

    assert told.value.code == "CorruptedPayload"


@pytest.mark.parametrize("said", [[Say(202, None)], [BEGUN, state("Succeeded"), NO_RESULT]])
async def test_an_operation_without_a_name_or_a_result_is_no_answer(said: list[Say]) -> None:
    async with scripted(*said) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(UnreadableAnswer):
            await client.create_item(W, "n", "Notebook", definition=DEFINITION)
