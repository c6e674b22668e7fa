"""Calls that meet: whatever their order, one job lives, one end is told, and what is gone stays gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.faces.twins.serving import DELETIONS, IMPORTS, Served
from tests.transcripts.player import Answer
from weft.engine.errors import LeaseLost
from weft.engine.jobs import Completed, Job, JobKey, Room, Stopped
from weft.engine.ports import Duplicate

ROUNDS = 20


def statuses(answers: Sequence[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


@pytest.mark.parametrize("same", [True, False])
async def test_of_two_adds_at_once_one_is_accepted(served: Served, same: bool) -> None:
    answers = await asyncio.gather(*(served.add("job" if same else f"job{n}") for n in range(2)))

    assert statuses(answers) == {201: 1, 429: 1}
    assert len((await served.call("GET", IMPORTS)).json()["value"]) == 1


async def test_of_twenty_imports_and_deletions_at_once_one_is_accepted(served: Served) -> None:
    imports = [served.add(f"job{number}") for number in range(10)]
    deletions = [served.delete_all(f"job{number}") for number in range(10)]

    answers = await asyncio.gather(*imports, *deletions)

    accepted = [answer for answer in answers if answer.status in (201, 202)]
    assert len(accepted) == 1
    assert statuses(answers)[429] == 19


async def test_of_adds_of_one_id_at_once_one_is_accepted_where_there_is_room(small_pages: Served) -> None:
    answers = await asyncio.gather(*(small_pages.add("job") for _ in range(ROUNDS)))

    assert statuses(answers) == {201: 1, 409: ROUNDS - 1}


async def test_a_cancel_that_meets_the_end_tells_one_end_that_stays(small_pages: Served) -> None:
    for number in range(ROUNDS):
        id = f"job{number}"
        await small_pages.added(id)
        job = await small_pages.started()

        told, _ = await asyncio.gather(small_pages.cancel(id), small_pages.end(job, Completed()))

        assert (await small_pages.get(id))["status"] == "succeeded"
        if told.status == 200:
            assert told.json()["status"] == "cancelling"
        else:
            assert (told.status, told.json()["error"]["code"]) == (400, "ValidationFailed")


async def test_a_cancel_that_meets_the_start_is_kept(small_pages: Served) -> None:
    for number in range(ROUNDS):
        id = f"job{number}"
        await small_pages.added(id)

        told, jobs = await asyncio.gather(small_pages.cancel(id), small_pages.claimed())

        assert told.json()["status"] in ({"cancelling", "cancelled"} if jobs else {"cancelled"})
        for job in jobs:
            assert (await small_pages.get(id))["status"] == "cancelling"
            await small_pages.end(job, Stopped())
        assert (await small_pages.get(id))["status"] == "cancelled"


async def test_cancels_at_once_tell_one_wish(served: Served) -> None:
    await served.added()
    await served.started()

    answers = await asyncio.gather(*(served.cancel() for _ in range(ROUNDS)))

    assert statuses(answers) == {200: ROUNDS}
    assert len({answer.body for answer in answers}) == 1


async def test_a_delete_that_meets_the_end_deletes_an_ended_job_or_none(small_pages: Served) -> None:
    for number in range(ROUNDS):
        id = f"job{number}"
        await small_pages.added(id)
        [job] = await small_pages.claimed()

        deleted, _ = await asyncio.gather(
            small_pages.call("DELETE", f"{IMPORTS}/{id}"), small_pages.end(job, Completed())
        )

        shown = await small_pages.call("GET", f"{IMPORTS}/{id}")
        assert (deleted.status, shown.status) in {(204, 404), (400, 200)}


async def test_of_deletes_at_once_one_deletes(served: Served) -> None:
    await served.added()
    await served.cancel()

    answers = await asyncio.gather(*(served.call("DELETE", f"{IMPORTS}/job1") for _ in range(ROUNDS)))

    assert statuses(answers) == {204: 1, 404: ROUNDS - 1}


async def test_what_a_former_owner_writes_does_not_bring_a_deleted_job_back(served: Served) -> None:
    await served.added()
    job = await served.started()
    await served.end(job, Stopped())
    await served.call("DELETE", f"{IMPORTS}/job1")

    with pytest.raises(LeaseLost):
        await served.end(job, Completed())

    assert (await served.call("GET", f"{IMPORTS}/job1")).status == 404
    assert await served.store.get(JobKey("twins/imports", "job1")) is None


async def test_an_add_that_meets_a_delete_begins_anew_or_not_at_all(served: Served) -> None:
    await served.added()
    await served.cancel()

    added, deleted = await asyncio.gather(served.add(), served.call("DELETE", f"{IMPORTS}/job1"))

    assert deleted.status == 204
    assert added.status in (201, 409)
    shown = await served.call("GET", f"{IMPORTS}/job1")
    assert shown.status == (200 if added.status == 201 else 404)


async def test_reads_never_meet_a_job_without_its_members(served: Served) -> None:
    async def life() -> None:
        for number in range(ROUNDS):
            await served.added(f"job{number}")
            await served.ended(Completed())

    async def looks() -> list[int]:
        return [len((await served.call("GET", IMPORTS)).json()["value"]) for _ in range(ROUNDS)]

    _, seen = await asyncio.gather(life(), looks())

    assert seen == sorted(seen)


async def test_a_deletion_is_done_once_however_often_it_is_asked_for(served: Served) -> None:
    answers = await asyncio.gather(*(served.delete_all("d") for _ in range(ROUNDS)))

    assert statuses(answers) == {202: 1, 429: ROUNDS - 1}
    assert len((await served.call("GET", DELETIONS)).json()["value"]) == 1


async def test_an_id_that_is_freed_while_it_is_looked_at_is_taken(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.added()
    await served.cancel()
    insert = served.store.insert

    async def meets_a_delete(
        job: Job, room: Room | None = None, duplicate: Duplicate | None = None
    ) -> Job | None:
        kept = await insert(job, room, duplicate)
        if kept is None:
            await served.store.delete(job.key)
        return kept

    monkeypatch.setattr(served.store, "insert", meets_a_delete)

    assert (await served.add()).status == 201
    assert (await served.get())["status"] == "notstarted"
