"""Calls about one item that meet: whatever their order, one create wins and nothing outlives a delete."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.dump import dump
from tests.faces.workload.house import ITEM, House
from tests.faces.workload.test_items import BODY, DEFINITION, told
from tests.transcripts.player import Answer


def job(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


async def test_twenty_creates_of_one_item_call_its_hook_once(hooked: House) -> None:
    answers = await asyncio.gather(*(hooked.make(BODY) for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert hooked.hooks.events == ["create"]
    assert len(dump(hooked.database)["hosted_items"]) == 1


async def test_of_creates_with_two_bodies_one_wins_whole(hooked: House) -> None:
    bodies = [{"displayName": "x", "creationPayload": {"n": n % 2}} for n in range(20)]

    answers = await asyncio.gather(*(hooked.make(body) for body in bodies))

    winner = (await hooked.payload()).json()["itemPayload"]["n"]
    assert [answer.status for answer in answers] == [200 if n % 2 == winner else 409 for n in range(20)]
    assert hooked.hooks.events == ["create"]


async def test_creates_in_both_contracts_make_one_item(hooked: House) -> None:
    calls = [hooked.make(BODY) if n % 2 else hooked.notify("OnCreateItem", DEFINITION) for n in range(10)]

    answers = await asyncio.gather(*calls)

    assert sorted(answer.status for answer in answers) == [200] * 5 + [409] * 5
    assert hooked.hooks.events == ["create"]


@pytest.mark.parametrize("seed", range(4))
async def test_no_job_is_created_after_the_delete_has_answered(seed: int, house: House) -> None:
    deleted = False

    async def create(number: int) -> tuple[bool, int]:
        for _ in range(number % 7):
            await asyncio.sleep(0)
        too_late = deleted
        answer = await house.create("wait", job=job(number))
        return too_late, answer.status

    async def delete(how: str) -> Answer:
        nonlocal deleted
        answer = await (house.delete() if how == "WDK" else house.notify("OnDeleteItem", {}))
        deleted = True
        return answer

    calls = [create(n) for n in range(40)] + [delete("WDK"), delete("Remote")]
    random.Random(seed).shuffle(calls)
    answers = await asyncio.gather(*calls)

    created = [answer for answer in answers if isinstance(answer, tuple)]
    assert [answer.status for answer in answers if isinstance(answer, Answer)] == [200, 200]
    assert {status for _, status in created} <= {202, 404}
    assert [status for too_late, status in created if too_late and status != 404] == []
    for number in range(40):
        state = await house.get(job=job(number))
        assert state.status == 404 or state.json()["status"] == "Cancelled"
    assert told(await house.create("return", job=job(99))) == (404, "ItemNotFound")


async def test_a_create_that_meets_a_delete_is_made_and_deleted_or_refused(hooked: House) -> None:
    async def meet(number: int) -> None:
        made, deleted = await asyncio.gather(
            hooked.make(BODY, item=job(number)), hooked.delete(item=job(number))
        )
        assert made.status in (200, 409, 503)
        assert deleted.status == 200
        assert told(await hooked.payload(item=job(number))) == (404, "ItemNotFound")
        assert told(await hooked.make(BODY, item=job(number))) == (409, "ItemConflict")

    await asyncio.gather(*(meet(n) for n in range(20)))


async def test_a_job_created_between_soft_deletes_and_restores_belongs_to_an_active_item(
    house: House,
) -> None:
    await house.make(BODY)

    async def toggle(what: str, body: object) -> int:
        return (await house.notify(what, body)).status

    for turn in range(5):
        await asyncio.gather(
            toggle("OnDeleteItem", {"deleteType": "Soft"}),
            toggle("OnRestoreItem", {}),
            *(house.create("wait", job=job(turn * 10 + n)) for n in range(10)),
        )
    assert await toggle("OnDeleteItem", {"deleteType": "Soft"}) == 200

    for number in range(50):
        state = await house.get(job=job(number))
        assert state.status == 404 or state.json()["status"] == "Cancelled"
    assert told(await house.create(job=job(99))) == (404, "ItemNotFound")
    assert await toggle("OnRestoreItem", {}) == 200
    assert (await house.create("return", job=job(99))).status == 202
    await house.until("Completed", job=job(99))


async def test_updates_at_once_are_applied_one_after_the_other(hooked: House) -> None:
    await hooked.make(BODY)

    answers = await asyncio.gather(
        *(hooked.change({"displayName": f"n{n}", "updatePayload": {"n": n}}) for n in range(10))
    )

    assert {answer.status for answer in answers} == {200}
    last = hooked.hooks.called[-1][1]
    assert (await hooked.payload()).json()["itemPayload"] == last["payload"]
    assert f"n{last['payload']['n']}" == last["displayName"]


async def test_a_cancelled_job_that_is_created_late_at_a_deleted_item_never_runs(house: House) -> None:
    await house.cancel()
    await house.delete()

    late = await house.create("return")

    assert told(late) == (404, "ItemNotFound") or late.status == 202
    assert house.script.ran == []
    assert (await house.get()).json()["status"] == "Cancelled"
    assert ITEM in repr(dump(house.database)["hosted_items"])
