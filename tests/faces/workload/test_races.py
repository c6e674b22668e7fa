"""Calls that meet: whatever their order, a job runs once or not at all, and a cancelled one has stopped."""

from __future__ import annotations

import asyncio

import pytest

from tests.faces.workload.house import House, body_of, path_of

ENDS = {"Cancelled", "Completed"}


def job(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


async def test_twenty_creates_of_one_id_run_once(house: House) -> None:
    answers = await asyncio.gather(*(house.create("return") for _ in range(20)))

    await house.until("Completed")
    assert {answer.status for answer in answers} == {202}
    assert len(house.script.ran) == 1


async def test_of_creates_with_two_bodies_the_first_wins_whole(house: House) -> None:
    bodies = [body_of("return", n=n % 2) for n in range(20)]

    answers = await asyncio.gather(*(house.ask("POST", path_of(), body) for body in bodies))

    await house.until("Completed")
    winner = house.script.ran[0]["n"]
    assert len(house.script.ran) == 1
    assert [answer.status for answer in answers] == [202 if n % 2 == winner else 409 for n in range(20)]


@pytest.mark.parametrize("first", ["create", "cancel"])
async def test_a_create_and_a_cancel_at_once_end_cancelled(first: str, house: House) -> None:
    async def both(number: int) -> str:
        calls = [house.create("wait", job=job(number)), house.cancel(job=job(number))]
        answers = await asyncio.gather(*(calls if first == "create" else reversed(calls)))
        assert {answer.status for answer in answers} == {202, 200}
        await house.until("Cancelled", job=job(number))
        return job(number)

    ended = await asyncio.gather(*(both(number) for number in range(40)))

    states = [(await house.get(job=id)).json()["status"] for id in ended]
    assert states == ["Cancelled"] * 40


async def test_late_creates_after_a_cancel_never_run(house: House) -> None:
    await asyncio.gather(*(house.cancel(job=job(n)) for n in range(20)))

    answers = await asyncio.gather(*(house.create("return", job=job(n % 20)) for n in range(60)))

    # A job of its own that has run: whatever was queued before it would have run too.
    await house.create("return", job=job(99))
    await house.until("Completed", job=job(99))
    assert {answer.status for answer in answers} == {202}
    assert house.script.ran == [{"do": "return"}]


async def test_cancels_of_an_unknown_id_at_once_tell_one_state(house: House) -> None:
    answers = await asyncio.gather(*(house.cancel() for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


async def test_cancels_of_a_running_job_at_once_tell_one_end(house: House) -> None:
    await house.create("wait")
    await house.until("InProgress")

    answers = await asyncio.gather(*(house.cancel() for _ in range(20)))

    assert len({answer.body for answer in answers}) == 1
    assert answers[0].json()["status"] == "Cancelled"


async def test_a_cancel_that_meets_the_end_tells_one_final_state_that_stays(house: House) -> None:
    async def meet(number: int) -> tuple[str, str]:
        await house.create("return", job=job(number))
        told = (await house.cancel(job=job(number))).json()
        kept = (await house.get(job=job(number))).json()
        assert told["status"] in ENDS
        assert kept == told
        return told["status"], kept["status"]

    await asyncio.gather(*(meet(number) for number in range(60)))
