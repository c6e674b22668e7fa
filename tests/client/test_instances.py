"""Instances of all workspaces through the client: what is asked, and what is made of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.client.scripted import Say, scripted
from weft.client import FoundInstance, InstanceFilter, UnreadableAnswer, UnreadInstance, WeftClient

W, ITEM = "e5ef604d-e14f-4a59-9133-75d5a0cb9334", "b14cb7e7-d346-4751-9cfd-8c2767d53111"


def instance(id: str) -> dict[str, Any]:
    return {
        "id": id,
        "itemId": ITEM,
        "jobType": "train",
        "invokeType": "Manual",
        "status": "Completed",
        "failureReason": None,
        "rootActivityId": W,
        "startTimeUtc": "2026-11-22T09:00:00.5",
        "endTimeUtc": "2026-11-22T09:00:01",
        "workspaceId": W,
        "itemType": "Notebook",
        "itemDisplayName": "sales",
        "submittedBy": {"id": W, "displayName": "ada"},
        "something": "newer",
    }


async def test_a_filter_is_asked_for_on_every_page_and_a_short_page_is_not_the_end() -> None:
    pages = (
        Say(body={"value": [instance("a")], "continuationToken": "t1"}),
        Say(body={"value": [], "continuationToken": "t2"}),
        Say(body={"value": [instance("b")]}),
    )
    asked = InstanceFilter(statuses=("Failed", "Completed"), workspaces=(W,), text="a b", sort="endTimeUtc")
    async with scripted(*pages) as server, WeftClient(server.url, "t") as client:
        found = [one async for one in client.instances.find(asked, at_once=7)]

    assert [one.id for one in found] == ["a", "b"]
    assert found[0].submitted_by.display_name == "ada"
    assert found[0].has_ended
    query = {
        "workspaceId": W,
        "status": "Failed,Completed",
        "text": "a b",
        "sort": "endTimeUtc",
        "maxResults": "7",
    }
    tokens: list[dict[str, str]] = [{}, {"continuationToken": "t1"}, {"continuationToken": "t2"}]
    assert [heard.query for heard in server.heard] == [query | token for token in tokens]


async def test_many_are_asked_for_in_as_many_requests_as_it_takes() -> None:
    error = {"requestId": "r", "errorCode": "ItemNotFound", "message": "gone"}
    lost = {"workspaceId": W, "itemId": ITEM, "id": "b", "error": error}
    answers = Say(body={"value": [instance("a")] * 1000}), Say(body={"value": [lost]})
    async with scripted(*answers) as server, WeftClient(server.url, "t") as client:
        got = await client.instances.get_many([(W, ITEM, "a")] * 1000 + [(W, ITEM, "b")])

    assert len(got) == 1001
    assert isinstance(got[0], FoundInstance)
    assert isinstance(got[-1], UnreadInstance)
    assert got[-1].error.error_code == "ItemNotFound"
    sizes = [len(json.loads(heard.body)["instances"]) for heard in server.heard]
    assert sizes == [1000, 1]
    assert json.loads(server.heard[1].body)["instances"] == [{"workspaceId": W, "itemId": ITEM, "id": "b"}]


async def test_an_answer_that_is_neither_is_unreadable() -> None:
    async with scripted(Say(body={"value": [{"id": "a"}]})) as server, WeftClient(server.url, "t") as client:
        with pytest.raises(UnreadableAnswer):
            await client.instances.get_many([(W, ITEM, "a")])
