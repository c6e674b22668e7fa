"""The contract of ChangeStore: what somebody who follows jobs and was away may have missed."""

from __future__ import annotations

from typing import Protocol

import pytest

from tests.stores.builders import a_claim, a_job, an_end, an_ended_job
from weft.engine.jobs import Job, JobKey
from weft.engine.ports import ChangeStore, JobStore

FAMILIES = ("core/w1", "core/w2")


class Store(JobStore, ChangeStore, Protocol):
    """One file keeps both."""


async def kept(store: Store, scope: str, id: str, *, ended: bool = False) -> Job:
    family = scope.rpartition("/")[0]
    make = an_ended_job if ended else a_job
    job = await store.insert(make(key=JobKey(scope, id), family=family, payload=b'{"a":1}'))
    assert job is not None
    return job


@pytest.fixture
async def some(store: Store) -> list[Job]:
    places = [("core/w1/a", False), ("core/w2/b", True), ("core/w3/c", False), ("core/w1/d", True)]
    return [
        await kept(store, scope, str(number), ended=ended) for number, (scope, ended) in enumerate(places)
    ]


async def test_an_empty_store_has_no_last_number(store: Store) -> None:
    assert await store.last_number() == 0


async def test_the_last_number_is_that_of_the_newest_job_of_all(store: Store, some: list[Job]) -> None:
    assert await store.last_number() == some[-1].number


async def test_live_jobs_of_the_families_are_named(store: Store, some: list[Job]) -> None:
    more = await kept(store, "core/w2/e", "4")

    assert await store.live_numbers(FAMILIES, limit=10) == [some[0].number, more.number]
    assert await store.live_numbers(FAMILIES, limit=1) == [some[0].number]
    assert await store.live_numbers(("core/w",), limit=10) == []
    assert await store.live_numbers((), limit=10) == []


async def test_jobs_above_a_number_come_in_order_without_what_they_were_given(
    store: Store, some: list[Job]
) -> None:
    first = await store.jobs_after(FAMILIES, after=0, limit=2)
    rest = await store.jobs_after(FAMILIES, after=first[-1].number, limit=2)

    assert [job.key for job in (*first, *rest)] == [some[0].key, some[1].key, some[3].key]
    assert {job.payload for job in (*first, *rest)} == {b""}
    assert [job.state for job in first] == [some[0].state, some[1].state]


async def test_named_jobs_are_those_of_the_families(store: Store, some: list[Job]) -> None:
    numbers = [job.number for job in reversed(some)] + [10_000]

    assert [job.key for job in await store.jobs_among(FAMILIES, numbers)] == [
        some[0].key,
        some[1].key,
        some[3].key,
    ]
    assert await store.jobs_among(FAMILIES, ()) == []


async def test_a_job_is_told_as_it_is_now(store: Store, some: list[Job]) -> None:
    [running, *_] = await store.claim(a_claim(limit=1))
    ended = await store.move(an_end(running))
    assert ended is not None

    [now] = await store.jobs_among(FAMILIES, (some[0].number,))

    assert (now.state, now.ended_at) == (ended.state, ended.ended_at)


async def test_what_has_ended_in_a_closed_scope_is_gone(store: Store, some: list[Job]) -> None:
    for scope in ("core/w1/a", "core/w1/d"):
        await store.close_scope(scope)

    assert [job.key for job in await store.jobs_after(FAMILIES, after=0, limit=9)] == [
        some[0].key,
        some[1].key,
    ]
    assert [job.key for job in await store.jobs_among(FAMILIES, [job.number for job in some])] == [
        some[0].key,
        some[1].key,
    ]
