"""The life of an item, told in either contract: promises P9, P16, P18 and S37."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.dump import dump
from tests.faces.workload.house import (
    ITEM,
    ITEM_TYPE,
    OTHER_ITEM_TYPE,
    WORKSPACE,
    House,
    Identity,
    a_house,
    item_path,
)
from weft.catalog.hosted_items import ItemKey

BODY = {"displayName": "Sales", "description": "of cars", "creationPayload": {"a": [1, 2.5, None]}}
PART = {"path": "model.json", "payload": "e30=", "payloadType": "InlineBase64"}
DEFINITION = {"definition": {"parts": [PART]}}


def key_in(house: House, item: str = ITEM) -> ItemKey:
    return ItemKey(house.tenant, WORKSPACE, ITEM_TYPE, item)


def told(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["errorCode"]


# ---- create


async def test_a_created_item_is_kept_and_shows_its_payload(house: House) -> None:
    made = await house.make(BODY)

    item = await house.store.hosted_item(key_in(house))
    shown = await house.payload(item=ITEM.upper())
    assert (made.status, made.body) == (200, b"")
    assert item is not None
    assert (item.display_name, item.description) == ("Sales", "of cars")
    assert (shown.status, shown.body) == (200, b'{"itemPayload":{"a":[1,2.5,null]}}')


@pytest.mark.parametrize("body", [{"displayName": ""}, {"displayName": "x", "creationPayload": None}])
async def test_an_item_without_a_payload_shows_none(body: object, house: House) -> None:
    await house.make(body)

    shown = await house.payload()

    assert (shown.status, shown.json()) == (200, {})


async def test_the_same_create_again_has_no_effect(house: House) -> None:
    await house.make(BODY)
    before = dump(house.database)
    same = b'{ "creationPayload": {"a": [1, 2.5, null]}, "description": "of cars", "displayName": "Sales"}'

    again = await house.ask("POST", item_path(), same)

    assert (again.status, again.body) == (200, b"")
    assert dump(house.database) == before


@pytest.mark.parametrize(
    "other",
    [{**BODY, "displayName": "Other"}, {**BODY, "creationPayload": {}}, {"displayName": "Sales"}],
)
async def test_another_create_of_a_known_item_is_a_conflict_that_changes_nothing(
    other: object, house: House
) -> None:
    await house.make(BODY)
    before = dump(house.database)

    answer = await house.make(other)

    assert answer.status == 409
    assert answer.json() == {
        "errorCode": "ItemConflict",
        "message": f"The item '{ITEM}' exists, made with another request.",
        "messageParameters": [ITEM],
        "source": "User",
        "isPermanent": True,
    }
    assert dump(house.database) == before


async def test_an_item_of_another_workspace_is_another_item(house: House) -> None:
    await house.make(BODY)
    elsewhere = str(uuid4())

    assert told(await house.payload(workspace=elsewhere)) == (404, "ItemNotFound")
    assert (await house.make({"displayName": "x"}, workspace=elsewhere)).status == 200
    assert (await house.payload()).json()["itemPayload"] == BODY["creationPayload"]


# ---- update


async def test_an_update_keeps_what_is_missing_or_null(house: House) -> None:
    await house.make(BODY)

    for change in ({}, {"displayName": None, "description": None, "updatePayload": None}):
        assert (await house.change(change)).status == 200

    item = await house.store.hosted_item(key_in(house))
    assert item is not None
    assert (item.display_name, item.description) == ("Sales", "of cars")
    assert item.payload == b'{"a":[1,2.5,null]}'


async def test_an_update_writes_what_it_names(house: House) -> None:
    await house.make(BODY)

    await house.change({"displayName": "New"})
    await house.change({"updatePayload": {}})
    await house.change({"description": ""})

    item = await house.store.hosted_item(key_in(house))
    assert item is not None
    assert (item.display_name, item.description, item.payload) == ("New", "", b"{}")


async def test_an_update_of_an_unknown_item_makes_it_known(house: House) -> None:
    answer = await house.change({"displayName": "New", "updatePayload": {"b": 1}})

    assert (answer.status, answer.body) == (200, b"")
    assert (await house.payload()).json() == {"itemPayload": {"b": 1}}
    assert told(await house.make({"displayName": "New"})) == (409, "ItemConflict")


async def test_a_create_is_still_the_same_after_an_update(house: House) -> None:
    await house.make(BODY)
    await house.change({"updatePayload": {}})

    assert (await house.make(BODY)).status == 200
    assert (await house.payload()).json() == {"itemPayload": {}}


async def test_the_payload_of_an_unknown_item_is_not_found(house: House) -> None:
    before = dump(house.database)

    assert told(await house.payload()) == (404, "ItemNotFound")
    assert dump(house.database) == before


# ---- delete for good


@pytest.mark.parametrize("contract", ["WDK", "Remote", "Remote without a body"])
async def test_a_deleted_item_leaves_nothing_and_is_not_made_again(contract: str, house: House) -> None:
    await house.create("return", item=WORKSPACE)
    await house.until("Completed", item=WORKSPACE)
    await house.make(BODY)

    async def delete() -> Any:
        match contract:
            case "WDK":
                return await house.delete()
            case "Remote":
                return await house.notify("OnDeleteItem", {"deleteType": "Hard"})
            case _:
                return await house.notify("OnDeleteItem")

    first = await delete()
    before = dump(house.database)
    again = await delete()

    assert (first.status, first.body) == (again.status, again.body) == (200, b"")
    assert not any("cars" in repr(row) for row in before["hosted_items"])
    assert told(await house.payload()) == (404, "ItemNotFound")
    assert told(await house.make(BODY)) == (409, "ItemConflict")
    assert told(await house.notify("OnCreateItem", {})) == (409, "ItemConflict")
    assert told(await house.change({})) == (404, "ItemNotFound")
    assert told(await house.notify("OnRestoreItem", {})) == (404, "ItemNotFound")
    assert told(await house.create()) == (404, "ItemNotFound")
    assert dump(house.database) == before


async def test_a_delete_stops_the_jobs_of_the_item_and_of_no_other(house: House) -> None:
    neighbour = str(uuid4())
    await house.create("wait")
    await house.create("wait", item=neighbour)
    await house.until("InProgress")
    await house.until("InProgress", item=neighbour)

    answer = await house.delete()

    assert answer.status == 200
    assert (await house.get()).json()["status"] == "Cancelled"
    assert (await house.get(item=neighbour)).json()["status"] == "InProgress"


async def test_an_item_that_the_host_was_never_told_of_is_fenced_all_the_same(house: House) -> None:
    assert (await house.delete()).status == 200

    assert told(await house.create()) == (404, "ItemNotFound")
    assert told(await house.make()) == (409, "ItemConflict")


async def test_a_delete_whose_job_will_not_stop_says_which_and_can_be_repeated(
    tmp_path: Path, identity: Identity
) -> None:
    async with a_house(tmp_path, identity, stop_seconds=0.05) as house:
        await house.make(BODY)
        await house.create("refuse to stop")
        running = await house.until("InProgress")

        busy = await house.delete()
        between = await house.create("return", job=str(uuid4()))
        still = (await house.get()).json()
        house.script.let_go.set()
        await house.until("Cancelled")
        done = await house.delete()

    assert told(busy) == (409, "ItemBusy")
    assert busy.json()["messageParameters"] == ["63f77191-432d-4ee6-9c5f-31a1a6987072"]
    assert (busy.json()["source"], busy.json()["isPermanent"]) == ("System", False)
    assert busy.header("Retry-After") == "1"
    assert told(between) == (404, "ItemNotFound")
    assert still == running
    assert done.status == 200


async def test_only_a_delete_and_a_resolution_are_made_for_nobody(house: House) -> None:
    nobody = house.identity.issuer.subject_and_app("Contoso.FinanceAnalytics", "")
    credentials = [("Authorization", nobody), ("x-ms-client-tenant-id", house.tenant)]
    await house.make(BODY)
    before = dump(house.database)

    refused = [
        await house.ask(
            "POST", item_path(item=str(uuid4())), b'{"displayName":"x"}', credentials=credentials
        ),
        await house.ask("PATCH", item_path(), b"{}", credentials=credentials),
        await house.ask("GET", item_path("/payload"), credentials=credentials),
        await house.ask("PUT", item_path(), b"{}", credentials=credentials),
        await house.ask("DELETE", item_path("/payload"), credentials=credentials),
        *[
            await house.ask("POST", item_path(f"/{what}"), b"{}", credentials=credentials)
            for what in ("OnCreateItem", "OnUpdateItem", "OnRestoreItem", "jobs/onCreateJobInstance")
        ],
    ]
    assert [told(answer) for answer in refused] == [(401, "AuthError")] * len(refused)
    assert dump(house.database) == before

    soft = await house.ask(
        "POST", item_path("/OnDeleteItem"), b'{"deleteType":"Soft"}', credentials=credentials
    )
    hard = await house.ask("DELETE", item_path(), credentials=credentials)
    assert (soft.status, hard.status) == (200, 200)


async def test_the_tokens_of_another_workload_open_no_item(house: House) -> None:
    await house.make(BODY)
    before = dump(house.database)
    others = [("Authorization", house.tokens("Contoso.Other")), ("x-ms-client-tenant-id", house.tenant)]

    for method, suffix in (("DELETE", ""), ("PATCH", ""), ("GET", "/payload"), ("POST", "/OnDeleteItem")):
        answer = await house.ask(method, item_path(suffix), b"{}", credentials=others)
        assert told(answer) == (401, "AuthError")

    assert dump(house.database) == before
    theirs = await house.ask("DELETE", item_path(item_type=OTHER_ITEM_TYPE), credentials=others)
    assert theirs.status == 200


# ---- the Fabric Extensibility Toolkit: soft deletes and definitions


async def test_a_softly_deleted_item_is_there_again_once_it_is_restored(house: House) -> None:
    await house.make(BODY)
    await house.create("wait")
    await house.until("InProgress")

    soft = await house.notify("OnDeleteItem", {"deleteType": "Soft"})
    meanwhile = [
        told(await house.payload()),
        told(await house.change({})),
        told(await house.create(job=str(uuid4()))),
        told(await house.make(BODY)),
    ]
    again = await house.notify("OnDeleteItem", {"deleteType": "Soft"})
    restored = [await house.notify("OnRestoreItem", DEFINITION), await house.notify("OnRestoreItem", {})]

    assert (soft.status, again.status) == (200, 200)
    assert (await house.get()).json()["status"] == "Cancelled"
    assert meanwhile == [(404, "ItemNotFound")] * 3 + [(409, "ItemConflict")]
    assert [answer.status for answer in restored] == [200, 200]
    assert (await house.payload()).json() == {"itemPayload": BODY["creationPayload"]}
    item = await house.store.hosted_item(key_in(house))
    assert item is not None
    assert (
        item.definition == b'{"parts":[{"path":"model.json","payload":"e30=","payloadType":"InlineBase64"}]}'
    )
    late = str(uuid4())
    assert (await house.create("return", job=late)).status == 202
    await house.until("Completed", job=late)


async def test_a_soft_delete_becomes_a_hard_one_and_never_the_other_way(house: House) -> None:
    await house.make(BODY)
    await house.notify("OnDeleteItem", {"deleteType": "Soft"})

    assert (await house.delete()).status == 200
    assert (await house.notify("OnDeleteItem", {"deleteType": "Soft"})).status == 200
    assert told(await house.notify("OnRestoreItem", {})) == (404, "ItemNotFound")


async def test_a_restore_that_the_host_knows_nothing_of_makes_the_item_known(house: House) -> None:
    assert (await house.notify("OnRestoreItem", DEFINITION)).status == 200

    assert (await house.payload()).json() == {}


async def test_an_item_made_in_one_contract_is_changed_in_the_other(house: House) -> None:
    made = await house.notify("oncreateITEM", DEFINITION)
    changed = await house.change({"displayName": "Sales", "updatePayload": {"a": 1}})
    kept = await house.notify("OnUpdateItem", {"definition": None})

    item = await house.store.hosted_item(key_in(house))
    assert [answer.status for answer in (made, changed, kept)] == [200] * 3
    assert item is not None
    assert (item.display_name, item.payload) == ("Sales", b'{"a":1}')
    assert b"model.json" in item.definition
    assert (await house.notify("OnCreateItem", DEFINITION)).status == 200
    assert told(await house.notify("OnCreateItem", {})) == (409, "ItemConflict")
    assert (await house.delete()).status == 200


async def test_a_head_is_a_get_without_a_body_to_read(house: House) -> None:
    await house.make(BODY)

    assert (await house.ask("HEAD", item_path("/payload"))).status == 200


async def test_many_deletes_at_once_are_all_answered(house: House) -> None:
    await house.create("wait")
    await house.until("InProgress")

    answers = await asyncio.gather(*(house.delete() for _ in range(10)))

    assert {answer.status for answer in answers} == {200}
    assert (await house.get()).json()["status"] == "Cancelled"
