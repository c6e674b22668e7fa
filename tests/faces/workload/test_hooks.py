"""A workload's item hooks: what they may change, what they can refuse, and what is left of their calls."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.dump import dump
from tests.faces.workload.house import ERROR, House, Identity, a_house, item_path
from tests.faces.workload.test_items import BODY, DEFINITION, key_in, told
from tests.transcripts.player import Answer
from weft.catalog import scopes
from weft.engine.jobs import Completed, Failed, JobError, JobKey, NewJob
from weft.kit.items import ItemReader
from weft.kit.workload import ItemHook
from weft.settings import HostSettings

ASKED: dict[str, Callable[[House], Awaitable[Answer]]] = {
    "create": lambda house: house.make(BODY),
    "update": lambda house: house.change({"updatePayload": {"b": 1}}),
    "restore": lambda house: house.notify("OnRestoreItem", DEFINITION),
}


async def prepared(house: House, event: str) -> None:
    """Make what *event* needs, without its hook being called."""
    if event == "update":
        await house.make(BODY)
    if event == "restore":
        await house.make(BODY)
        await house.notify("OnDeleteItem", {"deleteType": "Soft"})
    house.hooks.called.clear()


async def hook_jobs(house: House) -> int:
    return sum("workload-hooks" in repr(row) for row in dump(house.database)["jobs"])


async def test_the_create_hook_is_given_the_item_and_gives_it_its_payload(hooked: House) -> None:
    hooked.hooks.outcomes["create"] = Completed(b'{"tables":3}')

    answer = await hooked.make(BODY)

    assert answer.status == 200
    assert hooked.hooks.called == [
        ("create", {"displayName": "Sales", "description": "of cars", "payload": BODY["creationPayload"],
                    "definition": None}),
    ]  # fmt: skip
    assert (await hooked.payload()).json() == {"itemPayload": {"tables": 3}}
    assert await hook_jobs(hooked) == 0


async def test_a_hook_that_returns_nothing_leaves_the_payload_that_came(hooked: House) -> None:
    await hooked.make(BODY)

    assert (await hooked.payload()).json() == {"itemPayload": BODY["creationPayload"]}


async def test_the_update_hook_is_given_the_item_as_it_will_be(hooked: House) -> None:
    await hooked.make(BODY)
    hooked.hooks.outcomes["update"] = Completed(b'{"b":2}')

    await hooked.change({"displayName": "New", "updatePayload": {"b": 1}})

    event, item = hooked.hooks.called[-1]
    assert event == "update"
    assert (item["displayName"], item["description"], item["payload"]) == ("New", "of cars", {"b": 1})
    assert (await hooked.payload()).json() == {"itemPayload": {"b": 2}}


async def test_what_the_host_tells_of_an_item_is_read_by_the_kit(hooked: House) -> None:
    await hooked.notify("OnCreateItem", DEFINITION)
    await hooked.change({"displayName": "Sales", "description": "of cars", "updatePayload": {"a": 1}})

    item = ItemReader().read(json.dumps(hooked.hooks.called[-1][1]).encode())

    assert (item.display_name, item.description, item.payload) == ("Sales", "of cars", {"a": 1})
    assert item.definition == {"model.json": b"{}"}


@pytest.mark.parametrize("event", ASKED)
async def test_a_hook_can_refuse_and_nothing_is_changed(event: str, hooked: House) -> None:
    await prepared(hooked, event)
    hooked.hooks.outcomes[event] = Failed(ERROR)
    before = dump(hooked.database)["hosted_items"]

    answer = await ASKED[event](hooked)

    assert answer.status == 400
    assert answer.json() == {
        "errorCode": "ModelDiverged",
        "message": "The model diverged.",
        "messageParameters": ["7"],
        "source": "User",
        "isPermanent": True,
        "moreDetails": [
            {
                "errorCode": "Step",
                "message": "It was step 7.",
                "additionalParameters": [{"name": "loss", "value": "nan"}],
            }
        ],
    }
    assert hooked.hooks.events == [event]
    assert dump(hooked.database)["hosted_items"] == before
    assert await hook_jobs(hooked) == 0


async def test_a_refused_create_can_be_tried_again(hooked: House) -> None:
    hooked.hooks.outcomes["create"] = Failed(ERROR)
    await hooked.make(BODY)
    del hooked.hooks.outcomes["create"]

    assert told(await hooked.payload()) == (404, "ItemNotFound")
    assert (await hooked.make({"displayName": "other"})).status == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (JobError("Quota", "m", source="User", is_permanent=False), 400),
        (JobError("Broken", "m", source="External", is_permanent=True), 400),
        (JobError("ValueError", "m", source="User"), 400),
        (JobError("StorageDown", "m", source="External", is_permanent=False), 503),
        (JobError("ProcessDied", "m", source="System"), 503),
    ],
)
async def test_only_what_may_pass_and_is_not_the_user_s_is_a_503(
    error: JobError, status: int, hooked: House
) -> None:
    hooked.hooks.outcomes["create"] = Failed(error)

    answer = await hooked.make(BODY)

    assert told(answer) == (status, error.code)
    assert answer.header("Retry-After") == ("1" if status == 503 else None)


@pytest.mark.parametrize("result", [b"[]", b"1", b'"{}"', b"true"])
async def test_a_hook_that_returns_no_object_refuses(result: bytes, hooked: House) -> None:
    hooked.hooks.outcomes["create"] = Completed(result)

    assert told(await hooked.make(BODY)) == (400, "HookResultInvalid")
    assert told(await hooked.payload()) == (404, "ItemNotFound")


@pytest.mark.parametrize(("slots", "said"), [(10, "has not ended"), (0, "could not be begun")])
async def test_a_hook_that_takes_too_long_is_cancelled_and_nothing_is_changed(
    slots: int, said: str, tmp_path: Path, identity: Identity
) -> None:
    hosting = HostSettings(lifecycle=timedelta(seconds=0.2))
    async with a_house(tmp_path, identity, hosting=hosting, hooks=tuple(ItemHook), hook_slots=slots) as house:
        house.hooks.hold = asyncio.Event()

        # The hook has a second at least.
        answer = await house.make(BODY)

        assert told(answer) == (503, "ItemHookFailed")
        assert said in answer.json()["message"]
        assert answer.header("Retry-After") == "1"
        assert house.hooks.stopped == (1 if slots else 0)
        assert told(await house.payload()) == (404, "ItemNotFound")
        assert await hook_jobs(house) == 0


async def test_what_an_earlier_server_left_of_a_hook_never_meets_a_new_call(
    idle: House, tmp_path: Path
) -> None:
    left = JobKey(scopes.of_hooks(key_in(idle)), "left")
    await idle.engine.submit(NewJob(key=left, queue="nobody serves it", kind="@create", payload=b"{}"))
    identity = idle.identity
    await idle.store.close()

    async with a_house(tmp_path, identity, hooks=tuple(ItemHook)) as house:
        assert (await house.make(BODY)).status == 200
        assert (await house.engine.get(left)).cancel_requested
        assert house.hooks.events == ["create"]


async def test_the_delete_hook_is_called_once_when_the_jobs_have_stopped(hooked: House) -> None:
    await hooked.make(BODY)
    await hooked.create("wait")
    await hooked.until("InProgress")
    hooked.hooks.hold = asyncio.Event()

    deleting = asyncio.create_task(hooked.delete())
    async with asyncio.timeout(10):
        while "delete" not in hooked.hooks.events:
            await asyncio.sleep(0.005)
    during = (await hooked.get()).json()["status"]
    hooked.hooks.hold.set()
    answers = [await deleting, await hooked.delete()]

    assert during == "Cancelled"
    assert [answer.status for answer in answers] == [200, 200]
    assert hooked.hooks.events == ["create", "delete"]
    assert hooked.hooks.called[-1][1]["payload"] == BODY["creationPayload"]


async def test_a_delete_that_is_repeated_meanwhile_leaves_the_delete_hook_alone(hooked: House) -> None:
    await hooked.make(BODY)
    hooked.hooks.hold = asyncio.Event()
    first = asyncio.create_task(hooked.delete())
    async with asyncio.timeout(10):
        while "delete" not in hooked.hooks.events:
            await asyncio.sleep(0.005)

    others = [
        asyncio.create_task(hooked.delete()),
        asyncio.create_task(hooked.notify("OnDeleteItem", {"deleteType": "Soft"})),
    ]
    await asyncio.wait([first, *others], timeout=0.3)
    hooked.hooks.hold.set()
    answers = await asyncio.gather(first, *others)

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert (hooked.hooks.events, hooked.hooks.stopped) == (["create", "delete"], 0)


async def test_a_delete_hook_that_fails_is_logged_and_blocks_nothing(
    hooked: House, caplog: pytest.LogCaptureFixture
) -> None:
    await hooked.make(BODY)
    hooked.hooks.outcomes["delete"] = Failed(ERROR)

    assert (await hooked.delete()).status == 200

    assert told(await hooked.payload()) == (404, "ItemNotFound")
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.__dict__["code"] for record in warned] == ["ModelDiverged"]
    assert "cars" not in caplog.text


async def test_a_soft_delete_calls_no_hook_and_a_restore_calls_its_own(hooked: House) -> None:
    await hooked.make(BODY)
    await hooked.notify("OnDeleteItem", {"deleteType": "Soft"})
    hooked.hooks.outcomes["restore"] = Completed(b'{"back":1}')

    answers = [await hooked.notify("OnRestoreItem", {}) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert hooked.hooks.events == ["create", "restore"]
    assert (await hooked.payload()).json() == {"itemPayload": {"back": 1}}


@pytest.mark.parametrize("event", ASKED)
async def test_a_delete_does_not_wait_for_a_hook_and_what_it_does_is_dropped(
    event: str, hooked: House
) -> None:
    await prepared(hooked, event)
    hooked.hooks.hold = asyncio.Event()
    asking: asyncio.Task[Answer] = asyncio.ensure_future(ASKED[event](hooked))
    async with asyncio.timeout(10):
        while not hooked.hooks.called:
            await asyncio.sleep(0.005)

    deleting = asyncio.create_task(hooked.delete())
    refused = await asking
    hooked.hooks.hold.set()
    deleted = await deleting

    assert refused.status in (409, 503)
    assert deleted.status == 200
    assert told(await hooked.payload()) == (404, "ItemNotFound")
    assert hooked.hooks.stopped == 1


async def test_an_item_type_without_hooks_calls_none(hooked: House) -> None:
    others = [("Authorization", hooked.tokens("Contoso.Other")), ("x-ms-client-tenant-id", hooked.tenant)]
    path = item_path(item_type="Contoso.Other.Thing")

    answer = await hooked.ask("POST", path, b'{"displayName":"x"}', credentials=others)

    assert answer.status == 200
    assert hooked.hooks.called == []
