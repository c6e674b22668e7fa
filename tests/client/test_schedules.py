"""The client's calls about schedules and the clock, against written answers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tests.client.scripted import Say, scripted
from tests.client.test_client import BUSY, ITEM, QUICK, J, W
from weft.client import ApiError, WeftClient
from weft.client.clock import Advanced, ClockState
from weft.client.schedules import Due, Occurrence

CONFIGURATION = {"type": "Cron", "interval": 5}
PATH = f"/v1/workspaces/{W}/items/{ITEM}/jobs/run%2Fit/schedules"
PLACE = (W, ITEM, "run/it")


def schedule(**more: Any) -> dict[str, Any]:
    return {
        "id": J,
        "enabled": True,
        "createdDateTime": "2026-04-27T07:11:35.247",
        "configuration": CONFIGURATION,
        "owner": {"id": W, "type": "User"},
        **more,
    }


async def test_a_schedule_is_created_with_what_is_given() -> None:
    async with scripted(Say(201, schedule())) as server, WeftClient(server.url, "t") as client:
        created = await client.schedules.create(*PLACE, CONFIGURATION)
        await client.schedules.create(*PLACE, CONFIGURATION, enabled=False, execution_data={"a": 1})

    plain, full = server.heard
    assert (plain.method, plain.path) == ("POST", PATH)
    assert json.loads(plain.body) == {"enabled": True, "configuration": CONFIGURATION}
    assert json.loads(full.body) == {
        "enabled": False,
        "configuration": CONFIGURATION,
        "executionData": {"a": 1},
    }
    assert (created.id, msgspec.json.decode(created.configuration), created.execution_data) == (
        J,
        CONFIGURATION,
        UNSET,
    )


@pytest.mark.parametrize(("status", "sent"), [(429, 2), (503, 1)])
async def test_a_create_is_sent_again_only_where_nothing_was_kept(status: int, sent: int) -> None:
    answers = (Say(status, BUSY, {"Retry-After": "0"}), Say(201, schedule()))
    async with scripted(*answers) as server, WeftClient(server.url, "t", patience=QUICK) as client:
        if status == 429:
            await client.schedules.create(*PLACE, CONFIGURATION)
        else:
            with pytest.raises(ApiError):
                await client.schedules.create(*PLACE, CONFIGURATION)

    assert len(server.heard) == sent


async def test_a_schedule_is_read_replaced_and_deleted_at_its_address() -> None:
    answers = (
        Say(200, schedule(executionData={"a": 1})),
        Say(200, schedule(enabled=False)),
        Say(200, text=""),
    )
    async with scripted(*answers) as server, WeftClient(server.url, "t") as client:
        got = await client.schedules.get(*PLACE, J)
        changed = await client.schedules.replace(
            *PLACE, J, got.configuration, enabled=False, execution_data=got.execution_data
        )
        await client.schedules.delete(*PLACE, J)

    assert [(heard.method, heard.path) for heard in server.heard] == [
        (method, f"{PATH}/{J}") for method in ("GET", "PATCH", "DELETE")
    ]
    assert json.loads(server.heard[1].body) == {
        "enabled": False,
        "configuration": CONFIGURATION,
        "executionData": {"a": 1},
    }
    assert not changed.enabled


async def test_lists_of_schedules_and_occurrences_are_read_to_their_ends() -> None:
    fired = {
        "dueUtc": "2026-05-01T05:00:00",
        "state": "Fired",
        "jobInstanceId": J,
        "count": 1,
        "lastDueUtc": "2026-05-01T05:00:00",
    }
    answers = (
        Say(200, {"value": [schedule()], "continuationToken": "more"}),
        Say(200, {"value": [schedule()]}),
        Say(200, {"value": [fired], "continuationToken": "more"}),
        Say(200, {"value": []}),
        Say(200, {"value": [{"dueUtc": "2026-05-01T05:00:00", "dueLocal": "2026-05-01T07:00:00+02:00"}]}),
    )
    async with scripted(*answers) as server, WeftClient(server.url, "t") as client:
        schedules = [one async for one in client.schedules.all(*PLACE)]
        occurrences = [one async for one in client.schedules.occurrences(*PLACE, J)]
        dues = await client.schedules.upcoming(*PLACE, J, limit=3)

    assert [one.id for one in schedules] == [J, J]
    assert occurrences == [
        Occurrence(
            due_utc="2026-05-01T05:00:00",
            state="Fired",
            job_instance_id=J,
            count=1,
            last_due_utc="2026-05-01T05:00:00",
        )
    ]
    assert dues == [Due("2026-05-01T05:00:00", "2026-05-01T07:00:00+02:00")]
    assert [(heard.path, heard.query) for heard in server.heard] == [
        (PATH, {}),
        (PATH, {"continuationToken": "more"}),
        (f"/weft{PATH}/{J}/occurrences", {}),
        (f"/weft{PATH}/{J}/occurrences", {"continuationToken": "more"}),
        (f"/weft{PATH}/{J}/upcoming", {"limit": "3"}),
    ]


async def test_the_clock_is_shown_and_moved_on() -> None:
    state = {"nowUtc": "2026-05-01T05:00:00", "movedBySeconds": 60.0}
    async with (
        scripted(Say(200, state), Say(200, {**state, "fired": 2})) as server,
        WeftClient(server.url, "t") as client,
    ):
        shown = await client.clock.show()
        moved = await client.clock.advance(60)

    assert shown == ClockState("2026-05-01T05:00:00", 60.0)
    assert moved == Advanced("2026-05-01T05:00:00", 60.0, 2)
    assert [(heard.method, heard.path) for heard in server.heard] == [
        ("GET", "/weft/v1/clock"),
        ("POST", "/weft/v1/clock/advance"),
    ]
    assert json.loads(server.heard[1].body) == {"seconds": 60}


@pytest.mark.parametrize("status", [429, 503])
async def test_a_clock_is_never_moved_twice_for_one_wish(status: int) -> None:
    busy = Say(status, BUSY, {"Retry-After": "0"})
    async with scripted(busy) as server, WeftClient(server.url, "t", patience=QUICK) as client:
        with pytest.raises(ApiError):
            await client.clock.advance(60)

    assert len(server.heard) == 1
