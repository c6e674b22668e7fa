"""Any text, payload and number that a job may carry comes back from the SQLite store as it went in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stores.builders import NOW, a_claim, a_job
from weft.engine.jobs import Changes, ErrorDetail, Job, JobError, JobKey, Move, Progress, WhenLost
from weft.engine.lifecycle import State
from weft.stores.sqlite import SqliteStore
from weft.stores.sqlite.values import instant, micros

_numbers = count(1)


def _a_new_key(scope: str, id: str) -> JobKey:
    return JobKey(scope, f"{id}{next(_numbers)}")  # Hypothesis repeats values, and a key is taken once


def _unique(text: str) -> str:
    return text and f"{text}{next(_numbers)}"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
instants = st.integers(0, micros(datetime.max.replace(tzinfo=UTC))).map(instant)
blobs = st.binary(max_size=3_000)
labels = st.dictionaries(texts, texts, max_size=5)
pairs = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
details = st.builds(ErrorDetail, texts, texts, st.lists(texts, max_size=3).map(tuple), pairs)
errors = st.builds(
    JobError,
    texts,
    texts,
    texts,
    st.none() | st.booleans(),
    st.lists(texts, max_size=3).map(tuple),
    st.lists(details, max_size=2).map(tuple),
)
amounts = st.floats(allow_nan=False)
jobs = st.builds(
    a_job,
    key=st.builds(_a_new_key, texts, texts),
    queue=texts,
    kind=texts,
    payload=blobs,
    labels=labels,
    fingerprint=blobs,
    submitted_by=texts,
    when_lost=st.sampled_from(WhenLost),
    submitted_at=instants,
    available_at=instants,
    cancel_requested_at=st.none() | instants,
    cancel_requested_by=st.none() | texts,
    result=st.none() | blobs,
    error=st.none() | errors,
    progress=st.none() | st.builds(Progress, amounts, amounts, texts),
    unique=st.builds(_unique, texts),
    losses=st.integers(0, 2**31),
)


class Sync:
    """A store and the loop it is used from, for tests that Hypothesis calls many times."""

    def __init__(self, path: Path) -> None:
        self._runner = asyncio.Runner()
        self._store = SqliteStore.open(path, writes_waiting=10)

    def insert_and_get(self, job: Job) -> Job | None:
        async def both() -> Job | None:
            await self._store.insert(job)
            return await self._store.get(job.key)

        return self._runner.run(both())

    def end(self, result: bytes | None, error: JobError | None) -> Job | None:
        async def life() -> Job | None:
            await self._store.insert(a_job())
            [job] = await self._store.claim(a_claim())
            changes = Changes(ended_at=NOW, releases_lease=True, result=result, error=error)
            end = Move(key=job.key, source=job.state, target=State.FAILED, epoch=job.epoch, changes=changes)
            return await self._store.move(end)

        return self._runner.run(life())

    def close(self) -> None:
        self._runner.run(self._store.close())
        self._runner.close()


@pytest.fixture(scope="module")
def sync(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sync]:
    store = Sync(tmp_path_factory.mktemp("values") / "weft.db")
    yield store
    store.close()


@given(job=jobs)
@settings(max_examples=100, deadline=None)
def test_a_job_of_any_values_comes_back_as_it_was(sync: Sync, job: Job) -> None:
    kept = sync.insert_and_get(job)

    assert kept is not None
    assert replace(kept, number=0) == job


@given(result=st.none() | blobs, error=st.none() | errors)
@settings(max_examples=50, deadline=None)
def test_an_end_of_any_values_comes_back_as_it_was(
    sync: Sync, result: bytes | None, error: JobError | None
) -> None:
    ended = sync.end(result, error)

    assert ended is not None
    assert (ended.result, ended.error) == (result, error)
